"""``config/tinylogbert.yaml`` shows every key, commented, with what the code's default is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from tinylogbert_daemon.config import Config, Source, load, parse

FILE = Path(__file__).parents[2] / "config" / "tinylogbert.yaml"


def keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every key of the schema as a path of names, sections and entries of lists included."""
    for name, field in model.model_fields.items():
        yield (*above, name)
        inner = field.annotation
        if get_origin(inner) is list:
            inner = get_args(inner)[0]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, (*above, name))


def shown() -> dict[tuple[str, ...], int]:
    """Return the line (from 0) of every key that the file shows, read by its indentation."""
    found: dict[tuple[str, ...], int] = {}
    above: list[tuple[int, str]] = []
    for number, line in enumerate(FILE.read_text().splitlines()):
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        if bare.startswith("- ") and ":" in bare:  # an entry of a list of sections
            bare, indent = bare[2:], indent + 2
        if not bare or bare.startswith(("#", "- ")):
            continue
        while above and above[-1][0] >= indent:
            above.pop()
        above.append((indent, bare.partition(":")[0]))
        found[tuple(name for _, name in above)] = number
    return found


def test_the_file_holds_the_defaults_of_the_code() -> None:
    assert load(FILE, {}) == Config()


def test_every_key_of_the_schema_is_shown_and_no_other() -> None:
    assert set(shown()) == set(keys(Config))


@pytest.mark.parametrize("key", sorted(keys(Config)), ids=".".join)
def test_every_key_has_a_comment(key: tuple[str, ...]) -> None:
    lines = FILE.read_text().splitlines()
    number = shown()[key]
    if lines[number].endswith(":"):  # a section's keys say what it is about
        number += lines[number + 1].lstrip().startswith("#") * 2
    # keys that belong together may share the comment above the first of them
    while not lines[number - 1].lstrip().startswith("#"):
        number -= 1
        assert lines[number].strip(), f"{'.'.join(key)} has no comment above it"


def test_an_empty_file_and_no_file_mean_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert load(path, {}) == load(None, {}) == parse("", "none") == Config()


def test_the_schema_cannot_be_changed_by_accident() -> None:
    config = Config()
    with pytest.raises(ValueError, match="frozen"):
        config.state_dir = "/elsewhere"  # type: ignore[misc]  # that is the point
    assert config.sources[0] == Source(
        name="system",
        paths=["/var/log/syslog", "/var/log/messages", "/var/log/*.log", "/var/log/*/*.log"],
        exclude=["/var/log/journal/**", "/var/log/tinylogbert/**"],
    )


def test_paths_that_follow_from_the_state_directory() -> None:
    config = parse("state_dir: /srv/state\n", "f")
    assert config.state_path == Path("/srv/state")
    assert config.jsonl_path == Path("/srv/state/alerts.jsonl")
    config = parse("state_dir: /srv/state\nsinks: {jsonl: {path: /srv/alerts}}\n", "f")
    assert config.jsonl_path == Path("/srv/alerts")
