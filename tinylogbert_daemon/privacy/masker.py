"""Masks what the rules find, in lines and in shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from tinylogbert_daemon.privacy.own import own_rule
from tinylogbert_daemon.privacy.rules import RULES, Rule

PLACEHOLDER = b"masked0x0"
"""What stands for a secret in a shape; it is normalised to ``[id]``, as most secrets are."""

MASKED = "[masked]"
"""What stands for the words of a secret among the words of a text."""

SPOKEN = "a masked secret"
"""The same in a sentence for people."""


class Masker:
    """Masks what its rules find, in their order; ``without`` names rules of the table."""

    def __init__(self, without: Iterable[str] = (), own: Mapping[str, str] | None = None) -> None:
        left_out = set(without)
        self._rules = [rule for rule in RULES if rule.name not in left_out]
        self._rules += [own_rule(name, pattern) for name, pattern in (own or {}).items()]
        content = "\0".join(f"{rule.name} {rule.pattern.pattern}" for rule in self._rules)
        self.fingerprint = blake2b(content.encode(), digest_size=8).hexdigest()
        """Tells these rules from others."""
        self._always = [rule for rule in self._rules if not rule.guards]
        guards = sorted({guard for rule in self._rules for guard in rule.guards})
        # one search says of most lines that all rules with guards have nothing to find
        self._guards = re.compile("|".join(map(re.escape, guards)) or r"(?!)")

    def line(self, line: str) -> str:
        """Return ``line`` with each secret as ``[masked:RULE]``; masked once, it stays as it is.

        >>> Masker().line("login of bob with password=hunter2 failed")
        'login of bob with password=[masked:password] failed'
        """
        return self._masked(line, None)

    def shape(self, shape: bytes) -> bytes:
        """Return ``shape`` with each secret as :data:`PLACEHOLDER`; the same object if it has none.

        >>> Masker().shape(b"login of bob with password=hunter0 failed")
        b'login of bob with password=masked0x0 failed'
        """
        text = shape.decode("utf-8", "surrogateescape")
        masked = self._masked(text, PLACEHOLDER.decode())
        return shape if masked is text else masked.encode("utf-8", "surrogateescape")

    def _masked(self, text: str, placeholder: str | None) -> str:
        lowered = text.lower()
        for rule in self._rules if self._guards.search(lowered) else self._always:
            if not rule.guards or any(guard in lowered for guard in rule.guards):
                text = _apply(rule, text, placeholder or f"[masked:{rule.name}]")
        return text


def _apply(rule: Rule, text: str, placeholder: str) -> str:
    pieces, at = [], 0
    for found in rule.pattern.finditer(text):
        groups = found.groupdict()
        group = next((name for name in ("secret", "quoted") if groups.get(name)), 0)
        start, end = found.span(group)
        if text[start:end] != placeholder and rule.check(text[start:end]):
            pieces += [text[at:start], placeholder]
            at = end
    return "".join([*pieces, text[at:]]) if pieces else text
