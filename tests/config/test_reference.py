"""``docs/configuration.md`` is what ``scripts/generate_docs.py`` makes of the code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.config.test_defaults import keys
from tinylogbert_daemon.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import generate_docs


def test_the_page_is_current() -> None:
    assert generate_docs.main(["--check"]) == 0


def test_a_page_that_is_not_current_is_refused_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "configuration.md"
    page.parent.mkdir()
    page.write_text(generate_docs.PAGE.read_text().replace("`5000`", "`5001`"))
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)
    monkeypatch.setattr(generate_docs, "PAGE", page)
    assert generate_docs.main(["--check"]) == 1
    assert "docs/configuration.md is not current" in capsys.readouterr().err
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0


@pytest.mark.parametrize("key", sorted(keys(Config)), ids=".".join)
def test_every_key_has_its_row_or_section(key: tuple[str, ...]) -> None:
    section = "\n" + generate_docs.page().partition("\n## ")[0]
    for part in generate_docs.page().split("\n## ")[1:]:
        if part.startswith(f"`{'.'.join(key)}`\n"):
            return  # a section itself
        if part.startswith(f"`{'.'.join(key[:-1])}`\n"):
            section = part
    row = next(line for line in section.splitlines() if line.startswith(f"| `{key[-1]}` |"))
    assert all(cell.strip() for cell in row.strip("|").split(" | ")), row


def test_limits_choices_and_defaults_are_those_of_the_schema() -> None:
    page = generate_docs.page()
    assert "| `port` | whole number from 0 to 65,535 | `5000` |" in page
    assert '| `swap` | `auto`, `always`, `never` | `"auto"` |' in page
    assert '| `urls` | list | `["http://127.0.0.1:9093"]` |' in page
    assert "\\<time>" in page  # no tag of HTML
