"""How the library is layered: imports go one way, and what a library does not do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import graphseq

ROOT = Path(graphseq.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# From the bottom up; a module imports from layers below its own, and within its package. A new module joins here.
LAYERS = [
    {"_checks", "_files", "_precision", "foreseen", "graphfiles", "tabular"},
    {"grid", "grouped", "outfolder"},
    {"workspace"},
    {"_cross_entropy", "seeding", "adjacency", "history", "optimizers", "schedules"},
    {"sequences"},
    {"sweeping", "topology"},
    {"validation"},
    {"graph"},
    {
        "build",
        "events",
        "growth",
        "images",
        "lagging",
        "orientation",
        "sampling",
        "scaling",
        "traversal",
        "weisfeiler_lehman",
    },
    {"acyclic"},
    {"datasets"},
    {"tasks", "nn"},
    {"baselines", "checkpoint", "distributed", "evaluation", "forecasters"},
    {"prediction"},
    {"training"},
    {"alike", "curriculum"},
    {"ensemble"},
    {"reach", "text"},
    {"compare.settings", "compare.text", "forecast.settings", "lengths.settings"},
    {
        *("compare.report", "lengths.report"),
        *("forecast.data", "forecast.families", "forecast.gates", "forecast.report", "forecast.selection"),
    },
    {"plot", "compare.runs", "forecast.runs", "lengths.runs"},
    {"forecast.pictures"},
    {"compare.job", "forecast.job", "lengths.job"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
JOBS = {"compare", "forecast", "lengths"}  # packages of several layers, whose own module holds nothing
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(file): ast.parse(file.read_text()) for file in FILES}
each_module = pytest.mark.parametrize("module", [name for name in TREES if name])


def layer_of(module: str) -> str:
    """The name in ``LAYERS`` that a module goes by: its own, or its package's."""
    return module if module in LEVEL else module.partition(".")[0]


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules of graphseq that are imported anywhere in a file, by statement or by name."""
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and called(node) == "import_module":
            found = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
        for name in found:
            if name.startswith("graphseq."):
                inner = name.removeprefix("graphseq.")
                yield inner if inner in TREES else inner.rpartition(".")[0]


def called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def calls(module: str) -> list[str]:
    return [called(node) for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]


@each_module
def test_a_module_has_its_layer(module: str) -> None:
    assert layer_of(module) in LEVEL or module in JOBS, f"{module} has no place in LAYERS yet"


@each_module
def test_imports_go_down(module: str) -> None:
    if module in JOBS:
        assert not list(imported(TREES[module]))
        return
    own = layer_of(module)
    upward = [
        other for other in imported(TREES[module]) if layer_of(other) != own and LEVEL[layer_of(other)] >= LEVEL[own]
    ]
    assert not upward


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: set(imported(tree)) - {module} for module, tree in TREES.items()}).prepare()


@each_module
def test_only_the_jobs_import_instruments_and_pictures(module: str) -> None:
    above = ("compare", "forecast.", "lengths.", "commands", "cli", "reach", "plot")
    if not module.startswith(above):
        found = [
            other for other in imported(TREES[module]) if other.startswith(("reach", "plot", "compare", "forecast."))
        ]
        assert not found


def test_the_training_loop_knows_no_model_and_no_task_by_name() -> None:
    assert {other for other in imported(TREES["training"]) if other.startswith(("nn", "tasks"))} == {"tasks.base"}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_can_be_read_in_one_sitting(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 320


@each_module
def test_names_are_imported_one_by_one(module: str) -> None:
    stars = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.alias) and node.name == "*"]
    assert not stars


PRINTING = {
    "cli",
    *(f"commands.{name}" for name in ("compare", "forecast", "reach", "sweep", "text_generate", "text_train")),
}


@each_module
def test_only_the_command_line_prints(module: str) -> None:
    assert ("print" in calls(module)) is (module in PRINTING)


@each_module
def test_only_seeding_touches_generators_that_are_not_its_own(module: str) -> None:
    seeds = {"seed", "manual_seed", "manual_seed_all", "seed_all", "seed_everything"}
    found = {call for call in calls(module) if call.rpartition(".")[2] in seeds}
    everyones = {call for call in found if call.startswith(("torch.", "np.", "numpy.", "random.", "seed_everything"))}
    allowed = {"torch.Generator().manual_seed"} | ({"torch.default_generator.manual_seed"} & everyones)
    if module == "seeding":
        assert "torch.default_generator.manual_seed" in everyones
        assert "torch.manual_seed" not in everyones
    else:
        assert everyones <= allowed - {"torch.default_generator.manual_seed"}


@each_module
def test_only_a_run_of_a_job_sets_the_number_of_threads(module: str) -> None:
    assert ("torch.set_num_threads" in calls(module)) is (module in {"compare.runs", "forecast.runs", "sweeping.run"})


@each_module
def test_a_users_mistake_is_never_an_assert(module: str) -> None:
    found = [node.lineno for node in ast.walk(TREES[module]) if isinstance(node, ast.Assert)]
    lines = (ROOT / f"{module.replace('.', '/')}.py").read_text().splitlines() if found else []
    assert not [number for number in found if "noqa: S101 - " not in lines[number - 1]]
