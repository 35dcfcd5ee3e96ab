"""The examples of docs/extending.md, each section a module, run by the tests that it holds."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"
SECTIONS = {"sink": "A sink", "source": "A source", "model_type": "A model type"}


def code(title: str) -> str:
    """Return the Python of a section."""
    section = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2, title
    return "\n".join(blocks)


@pytest.fixture(params=SECTIONS, scope="module")
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleType]:
    name = f"extending_{request.param}"
    # a file, since torch compiles out of the source
    path = tmp_path_factory.mktemp("extending") / f"{name}.py"
    path.write_text(code(SECTIONS[request.param]))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def test_the_example_works(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"tmp_path": tmp_path, "capsys": capsys}
    tests = [function for name, function in vars(example).items() if name.startswith("test_")]
    assert tests
    for function in tests:
        function(**{name: given[name] for name in inspect.signature(function).parameters})
