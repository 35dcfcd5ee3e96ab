"""A log that no other test has set up."""

from __future__ import annotations

import pytest
import structlog


@pytest.fixture(autouse=True)
def _default_log() -> None:
    # another test's may go to a stream that is closed by now
    structlog.reset_defaults()
