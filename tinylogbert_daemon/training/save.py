"""A training run in progress on disk: safetensors and JSON, never a pickle."""

from __future__ import annotations

import json
import math
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_STATE_FILE = "state.json"


class Save:
    """Where one run is saved; ``identity`` says all that it depends on.

    Each save is a folder of its own, named by its step, written under another name and then
    renamed. A crash while saving leaves the save before; one while tidying leaves both, and the
    later one counts.
    """

    def __init__(self, checkpoint_dir: Path, identity: str) -> None:
        name = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        self._folder = checkpoint_dir / f".resume-{name}"

    def write(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        step: int,
        loss: float,
        seconds: float,
    ) -> None:
        """Save the run after ``step``, which is ``seconds`` old."""
        new = self._folder / "new"
        rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        # clones: safetensors refuses the tied embedding's shared memory
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        save_file(weights, new / "model.safetensors")
        moments = {
            f"{index}.{name}": value
            for index, values in optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        save_file(moments, new / "optimizer.safetensors")
        loss_or_none = None if math.isnan(loss) else loss
        state = {"step": step, "loss": loss_or_none, "seconds": seconds}
        (new / _STATE_FILE).write_text(json.dumps(state))
        before = self._saves()
        saved = self._folder / f"{step:09}"
        if saved not in before:
            new.rename(saved)
        for folder in before:
            if folder != saved:
                rmtree(folder, ignore_errors=True)

    def restore(
        self, network: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[int, float, float]:
        """Load the save into both; return its step, smoothed loss and age in seconds.

        Without a save, these are 0, NaN and 0.
        """
        saves = self._saves()
        if not saves:
            return 0, math.nan, 0.0
        folder = saves[-1]
        network.load_state_dict(load_file(folder / "model.safetensors"))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in load_file(folder / "optimizer.safetensors").items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        state = json.loads((folder / _STATE_FILE).read_text())
        loss = math.nan if state["loss"] is None else float(state["loss"])
        return int(state["step"]), loss, float(state.get("seconds", 0.0))

    def remove(self) -> None:
        """Remove what was saved: the run is over."""
        rmtree(self._folder, ignore_errors=True)

    def _saves(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*"))
