"""The stages joined: blocks from the files through verdicts and decisions into the state."""

from tinylogbert_daemon.pipeline.run import Pipeline

__all__ = ["Pipeline"]
