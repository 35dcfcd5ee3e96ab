"""The encodings that a log may have, by the names that the configuration gives them."""

from __future__ import annotations

from typing import Literal, get_args

Encoding = Literal[
    "auto",
    "utf-8",
    "latin-1",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
]

BY_MARK: tuple[Encoding, ...] = ("auto", "utf-16", "utf-32")
"""Those that leave it to a file's byte order mark which one it is."""

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
