"""Why a record is an anomaly, in words for someone who has never seen the log."""

from __future__ import annotations

from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.tokenizer import Tokenizer
from tinylogbert_daemon.privacy import MASKED, SPOKEN

WORDS = 3
"""How many of the most surprising words an explanation names."""

_CLEARLY = 0.8
_TROUBLE = 0.5
_NEW = 0.65
_RARE = 0.12

LEAST_EXPECTED = "least expected: "
"""How the part of a reason begins that names words of the line; it is the last one."""

# every line has them, whatever it says
_HEADER = frozenset(("[time]", "[host]"))
_LOGGED_AS = {
    "[warn]": "a warning",
    "[error]": "an error",
    "[fatal]": "critical",
    "[5xx]": "a server error",
}
_SPOKEN = {
    "[num]": "a number",
    "[ip]": "an IP address",
    "[mac]": "a MAC address",
    "[uuid]": "a UUID",
    "[hex]": "a hex number",
    "[id]": "an identifier",
    "[path]": "a path",
    "[url]": "a URL",
    "[agent]": "a user agent",
    "[mail]": "a mail address",
    "[blob]": "encoded data",
    "[bin]": "bytes that are no text",
    MASKED: SPOKEN,
}


def surprising_words(verdict: Verdict, tokenizer: Tokenizer) -> tuple[tuple[str, float], ...]:
    """Return the words of the text that surprise most, each with its share of the surprise.

    What stands where every line has its header is not named. A word that occurs several times is
    named once, with the shares of all.
    """
    encoding = tokenizer.encode([verdict.text])[0]
    words = verdict.text.split(" ")
    total = float(verdict.surprise.sum())
    if total <= 0:
        return ()
    share: dict[str, float] = {}
    for place, surprise in zip(encoding.words[1:-1], verdict.surprise.tolist(), strict=True):
        word = words[place]
        if word not in _HEADER:
            share[word] = share.get(word, 0.0) + surprise / total
    largest = sorted(share, key=lambda word: -share[word])[:WORDS]
    return tuple((word, round(share[word], 3)) for word in largest)


def reason(
    verdict: Verdict, decision: Decision, words: tuple[tuple[str, float], ...], *, learning: bool
) -> str:
    """Return one line: how it is logged and reads, is it new here, which words are unexpected."""
    level = next((word for word in verdict.text.split(" ") if word in _LOGGED_AS), None)
    parts = [f"logged as {_LOGGED_AS[level]}"] if level is not None else []
    if verdict.severity >= _CLEARLY:
        parts.append(f"reads like trouble (severity {verdict.severity:.2f})")
    elif verdict.severity >= _TROUBLE:
        parts.append(f"may be trouble (severity {verdict.severity:.2f})")
    else:
        parts.append(f"the wording alone tells little (severity {verdict.severity:.2f})")
    if decision.novelty > _NEW:
        parts.append("never seen on this host")
    elif decision.novelty > _RARE:
        parts.append("rare on this host")
    else:
        parts.append("known on this host")
    if learning:
        parts[-1] += " (still learning this log)"
    if words:
        named = ", ".join(f"{spoken(word)} {share:.0%}" for word, share in words)
        parts.append(f"{LEAST_EXPECTED}{named}")
    return "; ".join(parts)


def spoken(word: str) -> str:
    """Return a word of a text for people: quoted, or what its typed token stands for."""
    return _SPOKEN.get(word) or f'"{word}"'
