"""Secrets in log lines: found by rules, masked before a line is kept or sent."""

from tinylogbert_daemon.privacy.masker import PLACEHOLDER, Masker
from tinylogbert_daemon.privacy.own import own_rule
from tinylogbert_daemon.privacy.rules import NAMES, RULES

__all__ = ["NAMES", "PLACEHOLDER", "RULES", "Masker", "own_rule"]
