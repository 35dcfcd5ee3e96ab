"""Any file, environment and options: a configuration, or lines that each say one mistake."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.config.test_defaults import keys
from tinylogbert_daemon.config import ENVIRONMENT_PREFIX, Config, parse
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.escape import printable

_NAMES = sorted({name for path in keys(Config) for name in path})
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "127.0.0.1", "0.0.0.0", "base", "auto", "/var/log/*", "\x1b[31m", "~"]),
)
# mostly the keys that there are, with values that are mostly wrong, at any depth
_CONTENT = st.dictionaries(
    st.sampled_from(_NAMES) | st.text(max_size=6),
    st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(_NAMES) | _SCALARS, inner, max_size=4)
        ),
        max_leaves=8,
    ),
    max_size=5,
)
_VARIABLES = st.dictionaries(
    st.one_of(
        st.sampled_from(sorted(keys(Config))).map(lambda path: "__".join(path).upper()),
        st.text("ABC_", min_size=1, max_size=8),
    ).map(lambda name: ENVIRONMENT_PREFIX + name),
    st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=()), max_size=12),
    max_size=3,
)
_MARKUP = "ab1:-[]{}&*!|>%@`'\"#,?. \n\t\\<=~\x00\x1b\u2028é"


@settings(max_examples=300, deadline=None)
@given(content=_CONTENT, environment=_VARIABLES)
@example(content={"sources": [{"name": "a", "paths": [["x"]]}]}, environment={})
@example(content={"http": {"port": 10**400}}, environment={})
@example(content={"model": None}, environment={"TINYLOGBERT_MODEL__PATH": "x"})
def test_any_content_and_environment(content: dict[Any, Any], environment: dict[str, str]) -> None:
    _configures_or_says_why(yaml.safe_dump(content, allow_unicode=True), environment)


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.text(alphabet=_MARKUP, max_size=60))
@example(text="&a [*a, *a]")
@example(text="a: &a {b: *a}")
@example(text="!!python/object/apply:os.system ['true']")
@example(text="[" * 5000)
@example(text="? [a, b]\n: c")
@example(text="<<: 1")
@example(text="state_dir: !!binary aGFsbG8=")
@example(text="sources: !!set {a, b}")
@example(text="tail: {poll_seconds: 1e999}")
def test_any_text(text: str) -> None:
    _configures_or_says_why(text, {})


def test_a_reference_that_unfolds_without_end_is_refused_at_once() -> None:
    # ten to the tenth nodes where the references were followed one by one ("billion laughs")
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    _configures_or_says_why("\n".join(lines), {})


def _configures_or_says_why(text: str, environment: dict[str, str]) -> None:
    try:
        assert isinstance(parse(text, "f", environment), Config)
    except ConfigError as error:
        for line in str(error).split("\n"):
            assert line.startswith(("f:", "environment variable "))
            assert line == printable(line)
            assert len(line) < 2000
