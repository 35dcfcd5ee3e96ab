"""Texts of real-looking lines; and that no line, however hostile, breaks out or takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import log_lines
from tinylogbert_daemon.model.normalize import (
    LEVELS,
    SHAPE_LIMIT,
    TYPED_TOKENS,
    WORD_LIMIT,
    level_of,
    normalize,
)
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.tokenizer import CONTROL_TOKENS

# line, text
TABLE = """
Jun 12 10:00:01 web1 sshd[4321]: error: PAM: Authentication failure for root from 10.0.0.5
[time] [host] sshd [num] [error] pam authentication failure for root from [ip]

<13>Jun 12 10:00:01 web1 app: started
[notice] [time] [host] app started

10.1.2.3 - - [12/Jun/2026:10:00:01 +0200] "GET /shop/item/55 HTTP/1.1" 404 12 "-" "Mozilla/5.0 (X)"
[ip] [time] get [path] http [num] [4xx] [num] [agent]

10.1.2.3 - - [12/Jun/2026:10:00:01 +0200] "POST /login HTTP/1.1" 503 12 "-" "curl/8.1"
[ip] [time] post [path] http [num] [5xx] [num] [agent]

2026-06-12 10:00:01,123 ERROR [main] com.example.OrderService - cannot save order 42
[time] [error] main com example order service cannot save order [num]

2026/06/12 10:00:01 [error] 123#0: *45 connect() failed (111: Connection refused)
[time] [error] [num] connect failed [num] connection refused

E0612 10:00:01.123456 1 reflector.go:138] failed to list
[time] [error] [num] reflector go [num] failed to list

[12345.678901] usb 1-1: device descriptor read/64, error -71
[time] usb [num] device descriptor read [num] error [num]

123:M 12 Jun 2026 10:00:01.123 # Server initialized
[time] [warn] server initialized

{"level":"warn","ts":"2026-06-12T10:00:01Z","msg":"slow query","took_ms":1234}
[warn] ts [time] msg slow query took ms [num]

time="2026-06-12T10:00:01Z" level=fatal msg="cannot bind" port=8080
time [time] [fatal] msg cannot bind port [num]

process 123 exited with code 137
process [num] exited with code nonzero

key 550e8400-e29b-41d4-a716-446655440000 mac 00:1a:2b:3c:4d:5e hash deadbeef0123 ptr 0x7fff5a
key [uuid] mac [mac] hash [hex] ptr [hex]

mail from <alice@example.com> via https://example.com/x?y=1 to /var/spool/mail/alice
mail from [mail] via [url] to [path]

listening on [::1]:8080 and 2001:db8::ff00:42:8329
listening on [ip] [num] and [ip]

Caused by: java.lang.NullPointerException: null
caused by java lang null pointer exception null

CRITICAL: disk full
[fatal] disk full

naïve 日本語 mañana
naïve 日本語 mañana

an info desk and an error page
an info desk and an error page
"""
PAIRS = [entry.split("\n") for entry in TABLE.strip("\n").split("\n\n")]


def text_of(line: bytes) -> str:
    return normalize(shapes(line.replace(b"\n", b"") + b"\n")[0])


@pytest.mark.parametrize(("line", "text"), PAIRS)
def test_the_text_of_a_line(line: str, text: str) -> None:
    assert text_of(line.encode()) == text


def test_values_do_not_change_the_text() -> None:
    one = text_of(b"Jun 12 10:00:01 web1 sshd[4321]: Accepted key for bob from 10.0.0.5 port 4")
    other = text_of(
        b"Jun  2 23:59:59 db-7 sshd[9]: Accepted key for bob from 192.168.1.77 port 65000"
    )
    assert one == other


@pytest.mark.parametrize("token", [*CONTROL_TOKENS, "[num]", "[ip]", "[bin]", "[mask]"])
@pytest.mark.parametrize("form", ["{}", "x {} y", "[{}]", "{0}{0}", "\\{}", "a{}b"])
def test_no_line_can_smuggle_in_a_token(token: str, form: str) -> None:
    words = text_of(form.format(token).encode()).split()
    # the control tokens are upper case, of which a text has none; typed ones lose their brackets
    assert not set(words) & set(CONTROL_TOKENS)
    assert token not in words


@given(
    line=st.one_of(
        st.binary(max_size=400),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    )
)
@settings(deadline=None)
def test_any_bytes_have_a_text_of_words_and_typed_tokens(line: bytes) -> None:
    text = text_of(line)
    words = text.split(" ") if text else []
    assert len(words) <= WORD_LIMIT
    for word in words:
        assert word
        assert word in TYPED_TOKENS or not set(word) & set("[]")
        assert not any(character.isspace() for character in word)
    assert not set(words) & set(CONTROL_TOKENS)
    assert sum(word in LEVELS for word in words) <= 1 or level_of(text) in LEVELS


@pytest.mark.parametrize(
    "hostile",
    [
        b"a",
        b"0",
        b"a0",
        b"0a",
        b"/",
        b"/a",
        b":",
        b"0:",
        b"a:",
        b".",
        b"0.",
        b"-0",
        b"[",
        b"<",
        b'"',
        b'"a/0',
        b" ",
        b"@",
        b"a@",
        b"a.",
        b"a://",
        b"://",
        b"=",
        b"\\",
        b"\x00",
        b"\x1b[",
        b"\xff",
        b"\xe2\x82",
        "Ω".encode(),
        b"aA",
        b"A",
        b"_",
        b"_0",
        b"0x",
        b"+0",
        b"a_0.",
        b"e0",
        b"0000-00-00 ",
        b"Jun 00 ",
        b"level=",
        b"error:",
        b"[error]",
        b"0000:",
        b"00:00:00,",
        b"a" * 31 + b"0",
        b"a-",
        b"~/",
        b"C:\\",
        b"0-0:0.0/",
        b"abcdef-",
    ],
)
@pytest.mark.parametrize("end", [b"", b"!", b"0", b"x"])
def test_repetition_does_not_take_long(hostile: bytes, end: bytes) -> None:
    line = (hostile * 65_536)[: 65_536 - 1] + end
    began = time.process_time()
    normalize(line)
    normalize((hostile * SHAPE_LIMIT)[: SHAPE_LIMIT - 1] + end)
    # twice 2 KiB are read; an ordinary line takes 0.1 ms
    assert time.process_time() - began < 0.5


def test_the_level_is_the_first_one_in_the_text() -> None:
    levels = [level_of(text_of(line.encode())) for line in log_lines(200)]
    assert {"[info]", "[warn]", "[error]", "[debug]", None} <= set(levels)
    assert level_of("") is None
