"""Conversion: kept lines unchanged, the right number corrupted, nothing left to chance."""

from __future__ import annotations

import io
import json
import lzma
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import log_lines
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.shape import record
from tinylogbert_daemon.training.convert import Conversion, convert, mix, output_path
from tinylogbert_daemon.training.corrupt import CORRUPTIONS, corrupt


def converted(path: Path, ratio: float, seed: int = 0) -> tuple[Conversion, list[dict[str, Any]]]:
    output = io.BytesIO()
    done = convert(str(path), output, ratio, seed)
    return done, [json.loads(line) for line in output.getvalue().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("".join(f"{line}\n" for line in log_lines(400)))
    return path


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.333, 1.0])
def test_as_many_lines_as_asked_are_corrupted_and_the_others_unchanged(
    log: Path, ratio: float
) -> None:
    done, objects = converted(log, ratio)

    lines = log.read_text().splitlines()
    assert len(objects) == done.lines == len(lines)
    changed = [entry for entry in objects if entry["label"]]
    assert len(changed) == done.simulated.total() == round(ratio * len(lines))
    for line, entry in zip(lines, objects, strict=True):
        if entry["label"] == 0:
            assert entry == {"log_text": line, "label": 0}
        else:
            assert entry["log_text"] != line
            assert entry["simulated"] in CORRUPTIONS
            assert "\n" not in entry["log_text"]


def test_all_kinds_of_corruption_appear(log: Path) -> None:
    done, _ = converted(log, 0.5)
    assert set(done.simulated) == set(CORRUPTIONS)


def test_a_seed_decides_everything(log: Path) -> None:
    assert converted(log, 0.2, seed=1) == converted(log, 0.2, seed=1)
    assert converted(log, 0.2, seed=1) != converted(log, 0.2, seed=2)


@given(
    lines=st.lists(
        st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=20
    )
)
@settings(max_examples=60, deadline=None)
def test_every_byte_of_a_kept_line_comes_back(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.log"
    # the first line says that this is no binary file, whatever follows
    lines = [b"a log line in plain words" * 50, *lines]
    path.write_bytes(b"\n".join(lines) + b"\n")
    done, objects = converted(path, 0.0)

    kept = [record(f"{entry['log_text']}|")[:-1] for entry in objects]
    assert kept == lines
    assert done.not_utf8 == sum(not _is_utf8(line) for line in lines)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_blank_lines_stay_and_are_never_picked(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one line\n\n   \ntwo\n\n")
    done, objects = converted(path, 1.0)

    assert [entry["label"] for entry in objects] == [1, 0, 0, 1, 0]
    assert done.simulated.total() == 2


def test_compressed_logs_are_read(tmp_path: Path, log: Path) -> None:
    path = tmp_path / "packed.log.xz"
    path.write_bytes(lzma.compress(log.read_bytes()))
    assert converted(path, 0.1) == converted(log, 0.1)


def test_an_empty_or_a_labelled_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        converted(path, 0.1)
    path.write_text('{"log_text": "x", "label": 0}\n')
    with pytest.raises(DataError, match="labelled JSONL already"):
        converted(path, 0.1)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("a.log", "a_jsonl.json"),
        ("/x/b.log.gz", "/x/b_jsonl.json"),
        ("messages", "messages_jsonl.json"),
        ("a.b.txt", "a.b_jsonl.json"),
    ],
)
def test_the_output_stands_beside_the_input(name: str, output: str) -> None:
    assert output_path(name) == Path(output)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("line", ["", " ", "x", *log_lines(12), "🦆 no ascii: żółć", "a" * 100_000])
def test_a_corruption_never_raises_and_keeps_one_line(name: str, line: str) -> None:
    for seed in range(5):
        assert "\n" not in CORRUPTIONS[name](line, Random(seed))


@given(line=st.text(st.characters(exclude_characters="\n")), seed=st.integers())
@settings(deadline=None)
def test_a_corrupted_line_is_never_the_line_itself(line: str, seed: int) -> None:
    changed, name = corrupt(line, Random(seed))
    assert changed != line
    assert name in CORRUPTIONS


@pytest.mark.parametrize(
    ("name", "line", "pattern"),
    [
        ("level_raise", "12:00:01 INFO all well", r"^12:00:01 (ERROR|FATAL|CRITICAL) all well$"),
        ("level_raise", "level=info msg=ok", r"^level=(error|fatal|critical) msg=ok$"),
        ("foreign_message", "Jun 1 10:00:00 web sshd[3]: fine", r"^Jun 1 10:00:00 web sshd\[3\]: "),
        (
            "foreign_message",
            "081109 203615 148 INFO dfs.Data: ok",
            r"^081109 203615 148 (ERROR|FATAL|CRITICAL) dfs.Data: ",
        ),
        ("value_burst", "app: took 5 ms", r"^app: took 5\d{9,13} ms$"),
        ("token_repeat", "app: hello", r"^app: hello( hello){3,8}$"),
        ("word_swap", "app: one two", r"^app: two one$"),
        ("truncate", "0123456789", r"^\d{3,7}$"),
    ],
)
def test_a_corruption_does_what_its_name_says(name: str, line: str, pattern: str) -> None:
    import re

    for seed in range(10):
        assert re.search(pattern, CORRUPTIONS[name](line, Random(seed)))


def test_mixing_corrupts_the_share_that_is_asked_for() -> None:
    lines = log_lines(100)
    mixed, labels = mix(lines, 0.07, seed=3)

    assert sum(labels) == 7
    assert [one == other for one, other in zip(lines, mixed, strict=True)] == [
        not label for label in labels
    ]
