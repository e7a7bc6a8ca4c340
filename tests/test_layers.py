"""The levels of the library: imports go downwards only, and some things happen in one place alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import graphseq
from graphseq.experiments import models

ROOT = Path(graphseq.__file__).parent

# From the bottom up. A module imports from levels below its own, and within its own package. A new package joins here.
LEVELS = [
    {"_checks", "_files", "_names", "_printable", "_prompt"},
    {"_arguments", "_torch", "seeding"},
    {"data"},
    {"io", "transforms"},
    {"datasets"},
    {"nn", "tasks"},
    {"baselines", "evaluation"},
    {"training"},
    {"reach"},
    {"plot", "testing", "text"},
    {"experiments"},
    {"cli"},
    {"__main__"},
]
LEVEL = {package: level for level, packages in enumerate(LEVELS) for package in packages}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}


def package_of(module: str) -> str:
    return module.partition(".")[0]


def imports(module: str) -> Iterator[str]:
    """Modules of graphseq that a module imports anywhere in its file, by statement or by name."""
    for node in ast.walk(TREES[module]):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
            names = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
        for name in names:
            if name.startswith("graphseq."):
                inner = name.removeprefix("graphseq.")
                yield inner if inner in TREES else inner.rpartition(".")[0]


def calls(module: str) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]


def offenders(is_wrong: Callable[[str], bool]) -> list[str]:
    """Every module of which something is wrong."""
    return [module for module in TREES if is_wrong(module)]


def test_every_package_has_its_level() -> None:
    assert {package_of(module) for module in TREES if module} == set(LEVEL)


def test_imports_go_downwards() -> None:
    upward = [
        f"{module} imports {other}"
        for module in TREES
        if module
        for other in imports(module)
        if package_of(other) != package_of(module) and LEVEL[package_of(other)] >= LEVEL[package_of(module)]
    ]
    assert not upward


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: set(imports(module)) - {module} for module in TREES}).prepare()


def test_few_modules_stand_loose_at_the_top() -> None:
    loose = [file.name for file in ROOT.glob("*.py") if file.name not in ("__init__.py", "__main__.py")]
    assert len(loose) <= 5, loose


def test_the_training_loop_knows_no_model_and_no_task_by_name() -> None:
    assert {other for other in imports("training.fit") if other.startswith(("nn", "tasks"))} == {
        "tasks.answers",
        "tasks.base",
        "tasks.identity",
    }


def test_a_file_holds_one_idea() -> None:
    assert not offenders(lambda module: len(FILES[module].read_text().splitlines()) > 400)


def test_imports_are_absolute_and_name_by_name() -> None:
    def loose(node: ast.AST) -> bool:
        return (isinstance(node, ast.ImportFrom) and node.level > 0) or (
            isinstance(node, ast.alias) and node.name == "*"
        )

    assert not offenders(lambda module: any(loose(node) for node in ast.walk(TREES[module])))


def test_only_the_command_line_prints() -> None:
    assert not offenders(lambda module: "print" in calls(module) and package_of(module) != "cli")


def test_only_seeding_touches_generators_that_are_not_its_own() -> None:
    def everyones(module: str) -> set[str]:
        seeds = {"seed", "manual_seed", "manual_seed_all", "seed_all", "seed_everything"}
        found = {call for call in calls(module) if call.rpartition(".")[2] in seeds}
        shared = {call for call in found if call.startswith(("torch.", "np.", "numpy.", "random.", "seed_everything"))}
        return shared - {"torch.Generator().manual_seed"}

    assert {module: everyones(module) for module in TREES if everyones(module)} == {
        "seeding": {
            "torch.default_generator.manual_seed",
            "torch.cuda.default_generators[device.index or 0].manual_seed",
        }
    }


def test_only_a_run_of_an_experiment_sets_the_number_of_threads() -> None:
    setting = offenders(lambda module: "torch.set_num_threads" in calls(module))
    assert setting
    assert all(package_of(module) == "experiments" for module in setting)


def test_a_users_mistake_is_never_an_assert() -> None:
    found = [
        f"{module}, line {node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        and "noqa: S101 - " not in FILES[module].read_text().splitlines()[node.lineno - 1]
    ]
    assert not found


ENCODERS = {"GCN", "GCNII", "AntisymmetricGCN", "StateSpaceGCN", "WaveGCN", "MLP", "RNN", "GRU", "LSTM", "LRU"}
ENCODERS |= {"MinGRU", "MinLSTM", "GCNGRU", "GCNLSTM", "ForgettingGCNLSTM", "DAGLSTM"}


def is_name_of_a_model(node: ast.AST | None) -> bool:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    try:
        models.find(node.value)
    except ValueError:
        return False
    return True


def builds_models_by_name(tree: ast.AST) -> list[int]:
    """Lines on which the name of a model stands for an encoder: in a dict, or in a branch on a text."""

    def builds(nodes: Sequence[ast.AST]) -> bool:
        parts = [part for node in nodes for part in ast.walk(node)]
        return any(getattr(part, "attr", getattr(part, "id", "")) in ENCODERS for part in parts)

    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            lines += [value.lineno for key, value in pairs if is_name_of_a_model(key) and builds([value])]
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Compare):
            if any(map(is_name_of_a_model, ast.walk(node.test))) and builds(node.body):
                lines.append(node.lineno)
        elif isinstance(node, ast.Match):
            lines += [
                case.pattern.lineno
                for case in node.cases
                if any(map(is_name_of_a_model, ast.walk(case.pattern))) and builds(case.body)
            ]
    return lines


def test_no_file_is_read_in_a_way_that_could_run_code() -> None:
    """Torch loads weights only, and numpy no pickles; what is unpickled else is what one process tells another."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called, given = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            if called == "torch.load":
                assert given.get("weights_only") == "True", name
            assert called not in ("torch.jit.load", "torch.hub.load", "marshal.loads"), name
            assert given.get("allow_pickle", "False") == "False", name
            if called in ("pickle.load", "pickle.loads", "dill.load", "joblib.load"):
                assert (name, called) == ("training.distributed", "pickle.loads")


def test_one_registry_builds_models_by_name() -> None:
    benchmarks = {file.name: ast.parse(file.read_text()) for file in (ROOT.parent / "benchmarks").glob("*.py")}
    lines = {name: builds_models_by_name(tree) for name, tree in {**TREES, **benchmarks}.items()}
    assert {name for name, found in lines.items() if found} == {"experiments.models"}
    branch = "def build(name):\n    if name == 'LSTM':\n        return nn.LSTM(2, 3)\n"
    choice = "match name:\n    case 'gcn' | 'gnn':\n        encoder = GCN(2, 3)\n"
    assert builds_models_by_name(ast.parse(branch)) == [2]
    assert builds_models_by_name(ast.parse(choice)) == [2]


def test_no_docstring_opens_with_a_question() -> None:
    questions = re.compile(r'^ *"""(?:What|Whether|Who|How)\b', flags=re.MULTILINE)
    assert not offenders(lambda module: questions.search(FILES[module].read_text()) is not None)
