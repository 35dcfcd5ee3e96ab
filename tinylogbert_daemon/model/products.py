"""How the matrix products of a verdict's graph are computed on this host.

In a graph each product goes through a :class:`Product`, which is saved with the plain linear layer
in it. Who loads the graph may put another way in its place: the artifact says what is computed,
the host how. (TorchScript reads the annotations, so they are not postponed here.)
"""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylogbert_daemon.model.tokenizer import END, START, UNKNOWN

Ranges = dict[str, tuple[float, float]]
"""The least and the largest number that goes into each product, by its name."""

_LARGE, _MIDDLE, _SMALL = 256, 128, 32
"""Rows of the tiles of :class:`Tiled`."""

_STATES = 255
"""Steps of the range of what goes into a product in int8 (8 bits, unsigned)."""

_WEIGHTS = 63
"""Steps of a row of weights to each side of zero (7 bits): where the processor adds two products
in 16 bits, as without VNNI, 8 would overflow there."""


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is DESIGN's choice

    @torch.jit.interface
    class Way(nn.Module):
        """What computes a product: states (…, in), weight (out, in), bias (out) to (…, out)."""

        def forward(self, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # type: ignore[empty-body]
            pass  # the compiler of interfaces takes nothing else


class Plain(nn.Module):
    """The linear layer, as torch computes it."""

    def forward(self, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See :class:`Way`."""
        return F.linear(states, weight, bias)


class Product(nn.Module):
    """A place in the graph at which a product is computed, in the way that ``by`` says."""

    by: Way

    def __init__(self) -> None:
        super().__init__()
        self.by = Plain()  # type: ignore[assignment]

    def forward(self, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See :class:`Way`."""
        return self.by.forward(states, weight, bias)


class Tiled(nn.Module):
    """In tiles of rows, the last of which is rounded up.

    oneDNN, which computes in bf16, compiles and keeps half a megabyte for each number of rows that
    it meets. This way it meets five.
    """

    def __init__(self) -> None:
        super().__init__()
        self.large, self.middle, self.small = _LARGE, _MIDDLE, _SMALL

    def forward(self, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See :class:`Way`."""
        rows = states.flatten(0, -2)
        count = rows.size(0)
        if count % self.small:
            rows = F.pad(rows, [0, 0, 0, -count % self.small])
        rest = rows.size(0)
        parts: list[Tensor] = []
        while rest > 0 or len(parts) == 0:
            size = self.large if rest >= self.large else min(self.middle, rest)
            start = rows.size(0) - rest
            parts.append(F.linear(rows[start : start + size], weight, bias))
            rest -= size
        result = parts[0] if len(parts) == 1 else torch.cat(parts)
        product: Tensor = result[:count].unflatten(0, states.size()[:-1])  # type: ignore[no-untyped-call]
        return product


class Watched(nn.Module):
    """As plain, and remembers the weight and the range of the states that were seen."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = torch.zeros(0), torch.zeros(0)
        self.low, self.high = 0.0, 0.0

    def forward(self, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See :class:`Way`."""
        self.weight, self.bias = weight, bias
        self.low = min(self.low, float(states.min()))
        self.high = max(self.high, float(states.max()))
        return F.linear(states, weight, bias)


class Int8(nn.Module):
    """In int8 (Jacob et al., 2018): one scale for the states, one for each row of the weight.

    All are fixed beforehand and sums are of integers, so a row's result depends on that row alone.
    What is out of the range is taken for its end.
    """

    def __init__(self, weight: Tensor, bias: Tensor, low: float, high: float) -> None:
        super().__init__()
        scales = weight.abs().amax(1).clamp_min(1e-12).double() / _WEIGHTS
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        with warnings.catch_warnings():
            # torch means to remove quantised tensors one day: see has_int8
            warnings.simplefilter("ignore", UserWarning)
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(rounded, bias)
        self.scale = max(high - low, 1e-12) / _STATES
        self.zero = round(-low / self.scale)

    def forward(self, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See :class:`Way`."""
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            states, self.scale, self.zero, self.packed
        )
        return product


def has_int8() -> bool:
    """Return whether this torch computes :class:`Int8` on this processor: a later one may not."""
    return (
        hasattr(torch, "quantize_per_channel")
        and hasattr(torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32")
        and "fbgemm" in torch.backends.quantized.supported_engines
    )


def place() -> torch.jit.ScriptModule:
    """Return a new :class:`Product`, for a graph that is about to be traced."""
    return _scripted(Product())


def in_tiles(graph: torch.jit.ScriptModule) -> None:
    """Have all products of ``graph`` computed in tiles."""
    for _, product in _products(graph):
        product.by = _scripted(Tiled())


def ranges_of(graph: torch.jit.ScriptModule, batches: list[tuple[Tensor, Tensor]]) -> Ranges:
    """Return what goes into each product of ``graph`` (fp32) over batches of ids and mask.

    Leaves the products plain.
    """
    watched = _watch(graph, batches)
    for _, product in _products(graph):
        product.by = _scripted(Plain())
    return {name: (way.low, way.high) for name, way in watched.items()}


def in_int8(graph: torch.jit.ScriptModule, ranges: Ranges) -> None:
    """Have the products of ``graph`` (fp32) computed in int8 of which ``ranges`` are given."""
    ids = torch.tensor([[START, UNKNOWN, END]])  # any will do: it is the weights that are wanted
    watched = _watch(graph, [(ids, torch.ones_like(ids, dtype=torch.bool))])
    engine = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"  # what packs the weights; it is the process's
    try:
        for name, product in _products(graph):
            way, known = watched[name], ranges.get(name)
            product.by = _scripted(Int8(way.weight, way.bias, *known) if known else Plain())
    finally:
        torch.backends.quantized.engine = engine


def _watch(graph: torch.jit.ScriptModule, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    for _, product in _products(graph):
        product.by = _scripted(Watched())
    with torch.inference_mode():
        for ids, mask in batches:
            graph(ids, mask)
    return {name: product.by for name, product in _products(graph)}


def _products(graph: torch.jit.ScriptModule) -> Iterator[tuple[str, Any]]:
    """Yield each product of a graph by its name; a graph of an older version has none."""
    products = getattr(graph, "products", None)
    if products is not None:
        yield from products.named_children()


def _scripted(way: nn.Module) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module: torch.jit.ScriptModule = torch.jit.script(way.eval())
    return module
