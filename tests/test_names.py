"""A name that is not public is answered with the nearest one, in every package."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import graphseq as gs

PACKAGES = [module.name for module in pkgutil.iter_modules(gs.__path__) if module.ispkg]
PUBLIC = [name for name in PACKAGES if name not in ("_arguments", "_prompt", "_torch", "cli", "data", "experiments")]


@pytest.mark.parametrize(
    ("package", "name", "message"),
    [
        ("graphseq", "fitt", "module 'graphseq' has no attribute 'fitt'; did you mean 'fit'?"),
        ("graphseq", "Model", "module 'graphseq' has no attribute 'Model'; did you mean graphseq.nn.Model?"),
        ("graphseq", "spacetimegraph", "did you mean 'SpaceTimeGraph'?"),
        ("graphseq.nn", "GCN_LSTM", "did you mean 'GCNLSTM'?"),
        ("graphseq.nn", "fit", "module 'graphseq.nn' has no attribute 'fit'"),
        ("graphseq.tasks", "Palindromes", "did you mean 'Palindrome'?"),
        ("graphseq.io", "read_grpah", "did you mean 'read_graph'?"),
        ("graphseq.reach", "probe_", "did you mean 'Probe'?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(package: str, name: str, message: str) -> None:
    with pytest.raises(AttributeError) as error:
        getattr(importlib.import_module(package), name)
    assert message in str(error.value)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_dir_and_no_other_is_there(name: str) -> None:
    package = importlib.import_module(f"graphseq.{name}")
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name_at_all'"):
        _ = package.no_such_name_at_all
    assert not hasattr(package, "__no_such_name__")
