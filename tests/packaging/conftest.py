"""The modules that build the packages can be imported, as scripts/build_deb imports them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "packaging"))
