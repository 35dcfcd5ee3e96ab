"""The index of known-normal texts: bounded, nearest by embedding, explained by words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.conftest import log_lines
from tinylogbert_daemon.decide.normals import Normals
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer, Verdict, blank_verdict, text_key
from tinylogbert_daemon.model.shape import shapes


def at(text: str, *direction: float) -> Verdict:
    """Return a verdict whose embedding points there."""
    vector = np.array(direction, np.float32)
    unit = (vector / np.linalg.norm(vector)).astype(np.float16)
    return Verdict(text, text_key(text), 1.0, 0.5, np.ones(1, np.float32), unit)


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert Normals().nearest(at("a", 1, 0), "app") is None


def test_the_nearest_that_shares_words_is_shown_with_the_difference() -> None:
    normals = Normals()
    normals.feed("app", [at("door closed by user", 1, 0.1), at("other thing entirely", 1, 0.0)])
    found = normals.nearest(at("door smashed by user", 1, 0), "app")
    assert found is not None
    assert found.text == "door closed by user"
    assert found.source == "app"
    assert 0.98 < found.similarity <= 1
    assert found.difference == (
        ("same", "door"),
        ("gone", "closed"),
        ("here", "smashed"),
        ("same", "by user"),
    )


def test_one_of_the_same_source_is_preferred() -> None:
    normals = Normals()
    normals.feed("a", [at("door closed early", 1, 0)])
    normals.feed("b", [at("door closed late", 1, 0.05)])
    for source, text in (("a", "door closed early"), ("b", "door closed late")):
        found = normals.nearest(at("door closed badly", 1, 0), source)
        assert found is not None and found.text == text
    # but another source's is better than none
    found = normals.nearest(at("door closed badly", 1, 0), "c")
    assert found is not None and found.source in ("a", "b")


def test_what_is_open_or_shares_no_words_or_is_the_text_itself_is_not_shown() -> None:
    normals, asked = Normals(), at("door smashed", 1, 0)
    normals.feed("app", [at("door closed", 1, 0.1), asked, at("quite different", 1, 0)])
    found = normals.nearest(asked, "app")
    assert found is not None and found.text == "door closed"
    assert normals.nearest(asked, "app", lambda key: key == text_key("door closed")) is None


def test_it_is_bounded_and_what_was_fed_longest_ago_goes() -> None:
    normals = Normals(limit=100)
    verdicts = [at(f"text {n}", 1, n / 1000) for n in range(250)]
    for start in range(0, 250, 10):
        normals.feed("app", verdicts[start : start + 10])
        normals.feed("app", verdicts[:1])  # seen again and again
    assert len(normals) == 100
    held = [n for n, one in enumerate(verdicts) if one.key in normals]
    assert held == [0, *range(151, 250)]
    found = normals.nearest(at("text 0 more", 1, 0), "app")
    assert found is not None and found.text == "text 0"


def test_a_text_without_an_embedding_is_passed_over() -> None:
    normals = Normals()
    normals.feed("app", [blank_verdict("a b"), at("a b c", 1, 0)])
    assert len(normals) == 1
    assert normals.nearest(blank_verdict("a b"), "app") is None


def test_another_models_embeddings_start_it_anew() -> None:
    normals = Normals()
    normals.feed("app", [at("a b", 1, 0)])
    normals.feed("app", [at("a c", 1, 0, 0)])
    assert len(normals) == 1
    assert normals.nearest(at("a c d", 1, 0), "app") is None
    found = normals.nearest(at("a c d", 1, 0, 0), "app")
    assert found is not None and found.text == "a c"


def test_real_verdicts_find_the_line_they_were_made_from(model_folder: Path) -> None:
    scorer = Scorer(load(str(model_folder)))
    block = "".join(f"{line}\n" for line in log_lines(60)).encode()
    texts = list(dict.fromkeys(map(normalize, shapes(block))))
    normals = Normals()
    normals.feed("app", scorer.score(texts))
    assert len(normals) == len(texts)
    broken = [" ".join([*text.split(" ")[:-1], "exploded"]) for text in texts]
    found = [normals.nearest(one, "app") for one in scorer.score(broken)]
    right = sum(
        one is not None and one.text.split(" ")[:-1] == text.split(" ")[:-1]
        for one, text in zip(found, texts, strict=True)
    )
    assert right >= 0.9 * len(texts)
