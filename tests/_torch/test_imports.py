"""Parts of a package that load when they are used, tried on a package made for it; PyG itself in test_lazy.py."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphseq._torch import imports

PACKAGE, DEAR = "heavy_package", ("heavy_package.dear", "heavy_other")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("import heavy_other\nimport heavy_package.dear\nimport heavy_package.light\n")
    (folder / "dear.py").write_text("VALUE = 3\n")
    (folder / "light.py").write_text("VALUE = 4\n")
    (tmp_path / "heavy_other.py").write_text("VALUE = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(imports, "_PACKAGE", PACKAGE)
    monkeypatch.setattr(imports, "_DEAR", DEAR)
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.startswith("heavy_")]:
        del sys.modules[name]


def loaded() -> set[str]:
    return {name for name in sys.modules if name.startswith("heavy_")}


def test_the_package_is_there_without_its_dear_parts(package: None) -> None:
    imports.defer()
    imports.defer()
    found = importlib.util.find_spec(PACKAGE)  # which asks, and loads nothing
    assert found is not None
    heavy = importlib.import_module(PACKAGE)
    assert loaded() == {PACKAGE, "heavy_package.light"}
    assert not [finder for finder in sys.meta_path if isinstance(finder, imports._Finder)]
    assert heavy.__spec__.loader is heavy.__loader__
    assert not isinstance(heavy.__loader__, imports._Loader)


@pytest.mark.parametrize(
    "way",
    [
        "import heavy_package\nvalue = heavy_package.dear.VALUE",
        "from heavy_package.dear import VALUE as value",
        "from heavy_package import dear\nvalue = dear.VALUE",
        "import heavy_package.dear\nvalue = heavy_package.dear.VALUE",
    ],
)
def test_a_part_is_loaded_in_whatever_way_it_is_asked_for(package: None, way: str) -> None:
    imports.defer()
    heavy = importlib.import_module(PACKAGE)
    assert isinstance(heavy.dear, imports.StandIn)
    names: dict[str, object] = {}
    exec(way, names)  # noqa: S102 - the lines above
    assert names["value"] == 3
    assert sys.modules["heavy_package.dear"] is heavy.dear
    assert not isinstance(heavy.dear, imports.StandIn)
    assert "heavy_other" not in loaded()


def test_a_part_that_is_read_while_the_package_loads_is_the_real_one(package: None, tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "__init__.py").write_text("import heavy_other\nvalue = heavy_other.VALUE\n")
    imports.defer()
    assert importlib.import_module(PACKAGE).value == 5
    assert sys.modules["heavy_other"].VALUE == 5


def test_a_package_that_fails_leaves_nothing_behind(package: None, tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "__init__.py").write_text("import heavy_other\nraise OSError('broken')\n")
    imports.defer()
    with pytest.raises(OSError, match="broken"):
        importlib.import_module(PACKAGE)
    assert not loaded()


def test_what_is_loaded_already_stays(package: None) -> None:
    other = importlib.import_module("heavy_other")
    imports.defer()
    importlib.import_module(PACKAGE)
    assert sys.modules["heavy_other"] is other


def test_names_are_listed(package: None) -> None:
    imports.defer()
    assert "VALUE" in dir(importlib.import_module(PACKAGE).dear)
