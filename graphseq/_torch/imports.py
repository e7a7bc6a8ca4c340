"""PyG without its dearest imports: they load when they are used.

``import torch_geometric`` loads torch's compiler for one ``isinstance``, in as much time as torch itself takes, and all
data sets, with pandas and requests. Here empty modules stand for both while PyG is imported, whoever imports it first.
Afterwards torch loads its compiler where something is compiled, and ``torch_geometric.datasets`` is loaded as soon as
it is imported or a name of it is read.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_PACKAGE = "torch_geometric"
_DEAR = ("torch._dynamo", "torch_geometric.datasets")


def defer() -> None:
    """Have the next import of PyG leave these out; without effect where PyG is loaded already."""
    if _PACKAGE not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class StandIn(ModuleType):
    """An empty module that gives the names of the real one, which it loads then."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)

    def __dir__(self) -> list[str]:
        return dir(self._load())

    def _load(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


@contextmanager
def _stand_ins(module: ModuleType) -> Iterator[None]:
    """Stand-ins while PyG is loaded; those of its own parts remain its attributes until the parts are loaded."""
    placed = {name: StandIn(name) for name in _DEAR if name not in sys.modules}
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name, stand_in in placed.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
                parent, _, attribute = name.rpartition(".")
                if parent == module.__name__:
                    setattr(module, attribute, stand_in)


class _Loader(Loader):
    """The loader of PyG, with stand-ins meanwhile."""

    def __init__(self, own: Loader) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        module.__loader__ = self._own
        if module.__spec__ is not None:
            module.__spec__.loader = self._own  # for whoever asks where the package is from
        importlib.import_module("torch")  # before there is a stand-in of a part of it
        with _stand_ins(module):
            self._own.exec_module(module)


class _Finder(MetaPathFinder):
    """Finds PyG, and is gone once that is loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec
