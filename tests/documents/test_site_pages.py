"""Every code block of the documentation runs, every public name has its place in it, and every command is accepted."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import warnings
from pathlib import Path

import pytest
from scripts import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(page for folder in ("get_started", "guide", "how_to") for page in (DOCS / folder).glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^print\((?P<shown>.*)\)(?:  #.*)?\n# (?P<output>.+)$", flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_the_code_of_a_page_runs_and_prints_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch_geometric|torch.jit")
            exec(compile(block, str(page), "exec"), names)  # noqa: S102
        printed = capsys.readouterr().out
        for shown in OUTPUT.finditer(block):
            expected = [re.escape(part) for part in shown["output"].split("…")]
            assert re.search("^" + ".*".join(expected), printed, flags=re.MULTILINE | re.DOTALL), shown["output"]


def test_every_public_name_is_on_a_page_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    pages = importlib.import_module("api_pages")
    inner = [f"graphseq.{file.parent.name}" for file in (ROOT / "graphseq").glob("*/__init__.py")]
    packages = {name for name in ("graphseq", *inner) if hasattr(importlib.import_module(name), "__all__")}
    assert packages - {"graphseq.distributed"} <= set(pages.PAGES)
    for package in pages.PAGES:
        module = importlib.import_module(package)
        names = {name for name in module.__all__ if not inspect.ismodule(getattr(module, name))}
        text = pages.page(package, pages.PAGES[package])
        assert names == set(re.findall(r"^\.\. (?:autoclass|autofunction|py:data):: (\w+)$", text, flags=re.MULTILINE))
        modules = set(module.__all__) - names
        assert {getattr(module, name).__name__ for name in modules} <= set(pages.PAGES), package
    sys.modules.pop("api_pages")


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), *PAGES, *(DOCS / "tutorials").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            made = target.startswith(("auto_examples", "../auto_examples", "api", "../api"))  # in the build
            assert made or (page.parent / target).exists(), (page.name, target)
