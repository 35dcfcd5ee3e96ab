"""torch's own libraries, loaded in a thread while Python is busy importing other things.

Most of the first half second of ``import torch`` goes into placing 450 MB of code, for which the
interpreter's lock is not needed: on a second core it costs no time.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

_LIBRARY = "libtorch_python.so"  # needs all the others


def preload() -> None:
    """Begin to load the libraries. What goes wrong is left to ``import torch`` to say."""
    threading.Thread(target=_load, name="preload", daemon=True).start()


def _load() -> None:
    with suppress(OSError):
        spec = find_spec("torch")
        if spec is not None and spec.origin is not None:
            ctypes.CDLL(str(Path(spec.origin).parent / "lib" / _LIBRARY))
