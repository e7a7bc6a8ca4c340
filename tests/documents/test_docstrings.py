"""Every public name says what it is, documents its arguments, and has an example or leads to one."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts import ROOT

PACKAGES = [
    "graphseq",
    "graphseq.reach.theory",
    "graphseq.reach.measures",
    "graphseq.training.distributed",
    *(f"graphseq.{file.parent.name}" for file in (ROOT / "graphseq").glob("*/__init__.py")),
]
QUESTION = re.compile(r"(What|Whether|Who|How|Why|When|Where|Which)\b")
LINK = re.compile(
    r"^(?:Returned|Raised|Taken|Kept|Made|Run|The base|The counterpart)\b.* :(?:func|meth|class):`~?([\w.]+)`", re.M
)
BOTH = {"process_group", "Schedule"}  # a block, whose example is not run, and an alias of a type


def public() -> Iterator[tuple[str, object]]:
    """Every public class and function of the library, once."""
    seen = set()
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.ismodule(value) or not callable(value) or id(value) in seen or name in BOTH:
                continue
            seen.add(id(value))
            yield f"{package}.{name}", value


NAMES = dict(public())


def resolved(path: str) -> object:
    """The object of a dotted name, or of one of graphseq."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part)
        return value
    raise AssertionError(path)


def has_example(doc: str) -> bool:
    return ">>>" in doc or re.search(r"^Example:\n    .*::$", doc, re.M) is not None


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_has_an_example_or_leads_to_one(name: str) -> None:
    doc = inspect.getdoc(NAMES[name]) or ""
    links = LINK.findall(" ".join(doc.splitlines()).replace("  ", " ")) or LINK.findall(doc)
    assert doc.partition("\n")[0].strip()
    assert has_example(doc) or links or re.search(":(func|class):", doc.partition("\n\n")[0]), doc[:300]
    for link in links:
        resolved(link)


@pytest.mark.parametrize("name", sorted(name for name, value in NAMES.items() if inspect.isfunction(value)))
def test_the_arguments_of_a_function_are_documented(name: str) -> None:
    doc, missing = inspect.getdoc(NAMES[name]) or "", []
    if re.search(r"other arguments are those of :func:|arguments? (?:is|are) those of :func:", doc):
        return
    for argument in inspect.signature(NAMES[name]).parameters:  # type: ignore[arg-type]
        if argument not in ("args", "kwargs") and not re.search(rf"\b{argument}\b", doc):
            missing.append(argument)
    assert not missing


@pytest.mark.parametrize("folder", ["graphseq", "examples", "benchmarks", "tools", "docs/_ext"])
def test_no_docstring_opens_with_a_question(folder: str) -> None:
    opened = []
    for file in sorted(Path(ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                doc = ast.get_docstring(node) or ""
                if QUESTION.match(doc):
                    opened.append(f"{file.relative_to(ROOT)}: {doc.splitlines()[0]}")
    assert not opened
