"""Scripts of the repository as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    """The text of a page of results, docs/results/``name``.md."""
    return (ROOT / "docs" / "results" / f"{name}.md").read_text()


def load(path: Path) -> ModuleType:
    """The script at ``path``, as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module
