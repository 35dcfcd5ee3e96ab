"""Read the configuration file and the environment; name file, line and key of what is wrong."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tinylogbert_daemon.config.schema import Config
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.escape import printable

SYSTEM_FILE = Path("/etc/tinylogbert/tinylogbert.yaml")
ENVIRONMENT_PREFIX = "TINYLOGBERT_"
"""``TINYLOGBERT_STATE_DIR`` sets ``state_dir``, ``TINYLOGBERT_HTTP__PORT`` sets ``http.port``."""

# names that are no keys: where the configuration, a Python or the benchmark data is
_RESERVED = ("TINYLOGBERT_CONFIG", "TINYLOGBERT_PYTHON", "TINYLOGBERT_DATA")
_MESSAGES = {
    "missing": "this key is missing; add it",
    "model_type": "must hold keys, not a single value",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "literal_error": "must be {expected}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be 1 to 64 letters, digits, dots, underscores or hyphens",
    "invalid_key": "a key must be text",
}
# beside its own errors, PyYAML lets slip what its constructors raise on odd scalars and depths
_YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)
_Location = tuple[int | str, ...]


def load(
    path: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Return the configuration of ``path``, the environment and the ``options``, in rising order.

    Without ``path``, ``TINYLOGBERT_CONFIG`` or the system's file is read, if there is one. Keys of
    ``options`` are dotted. Raises :class:`ConfigError`, one line for each mistake.
    """
    named = path or (
        Path(environment["TINYLOGBERT_CONFIG"]) if "TINYLOGBERT_CONFIG" in environment else None
    )
    chosen = named or (SYSTEM_FILE if SYSTEM_FILE.exists() else None)
    text = _read(chosen) if chosen else ""
    return parse(text, str(chosen or "defaults"), environment, options or {})


def parse(
    text: str,
    name: str,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Return the configuration that ``text`` (YAML, of the file ``name``) sets; see `load`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        _refuse_duplicates(root, name, set())
    except _YAML_ERRORS as error:
        raise ConfigError(_syntax(name, error)) from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(f"{name}:1: must hold keys and values, not {type(content).__name__}")
    origins: dict[_Location, str] = {}
    for key, value in (environment or {}).items():
        if key.startswith(ENVIRONMENT_PREFIX) and key not in _RESERVED:
            location = tuple(key.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
            _set(content, location, _scalar(value), f"environment variable {key}")
            origins[location] = f"environment variable {key}"
    for key, value in (options or {}).items():
        location = tuple(key.split("."))
        _set(content, location, value, f"option for {key}")
        origins[location] = "command line"
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        lines = [_describe(name, root, origins, found) for found in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the configuration is not UTF-8 text") from error


def _scalar(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except _YAML_ERRORS:
        return value


def _set(content: dict[str, Any], location: tuple[str, ...], value: Any, origin: str) -> None:
    here = content
    for part in location[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{origin}: {part} has no keys inside")
        here = inner
    here[location[-1]] = value


def _syntax(name: str, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or (str(error) or "no value").splitlines()[0]
    line = f":{mark.line + 1}" if mark is not None else ""
    return printable(f"{name}{line}: not valid YAML: {problem}")


def _refuse_duplicates(node: yaml.Node | None, name: str, visited: set[int]) -> None:
    if id(node) in visited:  # a reference: what it names may hold more of them, and so on
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(
                    printable(f"{name}:{line}: {key.value}: this key is there twice; remove one")
                )
            seen.add(key.value)
            _refuse_duplicates(value, name, visited)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_duplicates(value, name, visited)


def _describe(
    name: str, root: yaml.Node | None, origins: Mapping[_Location, str], found: ErrorDetails
) -> str:
    """Return one line for a mistake: file, line, key, what is wrong, the nearest right key."""
    location = found["loc"]
    key = printable(".".join(map(str, location)))
    origin = next((origins[part] for part in _heads(location) if part in origins), None)
    where = printable(origin or f"{name}:{_line(root, location)}")
    if found["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1, 0.5) or _elsewhere(location)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{where}: {key}: unknown key; {hint}"
    if found["type"] in _MESSAGES:
        message = _MESSAGES[found["type"]].format(**found.get("ctx", {}))
    else:
        message = printable(found["msg"].removeprefix("Value error, "))
    return f"{where}: {key}: {message}"


def _heads(location: _Location) -> Iterator[_Location]:
    """Yield ``location``, then what it lies in, from the inside out."""
    for length in range(len(location), 0, -1):
        yield location[:length]


def _line(node: yaml.Node | None, location: _Location) -> int:
    """Return the line (from 1) of the deepest part of ``location`` that the file has."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value)
        ):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _elsewhere(location: _Location) -> list[str]:
    """Return the dotted key that is meant where the name is right, but the section is not."""
    whole = {key[-1]: ".".join(key) for key in _keys_below(())}
    near = difflib.get_close_matches(str(location[-1]), whole, 1, 0.8)
    joined = "_".join(map(str, location))
    return difflib.get_close_matches(joined, _keys_at(()), 1, 0.7) or [whole[name] for name in near]


def _keys_below(location: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield all keys of the schema below ``location``; a list's are those of its entries."""
    for name in _keys_at(location):
        key = (*location, name)
        yield key
        yield from _keys_below(key)


def _keys_at(location: _Location) -> list[str]:
    """Return the keys that the schema knows at ``location``."""
    model: type[BaseModel] = Config
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = get_args(annotation)[0] if get_origin(annotation) is list else annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
