"""What `fuzz.py` runs: for each target a function of any bytes, and what must hold of them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.levels import LEVELS
from tinylogbert_daemon.model.normalize import (
    LEVEL_SET,
    SHAPE_LIMIT,
    TYPED_TOKENS,
    WORD_LIMIT,
    level_of,
    normalize,
)
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.patterns import compiled
from tinylogbert_daemon.privacy import RULES, Masker, own_rule
from tinylogbert_daemon.source import logtime
from tinylogbert_daemon.source.cutter import Cutter
from tinylogbert_daemon.source.encoding import recognise
from tinylogbert_daemon.source.entries import entries
from tinylogbert_daemon.source.formats import NAMES
from tinylogbert_daemon.source.header import read
from tinylogbert_daemon.source.joining import LOOK_BYTES, PRESETS, Joining

ROOT = Path(__file__).resolve().parents[1]
NOW = 1_750_000_000.0
RECORD_BYTES = 64 * 1024
SLOW_SECONDS = 1.0
"""Of processor time, for what takes milliseconds."""

_MASKER = Masker()
_SEED_BYTES = 2000
_CODINGS = ("auto", "utf-8", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _line(data: bytes) -> bytes:
    return data.replace(b"\n", b" ")


class _Quick:
    """Asserts that what is done inside took no longer than it may."""

    def __enter__(self) -> None:
        self._began = time.process_time()

    def __exit__(self, *_: object) -> None:
        took = time.process_time() - self._began
        assert took < SLOW_SECONDS, f"took {took:.1f} s"


def shape(data: bytes) -> None:
    """Records have their shapes whatever stands beside them, and no digits but 0."""
    block = data + b"\n"
    with _Quick():
        found = shapes(block)
    assert found == [shapes(line + b"\n")[0] for line in block.split(b"\n")[:-1]]
    assert not set(b"123456789") & set(b"".join(found))
    assert shapes(record(_text(data)) + b"\n")


def text(data: bytes) -> None:
    """A text has words and typed tokens alone."""
    (found,) = shapes(_line(data) + b"\n")
    with _Quick():
        words = normalize(found)
    assert normalize(found[:SHAPE_LIMIT]) == words
    split = words.split(" ") if words else []
    assert len(split) <= WORD_LIMIT
    for word in split:
        assert word in TYPED_TOKENS or (word and not set(word) & set("[]\n\x00\x1b")), word
        assert word == word.strip(), word


def level(data: bytes) -> None:
    """A level that a structured line gives is found, and what stands in its message is none."""
    names = {"error": "[error]", "warning": "[warn]", "info": "[info]", "FATAL": "[fatal]"}
    words = [word for word in _text(data[1:]).split() if word.isalpha() and word.isascii()]
    message = " ".join(word for word in words if word.lower() not in _LEVEL_WORDS)[:100]
    name = sorted(names)[data[0] % len(names)] if data else "info"
    for line in (
        json.dumps({"level": name, "msg": message}),
        json.dumps({"severity": name, "message": message}, separators=(",", ":")),
        f'level={name} msg="{message}"',
    ):
        (found,) = shapes(line.encode() + b"\n")
        assert level_of(normalize(found)) == names[name], line
    assert level_of(normalize(shapes(_line(data) + b"\n")[0])) in {None, *LEVEL_SET}


_LEVEL_WORDS = {
    *("trace", "debug", "verbose", "fine", "finer", "finest", "info", "information", "notice"),
    *("warn", "warning", "err", "error", "severe", "failure", "fatal", "crit", "critical", "alert"),
    *("emerg", "emergency", "panic", "log"),
}


def header(data: bytes) -> None:
    """A record's header has a known format and level; its message is a part of it, or out of it."""
    record = _line(data)
    with _Quick():
        found = read(record, NOW)
    if found is None:
        return
    assert found.format in NAMES and (found.level is None or found.level in LEVELS)
    assert found.time is None or math.isfinite(found.time)
    assert read(record, NOW, format=found.format) == found


def log_time(data: bytes) -> None:
    """A log time is none or a finite number, and time never runs backwards."""
    with _Quick():
        found = logtime.parse(_line(data), NOW)
        bounds = logtime.block_times(data + b"\n", NOW)
    for moment in (found, *bounds):
        assert moment is None or math.isfinite(moment)
    lines = data.split(b"\n")
    times = [moment for _, moment in logtime.pieces(lines * (1 + 200 // len(lines)), NOW, NOW)]
    assert times == sorted(times) and times[0] >= NOW


def config(data: bytes) -> None:
    """A configuration is one, or each of its mistakes is one printable line."""
    try:
        with _Quick():
            assert isinstance(parse(data.decode("utf-8", "replace"), "f"), Config)
    except ConfigError as error:
        for line in str(error).split("\n"):
            assert line.startswith("f:"), line
            assert line == printable(line)
            assert len(line) < 2000


def pattern(data: bytes) -> None:
    """A pattern of the configuration is refused, or no line makes it slow."""
    written, _, line = data.partition(b"\n")
    try:
        found = compiled(written.decode("latin-1"))
    except ValueError:
        return
    line = _line(line)
    with _Quick():
        for start in (line, line * 50, line[:3] * 100, line[:1] * LOOK_BYTES, b"a" * LOOK_BYTES):
            found.search(start, 0, LOOK_BYTES)


def own(data: bytes) -> None:
    """A rule of the configuration is refused, or no line makes it slow."""
    written, _, line = data.partition(b"\n")
    try:
        rule = own_rule("own", written.decode("latin-1"))
    except ValueError:
        return
    content = line.decode("latin-1").replace("\n", " ")
    with _Quick():
        for unit in (content, content[:1], content[:3], "a"):
            if unit:
                for _ in rule.pattern.finditer((unit * (RECORD_BYTES // len(unit)))[:4096]):
                    pass


def privacy(data: bytes) -> None:
    """What was masked once stays as it is, in lines and in shapes, and none is slow."""
    line = _text(_line(data))
    (found,) = shapes(_line(data) + b"\n")
    with _Quick():
        masked = _MASKER.line(line)
        hidden = _MASKER.shape(found)
    assert _MASKER.line(masked) == masked, masked
    assert _MASKER.shape(hidden) == hidden, hidden
    unit = line[:64]
    if unit:
        with _Quick():
            _MASKER.line((unit * (RECORD_BYTES // len(unit)))[:16_384])


def journal(data: bytes) -> None:
    """Lines of the journal are records or are counted, and no record reaches into the next."""
    wrapped = b'{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1750000000000000","MESSAGE":%s}\n'
    for lines in (data + b"\n", wrapped % _line(data), b'{"__CURSOR":"s=1",%s}\n' % _line(data)):
        found = entries(lines, 100, "")
        assert found.data.count(b"\n") == found.count
        assert found.count + found.unreadable <= lines.count(b"\n")
        assert all(len(one) <= 100 for one in found.data.split(b"\n"))
        assert not found.count or found.cursor


def joining(data: bytes) -> None:
    """Joined lines are the same bytes but for newlines that became spaces."""
    block = data + b"\n"
    for preset in PRESETS:
        with _Quick():
            joined, _ = Joining(preset).join(block, 64)
        assert len(joined) == len(block)
        assert joined.replace(b"\n", b" ") == block.replace(b"\n", b" ")
        assert joined.endswith(b"\n")


def cutter(data: bytes) -> None:
    """However a stream comes in pieces, its lines are the same."""
    size = 1 + (data[0] if data else 0)
    cut = Cutter(10_000)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    lines = b"".join(cut.feed(piece)[0] for piece in pieces) + cut.finish()
    assert lines == (data if data.endswith(b"\n") or not data else data + b"\n")
    for coding in _CODINGS:
        _, mark, _ = recognise(data, coding)
        assert 0 <= mark <= len(data)


def escape(data: bytes) -> None:
    """What is shown to people holds nothing that a terminal acts on."""
    shown = printable(_text(data))
    assert all(character.isprintable() or character.isspace() for character in shown)
    assert not set(shown) & {chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x202E)}
    assert printable(shown) == shown
    assert len(printable(_text(data), 20)) <= 20


TARGETS: dict[str, Callable[[bytes], None]] = {
    "shape": shape,
    "text": text,
    "level": level,
    "log-time": log_time,
    "header": header,
    "config": config,
    "pattern": pattern,
    "own-rule": own,
    "privacy": privacy,
    "journal": journal,
    "joining": joining,
    "cutter": cutter,
    "escape": escape,
}


def seeds() -> Iterator[bytes]:
    """Yield what the fuzzer begins with: lines, entries, patterns and a configuration."""
    yield (ROOT / "config" / "tinylogbert.yaml").read_bytes()[:_SEED_BYTES]
    yield b"sources:\n- {name: a, paths: [/var/log/*.log]}\nhttp: {port: 5000}\n"
    yield b"Jan  1 00:00:00 web sshd[12]: error: no such user from 10.0.0.1 port 22"
    yield b'10.0.0.1 - - [29/Jan/2025:00:36:34 +0000] "GET / HTTP/1.1" 503 12 "-" "curl/8.1"'
    yield b'{"ts":"2025-01-29T00:36:34.5Z","level":"error","msg":"exit code 1","token":"abc123"}'
    yield b"<34>1 2025-01-29T00:36:34Z web app 12 - - password=hunter2 for bob@example.com"
    yield b'"text" , "PRIORITY":"3","_PID":"12","MESSAGE":[104,105]'
    yield b"^ERROR .*failed [0-9]{1,3}\nERROR x failed 12"
    yield b"(?P<secret>[a-z]{1,64})-id++\nstaff-id 12"
    yield b"Traceback (most recent call last):\n  File x\nValueError: y\n\tat a.b.C(D.java)\n"
    yield b"postgres://app:s3cr3t@db:5432/prod Cookie: a=b; c=d Authorization: Basic dXNlcjpw"
    yield b"card 4111 1111 1111 1111 mysql -u root -pS3cret eyJhbGciOi.eyJzdWIi.c2ln AKIAIOSFODNN"
    yield b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq1\n-----END RSA PRIVATE KEY-----"


def dictionary() -> str:
    """Return words that mean something to the targets, in libFuzzer's form."""
    words = {guard for rule in RULES for guard in rule.guards} | {
        *(f'"{name}":' for name in ("level", "ts", "__CURSOR", "__REALTIME_TIMESTAMP", "MESSAGE")),
        *("<34>", 'HTTP/1.1" ', "exit code ", "[MASK]", "error", "Jan  1 00:00:00 ", "audit(1"),
        *("2025-01-29T00:36:34", "+99:99", "29/Feb/1900:", "Caused by: ", "Traceback (most"),
        *("sources:", "paths: [", "- {", "&a ", "*a", "!!binary ", "(?P<secret>", "(?:", "{1,64}"),
        *("[^a]", "++", ".*", "(?i)", "[masked:", "-----BEGIN ", "-----END ", "4111 1111 1111 "),
        *("\x1b[31m", "\xff\xfe", "\u202e", "fe80::", "://", "a@b.c", "deadbeef"),
    }
    encoded = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in sorted(words))
    return "".join(f'"{word}"\n' for word in encoded)
