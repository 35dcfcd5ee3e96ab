"""Secrets in log lines: found by rules, masked before a line is kept or sent."""

from tinylogbert_daemon.privacy.masker import MASKED, PLACEHOLDER, SPOKEN, Masker
from tinylogbert_daemon.privacy.own import own_rule
from tinylogbert_daemon.privacy.rules import NAMES, RULES

__all__ = ["MASKED", "NAMES", "PLACEHOLDER", "RULES", "SPOKEN", "Masker", "own_rule"]
