"""What is collected to learn from, and what is kept from it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.conftest import log_lines
from tinylogbert_daemon.errors import DataError, SourceError
from tinylogbert_daemon.training.corpus import HeldOut, collect, held_out, labelled_lines


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_log_a_compressed_log_and_a_labelled_one_give_the_same_corpus(tmp_path: Path) -> None:
    import json

    lines = log_lines(50)
    plain = write(tmp_path / "a.log", lines)
    packed = tmp_path / "a.log.gz"
    packed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    labelled = write(
        tmp_path / "a.json", [json.dumps({"log_text": line, "label": 0}) for line in lines]
    )

    counts = collect([plain]).counts
    assert counts == collect([str(packed)]).counts == collect([labelled]).counts
    assert collect([plain]).records == 50
    assert collect([plain, labelled]).records == 100


def test_the_sample_limit_holds_for_each_file(tmp_path: Path) -> None:
    one = write(tmp_path / "a.log", ["alpha"] * 5 + ["beta"] * 5)
    two = write(tmp_path / "b.log", ["gamma"] * 10)

    assert collect([one, two], sample_limit=6).counts == {"alpha": 5, "beta": 1, "gamma": 6}


def test_every_tenth_line_is_held_out_and_not_learned_from(tmp_path: Path) -> None:
    letters = [chr(ord("a") + number % 26) * (1 + number // 26) for number in range(95)]
    name = write(tmp_path / "a.log", letters)
    held_out = HeldOut()
    corpus = collect([name], held_out=held_out)

    assert held_out.records == [letter.encode() for letter in letters[9::10]]
    assert set(corpus.texts) == set(letters) - set(letters[9::10])
    assert corpus.records == 95 - 9


@pytest.mark.parametrize("size", [1, 3, 10, 64])
def test_what_is_held_out_does_not_depend_on_the_blocks(size: int) -> None:
    lines = [b"%d" % number for number in range(500)]
    held_out = HeldOut(limit=20)
    position = 0
    while position < len(lines):
        block = lines[position : position + size]
        held_out.take(b"".join(line + b"\n" for line in block), position)
        position += len(block)

    kept = [int(line) for line in held_out.records]
    assert 10 <= len(kept) <= 20
    assert kept == list(range(9, 500, kept[1] - kept[0])), "evenly spread"


def test_labelled_lines_are_not_held_out(tmp_path: Path) -> None:
    name = write(tmp_path / "a.json", ['{"log_text": "x", "label": 0}'] * 30)
    held_out = HeldOut()
    assert collect([name], held_out=held_out).records == 30
    assert not held_out.records


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", r"a.json:2: not JSON"),
        ("[" * 100_000, r"a.json:2: not JSON"),
        ("[1]", r"a.json:2: needs an object"),
        ('{"log_text": 5}', r"a.json:2: needs an object"),
        ('{"log_text": "x", "label": 2}', r'a.json:2: "label" is 2, must be 0 or 1'),
        ('{"log_text": "x", "label": "1"}', r"must be 0 or 1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    name = write(tmp_path / "a.json", ['{"log_text": "fine", "label": 0}', line])
    with pytest.raises(DataError, match=reason):
        list(labelled_lines(name))


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no line to learn from"):
        collect([write(tmp_path / "a.log", ["", "  ", "..."])])
    with pytest.raises(SourceError, match="no such file"):
        collect([str(tmp_path / "none.log")])


def test_surrogates_in_labelled_lines_are_the_bytes_they_stand_for(tmp_path: Path) -> None:
    raw = tmp_path / "a.log"
    raw.write_bytes(b"caf\xe9 is open\n")
    name = write(tmp_path / "a.json", ['{"log_text": "caf\\udce9 is open", "label": 0}'])
    assert collect([name]).counts == collect([str(raw)]).counts
    odd = write(tmp_path / "b.json", ['{"log_text": "half \\ud800 a pair", "label": 0}'])
    assert collect([odd]).records == 1


def test_a_burst_is_one_episode_and_what_comes_back_is_another(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    lines = [f"2026-11-23 10:00:{i % 60:02} burst of trouble" for i in range(2000)]
    for hour in range(11, 16):
        lines += [f"2026-11-23 {hour}:{i // 10:02}:00 steady work" for i in range(600)]
    log.write_text("\n".join(lines) + "\n")
    found = collect([str(log)])
    assert found.counts["[time] burst of trouble"] == 2000
    assert found.episodes["[time] burst of trouble"] == 1
    assert 10 <= found.episodes["[time] steady work"] <= 20


def test_without_dates_a_text_counts_once_in_some_hundred_records(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("steady work\n" * 2000 + "late trouble\n" * 10)
    found = collect([str(log)]).episodes
    assert found["late trouble"] == 1
    assert 4 <= found["steady work"] <= 6


def test_few_texts_are_all_learned_from_and_of_many_every_tenth_is_kept() -> None:
    assert held_out([f"text {i}" for i in range(100)]) == []
    kept = held_out([f"text {i}" for i in range(2000)])
    assert 120 < len(kept) < 280
    assert held_out([f"text {i}" for i in range(2000)]) == kept
