"""What says that there was no trouble, and what only looks like it."""

from __future__ import annotations

import time
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.parts import by_words
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.lookup import SourceLookup
from tinylogbert_daemon.model.negation import Settling, settle
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.shaped import IDS
from tinylogbert_daemon.model.verdicts import VerdictCache, fill


def text(line: str) -> str:
    (shape,) = shapes(line.encode() + b"\n")
    return normalize(shape)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("backup finished: errors=0", "backup finished ok [num]"),
        ("errors: 0, warnings: 12", "ok [num] warnings [num]"),
        (
            "Tests run: 12, Failures: 0, Errors: 0, Skipped: 3",
            "tests run [num] ok [num] ok [num] skipped [num]",
        ),
        ("Tests run: 12, Failures: 0, Errors: 3", "tests run [num] ok [num] errors [num]"),
        ("search parity error.......0", "search parity ok [num]"),
        ('{"level":"info","msg":"done","error":null}', "[info] msg done ok [num]"),
        ('{"error":"","took":3}', "ok [num] took [num]"),
        ("reload err=<nil>", "reload ok [num]"),
        ("level=info error_count=0", "[info] ok [num]"),
        ("queryErrors=0", "query ok [num]"),
        ("0 errors, 0 failed, 5 skipped", "ok [num] ok [num] skipped"),
        ("finished with 0 errors and 0 warnings", "finished with ok [num] and ok [num]"),
        ("scan done (0 failures)", "scan done ok [num]"),
        ("rx 100 dropped 0 errors 0", "rx [num] ok [num] ok [num]"),
        ("done with no errors", "done with ok [num]"),
        ("check complete, no error.", "check complete ok [num]"),
        ("finished without any problems", "finished ok [num]"),
        ("exited with 0 errors", "exited with ok [num]"),
        ("NAME failed=false", "name ok [num]"),
        ("no errors: 5 files copied", "ok [num] files copied"),
    ],
)
def test_no_trouble_reads_as_such(line: str, expected: str) -> None:
    assert text(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "backup finished: errors=5",
        "backup finished: errors=05",
        "parity error........1",
        "errors: 0.5%",
        "error: 0x80",
        "errors 0,5",
        "disk 0 failed",
        "port 0 error",
        "level=error count=0",
        "sshd: error: 0 bytes read",
        "failed: 0 jobs left",
        "Got error 0 from server",
        "no space left on device",
        "no route to host",
        "no error handler for this",
        '{"error":"timeout"}',
        "error=nullpointer",
        "java.lang.Error: null",
        "err: none of the servers answered",
    ],
)
def test_trouble_stays_trouble(line: str) -> None:
    assert " ok " not in f" {text(line)} "


DENIED = [
    "backup finished with {} files: errors={}",
    "Tests run: {}, Failures: {}",
    "raid check of md{} done, errors: {}",
    "eth{}: link statistics, dropped: {}",
    "smartd: device sda{}, error_count={}",
]


@pytest.mark.parametrize("form", DENIED)
def test_a_count_of_none_reads_like_less_trouble_than_one_of_some(form: str) -> None:
    none, some = Scorer(load()).score([text(form.format(7, 0)), text(form.format(7, 3))])
    assert none.severity < some.severity / 2


@settings(deadline=None)
@given(st.lists(st.sampled_from(["no ", "errors", "error", "=", "0", " ", "failed", ":", "\n"])))
def test_a_record_knows_no_neighbour(pieces: list[str]) -> None:
    data = "".join(pieces).encode() + b"\n"
    apart = [shapes(line + b"\n")[0] for line in data.split(b"\n")[:-1]]
    assert shapes(data) == apart


@pytest.mark.parametrize(
    "piece", ["error", "no ", "rr", "errors  ", "error.", "0 error ", "warning:"]
)
def test_a_long_record_takes_no_longer_for_what_it_holds(piece: str) -> None:
    record = (piece * (64 * 1024 // len(piece))).encode()
    started = time.process_time()
    shapes(record + b"\n")
    assert time.process_time() - started < 0.5  # some milliseconds


SETTLING = Settling()


def test_what_is_kept_of_settled_shapes_is_bounded() -> None:
    settling = Settling()
    for i in range(1000):
        shape = b"copy%b errors: 0" % (b"x" * i)
        assert settling.shape(shape, shape) == settle(shape)
    long = b"x" * 5000 + b" errors: 0"
    assert settling.shape(long, long) == settle(long)
    assert 0 < len(settling._counts) < 200 and 0 < len(settling._settled) < 200
    assert long not in settling._counts


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "no ",
                "zero ",
                "7 ",
                "errors",
                "error",
                "=",
                "0",
                "7",
                " ",
                "failed",
                ": ",
                ", ",
                "with ",
                ".",
                "dropped",
                '"',
                "null",
            ]
        ),
        max_size=12,
    )
)
def test_what_is_settled_is_settled_for_good_and_shapes_tell_who_is(pieces: list[str]) -> None:
    record = "".join(pieces).encode()
    settled = settle(record)
    assert settle(settled) is settled
    shape_before = record.replace(b"7", b"0")
    assert (settle(shape_before) is shape_before) == (settled is record)
    for _ in range(2):  # worked out, and known
        assert SETTLING.shape(shape_before, record) == settled.replace(b"7", b"0")


@pytest.mark.parametrize("ids", [False, True])
def test_counts_of_none_and_of_some_are_told_apart_in_the_cache(ids: bool) -> None:
    cache = VerdictCache()
    lookup = SourceLookup(cache)
    of = [f" of {uuid5(NAMESPACE_URL, str(i))}" if ids else "" for i in range(100)]
    lines = [f"copied {i} files{of[i]}, errors: {i % 3}\n" for i in range(100)]
    lines[50] = f"copied 7 files{of[50]}\n"
    for _ in range(3):
        found = lookup.look_up("".join(lines).encode())
        misses = cache.resolve(found.missing, found.form)
        cache.add(misses, by_words(list(misses.wanted)))
        verdicts = fill(found.shapes, found.verdicts, misses).decoded()
        assert [verdict.text for verdict in verdicts] == [text(line.strip()) for line in lines]
    assert bool(found.form & IDS) == ids
    assert found.missed == 0
    assert set(found.verdicts.distinct) == set(verdicts)
