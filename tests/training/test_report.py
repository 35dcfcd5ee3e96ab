"""The plots are PNG files, and the page is one file that nothing hostile acts in."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.training.scored import scored
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.training.embeddings import lay_out
from tinylogbert_daemon.training.evaluate import Scored, evaluate_scores
from tinylogbert_daemon.training.panels import TITLES, draw
from tinylogbert_daemon.training.plots import visualize_results
from tinylogbert_daemon.training.report import comparison_page, evaluation_page
from tinylogbert_daemon.training.threshold import Wish, operating_points

HOSTILE = "<script>alert(1)</script>\"'& \x1b[31m\u202e"
LABELS = [0] * 30 + [1] * 10
SCORES = [number / 40 for number in range(40)]


class Page(HTMLParser):
    """The tags of a page with their attributes; an unclosed or crossed tag is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def models() -> dict[str, Scored]:
    return {
        "tinylogbert": scored(LABELS, SCORES),
        "logbert_distil": scored(LABELS, SCORES[::-1]),
    }


def results(found: dict[str, Scored]) -> dict[str, Any]:
    wish = Wish()
    measured = {
        name: {
            "artifact": f"{name}-{HOSTILE}",
            "parameters": 1_234_567,
            "bytes": 11_000_000,
            "training": {"steps": 250, "seconds": None, "init": HOSTILE, "size": None},
            "quality": evaluate_scores(one.labels, one.scores),
            "parts": {"surprise alone": evaluate_scores(one.labels, one.raw)},
            **operating_points(one.labels, one.scores, one.texts, one.times, wish),
            "timing": {
                "median_ms": 9.5, "p95_ms": 20.0, "texts": 40, "threads": 1,
                "cold_lines_per_s": 2000.0, "warm_lines_per_s": 2e6,
            },
        }
        for name, one in found.items()
    }  # fmt: skip
    return {
        "file": HOSTILE,
        "wish": {"threshold": 0.5, "budget": 20, "precision": 0.9, "quiet_seconds": 900.0},
        "lines": 40,
        "anomalies": 10,
        "texts": 40,
        "models": measured,
        "baselines": {"line length": evaluate_scores(LABELS, [1.0] * 40)},
        "summary": ["TinyLogBERT wins.", HOSTILE],
    }


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = models()
    return draw(found, results(found), lay_out(found), tmp_path_factory.mktemp("plots") / "new")


def test_all_plots_are_png_files_of_their_own(images: dict[str, Path]) -> None:
    assert images.keys() == TITLES.keys()
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in images.values())
    assert len({path.read_bytes() for path in images.values()}) == len(TITLES)


def test_the_page_needs_nothing_beside_it(images: dict[str, Path]) -> None:
    found = alone(comparison_page(results(models()), images), len(TITLES))
    assert "TinyLogBERT wins." in found.words


def alone(text: str, images: int) -> Page:
    """Check that a page holds so many images and needs nothing beside it."""
    found = Page(text)
    sources = [attributes["src"] or "" for tag, attributes in found.tags if tag == "img"]
    assert len(sources) == images
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?://|url\(|@import", text)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in found.tags}
    assert "prefers-color-scheme: dark" in text
    assert "default-src 'none'" in text
    return found


@pytest.mark.parametrize("drawn", [True, False])
def test_the_page_of_an_evaluation_needs_nothing_beside_it(tmp_path: Path, drawn: bool) -> None:
    found = scored(LABELS, SCORES)
    content = {
        "file": HOSTILE,
        "lines": 40,
        "anomalies": 10,
        "texts": 4,
        "artifact": HOSTILE,
        "detectors": {
            "model": evaluate_scores(LABELS, SCORES),
            HOSTILE: evaluate_scores(LABELS, SCORES),
        },
        "operating": operating_points(
            LABELS, SCORES, found.texts, found.times, Wish(precision=0.9)
        ),
    }
    plots = visualize_results(LABELS, SCORES, tmp_path) if drawn else []
    text = evaluation_page(content, {plot.stem: plot for plot in plots})
    page = alone(text, len(plots))
    assert "<script" not in text and "\x1b" not in text
    assert "1.000" in page.words
    assert any("labelled lines, 10 of them anomalies" in word for word in page.words)


def test_nothing_of_a_line_or_a_name_acts_in_the_page(images: dict[str, Path]) -> None:
    content = results(models())
    content["workflow"] = {
        "steps": [{"name": "detect", "seconds": 200.0, "told": HOSTILE, "reused": False}],
        "detected": {
            "lines": 9, "anomalies": 3, "texts": 1,
            "top": [{"score": 0.9, "lines": 3, "line": HOSTILE * 100}],
        },
        "split": {},
        "notes": [HOSTILE],
    }  # fmt: skip
    text = comparison_page(content, images)
    found = Page(text)
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert any("<script>alert(1)</script>\"'& \\x1b[31m" in word for word in found.words)
    assert "3 min 20 s" in found.words


def test_two_texts_are_too_few_to_show_embeddings(images: dict[str, Path]) -> None:
    without = {name: path for name, path in images.items() if name != "embeddings"}
    assert "Too few distinct texts" in comparison_page(results(models()), without)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = models()
    with pytest.raises(DataError, match="cannot write"):
        draw(found, results(found), None, tmp_path / "file")
