"""Names load on first use, and asking for help costs nothing."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import graphseq as gs

HEAVY = "{'torch', 'torch_geometric', 'networkx', 'scipy', 'numpy', 'matplotlib'}"
HELP = "import runpy, sys; sys.argv = ['graphseq', {}]\ntry: runpy.run_module('graphseq', run_name='__main__')"
STUB = ast.parse((Path(gs.__file__).parent / "__init__.pyi").read_text())
PUBLIC = [alias.asname for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def in_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603


@pytest.mark.parametrize(
    "words",
    ["'--help'", "'compare', '--help'", "'text', 'train', '--help'", "'--version'", "'compare', '--length', 'x'", ""],
)
def test_the_command_line_answers_at_once_and_loads_nothing_heavy(words: str) -> None:
    loaded = f"import time; print(sorted({HEAVY} & set(sys.modules)), time.process_time(), sep='\\n')"
    *_, heavy, seconds = in_python(f"{HELP.format(words)}\nexcept SystemExit: pass\n{loaded}").splitlines()
    assert heavy == "[]"
    assert float(seconds) < 3  # of the processor, whatever else it does


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert in_python(f"import sys, graphseq; print({HEAVY} & set(sys.modules), graphseq.__version__)").startswith(
        "set()"
    )


def test_the_package_knows_its_version_and_its_names() -> None:
    assert importlib.metadata.version("graphseq") == gs.__version__
    assert set(PUBLIC) == set(gs.__all__) <= set(dir(gs))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(gs, name).__doc__


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = gs.no_such_name


def test_no_module_takes_the_place_of_a_public_name() -> None:
    before = {name: getattr(gs, name) for name in PUBLIC}
    for module in pkgutil.walk_packages(gs.__path__, "graphseq."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert {name: getattr(gs, name) for name in PUBLIC} == before
    assert callable(gs.fit)
    assert callable(gs.evaluate)
    assert callable(gs.transforms.grow)


FIRST_STEP = """
import sys, time
import torch
with_torch, before = set(sys.modules), time.process_time()
import graphseq as gs
task = gs.tasks.Palindrome(4)
gs.fit(gs.nn.Model(gs.nn.GCN(task.in_channels, 4), task.out_channels), task, steps=1)
seconds = time.process_time() - before
names = "pandas", "requests", "matplotlib", "sklearn", "dask", "scipy.stats", "tensorboard"
names += "torch._dynamo", "torch_geometric.datasets"
print([name for name in names if name in sys.modules and name not in with_torch], seconds, sep="\\n")
import torch_geometric
print(torch_geometric.is_torch_instance(3, int), torch_geometric.datasets.Planetoid.__name__)
from torch_geometric.datasets import Planetoid
print(Planetoid is torch_geometric.datasets.Planetoid, "torch._dynamo" in sys.modules)
"""


def test_the_first_step_of_a_training_loads_little_beside_torch() -> None:
    loaded, seconds, *later = in_python(FIRST_STEP).splitlines()
    assert loaded == "[]"
    assert float(seconds) < 3  # of the processor; 0.8 s where nothing else runs
    assert later == ["True Planetoid", "True True"]  # PyG whole, as soon as it is asked for
