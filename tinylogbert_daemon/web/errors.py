"""The errors that paths of the API may answer, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from tinylogbert_daemon.web.models import ErrorResponse


def errors(meaning: str, status: int) -> dict[int | str, dict[str, Any]]:
    """Return the entry of an answer ``{"error": …}``."""
    return {status: {"model": ErrorResponse, "description": meaning.capitalize()}}


REFUSALS = errors("needs the token", 401)
