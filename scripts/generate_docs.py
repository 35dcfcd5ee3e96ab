#!/usr/bin/env python3
"""Write docs/configuration.md out of the code: keys, types, limits and defaults of the schema.

What a key means is said once: in its description, or where it has none (most have not) in the
comments of config/tinylogbert.yaml.
With --check nothing is written: the exit status is 1 where the page is not what it would be.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tinylogbert_daemon.config import Config

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "config" / "tinylogbert.yaml"
PAGE = ROOT / "docs" / "configuration.md"
Key = tuple[str, ...]

_HEAD = """# Configuration

Made by `scripts/generate_docs.py` out of the code and the comments of
[`config/tinylogbert.yaml`](../config/tinylogbert.yaml): change those, not this page.

One YAML file, `/etc/tinylogbert/tinylogbert.yaml` or the one after `-c`, holds what differs from
the defaults. Defaults < file < environment < command line. The environment variable of a key is
`TINYLOGBERT_` and its name in capitals, two underscores between the parts: `TINYLOGBERT_HTTP__PORT`
sets `http.port`. `TINYLOGBERT_CONFIG` names the file. `tinylogbert check` checks it, and `systemctl
reload tinylogbert` (SIGHUP) reads it again; if it is wrong, the old one stays in force.
"""
_TYPES = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "URL",
}


def comments() -> dict[Key, tuple[int, list[str]]]:
    """Return the comment of every key that the file shows, with the line (from 0) it begins in.

    A key without one shares that of the key before it in the same section; a section may have none.
    """
    found: dict[Key, tuple[int, list[str]]] = {}
    above: list[tuple[int, str]] = []
    begin, comment = 0, list[str]()
    for number, line in enumerate(FILE.read_text().splitlines()):
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        if bare.startswith("#"):
            comment, begin = ([*comment, bare[1:]], begin) if comment else ([bare[1:]], number)
            continue
        if bare.startswith("- ") and ":" in bare:  # an entry of a list of sections
            bare, indent = bare[2:], indent + 2
        if bare and not bare.startswith("- "):
            while above and above[-1][0] >= indent:
                above.pop()
            above.append((indent, bare.partition(":")[0]))
            path = tuple(name for _, name in above)
            before = list(found)[-1] if found else ()
            if not comment and before[:-1] == path[:-1] and not bare.rstrip().endswith(":"):
                begin, comment = found[before]
            found[path] = (begin, comment)
        comment = []
    return found


def sections(model: type[BaseModel], name: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every section with its dotted name, those inside after the one they are in."""
    yield name, model
    for key, field in model.model_fields.items():
        inner = _section(field)
        if inner is not None:
            yield from sections(inner, f"{name}.{key}".lstrip("."))


def _section(field: FieldInfo) -> type[BaseModel] | None:
    inner = field.annotation
    if get_origin(inner) is list:
        inner = get_args(inner)[0]
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def page() -> str:
    """Return the whole page."""
    said = comments()
    parts = [_HEAD]
    for name, model in sections(Config):
        path = tuple(name.split(".")) if name else ()
        rows = list(_rows(model, path, said))
        if name:
            parts.append(f"## `{name}`\n")
        if path:
            parts.append(_introduction(model, said[path][1]))
        if rows:
            parts.append("| key | value | default | meaning |\n|---|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def _rows(
    model: type[BaseModel], path: Key, said: dict[Key, tuple[int, list[str]]]
) -> Iterator[str]:
    first: dict[int, str] = {}
    for key in (one[-1] for one in said if one[:-1] == path):  # in the order of the file
        field = model.model_fields[key]
        if _section(field) is not None:
            continue
        begin, comment = said[(*path, key)]
        meaning = field.description or _safe(" ".join(line.strip() for line in comment))
        assert meaning, f"{'.'.join((*path, key))}: nothing says what it means"
        if field.description is None and begin in first:
            meaning = f"see `{first[begin]}`"
        first.setdefault(begin, key)
        yield f"| `{key}` | {_type(field)} | {_default(field)} | {meaning} |\n"


def _introduction(model: type[BaseModel], comment: list[str]) -> str:
    """Return what the file says above a section, else the first paragraph of its docstring."""
    if not comment:
        paragraph = (model.__doc__ or "").split("\n\n")[0]
        return " ".join(paragraph.replace("``", "`").split()) + "\n"
    lines: list[str] = []
    for line in comment:
        code = line.startswith("   ")
        if code != (bool(lines) and lines[-1].startswith("    ")):
            lines.append("")
        lines.append(f" {line}" if code else _safe(line.strip()))
    return "\n".join(lines).strip("\n") + "\n"


def _safe(text: str) -> str:
    """Return ``text`` without what Markdown would take for its own."""
    return re.sub(r"([|*<])", r"\\\1", text)


def _type(field: FieldInfo) -> str:
    return _named(field.annotation) + _limits(field)


def _named(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin is list:
        return "list"
    if origin is dict:
        return "keys and values"
    if hasattr(annotation, "__metadata__"):
        return _named(arguments[0])
    if isinstance(annotation, types.GenericAlias):
        return _named(origin)
    return _TYPES[annotation]


def _limits(field: FieldInfo) -> str:
    said = []
    for one in field.metadata:
        if isinstance(one, Ge):
            said.append(f"from {one.ge:,}")
        elif isinstance(one, Gt):
            said.append(f"above {one.gt:,}")
        elif isinstance(one, Le):
            said.append(f"to {one.le:,}")
    return " " + " ".join(said) if said else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    return f"`{json.dumps(field.default, default=_open, ensure_ascii=False)}`"


def _open(value: Any) -> str:
    assert isinstance(value, SecretStr)
    return value.get_secret_value()


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if not current")
    args = parser.parse_args(arguments)
    made = page()
    if not args.check:
        PAGE.write_text(made)
        return 0
    if PAGE.exists() and PAGE.read_text() == made:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not current; run scripts/generate_docs.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
