"""Hand-made verdicts."""

from __future__ import annotations

import numpy as np

from tinylogbert_daemon.model.scorer import Verdict, text_key


def verdict(text: str = "disk failed", raw: float = 3.0, severity: float = 0.5) -> Verdict:
    surprise = np.full(len(text.split()), raw, np.float32)
    return Verdict(text, text_key(text), raw, severity, surprise, np.zeros(2, np.float16))
