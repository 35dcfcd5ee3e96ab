"""Training started by the daemon: a process of its own, one at a time, with what is to spare."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from tinylogbert_daemon.config.schema import Learning
from tinylogbert_daemon.escape import printable

_LIBRARIES = ("transformers", "sklearn", "safetensors")
_GRACE_SECONDS = 600.0
_REASON_CHARACTERS = 300


def can_train() -> bool:
    """Return whether the libraries of the ``train`` extra are installed; loads none of them."""
    return all(map(find_spec, _LIBRARIES))


async def retrain(state_dir: Path, model: Path, learning: Learning) -> str | None:
    """Train on what the state holds, starting from the artifact ``model``.

    Returns None once an artifact was made, else the reason why none was, in one line. Cancelled,
    it ends the process; so it does where training goes on far beyond ``retrain_minutes``.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tinylogbert_daemon", "train"),
        *("--state", str(state_dir.absolute())),
        *("--init", str(model)),
        *("--cpu-share", str(learning.cpu_share)),
        *("--max-minutes", str(learning.retrain_minutes)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={
            **{name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
        },
        process_group=0,  # a Ctrl-C is for the daemon, which ends its child
    )
    try:
        async with asyncio.timeout(learning.retrain_minutes * 60 + _GRACE_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        return f"it did not end within {learning.retrain_minutes:g} minutes"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return None
    lines = said.decode("utf-8", "replace").splitlines() or [f"exit status {process.returncode}"]
    return printable(lines[-1].removeprefix("tinylogbert: "), _REASON_CHARACTERS)
