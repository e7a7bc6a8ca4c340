"""The pages of the API: every public name of every public package, grouped by the module that defines it."""

from __future__ import annotations

import ast
import importlib
import inspect
from itertools import pairwise
from pathlib import Path

CONSTANTS = "Constants"

PAGES = {
    "graphseq": "Graphs, training, evaluation",
    "graphseq.nn": "Encoders and models",
    "graphseq.tasks": "Tasks",
    "graphseq.reach": "Reach: measurements and diagnosis",
    "graphseq.reach.theory": "Closed forms",
    "graphseq.reach.measures": "Measures of graphs and operators",
    "graphseq.training": "Callbacks and schedules",
    "graphseq.training.distributed": "Several processes",
    "graphseq.evaluation": "Scores",
    "graphseq.baselines": "Baselines",
    "graphseq.transforms": "Transforms",
    "graphseq.io": "Readers of files",
    "graphseq.datasets": "Data sets",
    "graphseq.plot": "Figures",
    "graphseq.text": "Text generation",
    "graphseq.testing": "Contract tests",
}

GROUPS = [  # the first prefix of the defining module that fits gives the heading
    ("graphseq.data.graph", "The graph"),
    ("graphseq.data.topology", "The graph"),
    ("graphseq.data.convert", "The graph"),
    ("graphseq.data.constructors", "Graphs from your data"),
    ("graphseq.data.events", "Graphs from your data"),
    ("graphseq.data.images", "Graphs of images"),
    ("graphseq.data", "Preparing data"),
    ("graphseq.training.fit", "Training"),
    ("graphseq.training.ensemble", "Training"),
    ("graphseq.training.curriculum", "Training"),
    ("graphseq.training.history", "Training"),
    ("graphseq.training.early_stopping", "Training"),
    ("graphseq.training.model_file", "Models in files"),
    ("graphseq.training.lr_schedule", "Learning-rate schedules"),
    ("graphseq.training.distributed", "Processes"),
    ("graphseq.training", "Callbacks"),
    ("graphseq.evaluation", "Evaluation"),
    ("graphseq.experiments", "Many runs"),
    ("graphseq.nn.model", "Models and heads"),
    ("graphseq.nn.embedded", "Models and heads"),
    ("graphseq.nn.heads", "Models and heads"),
    ("graphseq.nn.on_topology", "Models and heads"),
    ("graphseq.nn.encoder", "Models and heads"),
    ("graphseq.nn.trace", "Models and heads"),
    ("graphseq.nn.convolutional", "Graph convolutions and remedies for depth"),
    ("graphseq.nn.conv", "Graph convolutions and remedies for depth"),
    ("graphseq.nn.recurrent.init", "First weights of recurrences"),
    ("graphseq.nn.recurrent.dag", "Recurrences on graphs"),
    ("graphseq.nn.recurrent.gc", "Recurrences on graphs"),
    ("graphseq.nn.recurrent.forgetting", "Recurrences on graphs"),
    ("graphseq.nn.recurrent._forgetting", "Recurrences on graphs"),
    ("graphseq.nn.recurrent.long", "Long sequences and states"),
    ("graphseq.nn.recurrent.state", "Long sequences and states"),
    ("graphseq.nn.recurrent.scan", "Linear recurrences"),
    ("graphseq.nn.recurrent.l", "Linear recurrences"),
    ("graphseq.nn.recurrent.min", "Linear recurrences"),
    ("graphseq.nn", "Sequences"),
    ("graphseq.tasks.synthetic", "Tasks with a known distance"),
    ("graphseq.tasks.base", "Bases"),
    ("graphseq.tasks", "Tasks on your data"),
    ("graphseq.reach.diagnosis", "Diagnosis"),
    ("graphseq.reach.probe", "Any model: the probe"),
    ("graphseq.reach.compare", "Any model: the probe"),
    ("graphseq.reach.watch", "Any model: the probe"),
    ("graphseq.reach.rewire", "Any model: the probe"),
    ("graphseq.reach.influence", "Influence"),
    ("graphseq.reach.profile", "Influence"),
    ("graphseq.reach.hops", "Hops and receptive fields"),
    ("graphseq.reach.structure", "Hops and receptive fields"),
    ("graphseq.reach.theory", "Closed forms"),
    ("graphseq.reach", "Smoothness, ranks and gradients over layers"),
    ("graphseq.transforms.rewiring", "Rewiring"),
]


def write(folder: Path) -> None:
    """Write a page for each public package, and their index."""
    folder.mkdir(exist_ok=True)
    for package, title in PAGES.items():
        _put(folder / f"{package}.rst", page(package, title))
    entries = "\n".join(f"   {package}" for package in PAGES)
    rows = "\n".join(f"   * - :doc:`{package}`\n     - {title}" for package, title in PAGES.items())
    index = (
        "API\n===\n\nEvery public name, grouped by kind. Shapes are in these letters: B graphs, N nodes, T times,\n"
        "V rows, E edges, F input channels, H hidden channels, C classes or output channels, L layers, K outputs.\n\n"
        f".. list-table::\n   :widths: 30 70\n\n{rows}\n\n.. toctree::\n   :hidden:\n\n{entries}\n"
    )
    _put(folder / "index.rst", index)


def page(package: str, title: str) -> str:
    """Return the page of one package: a table of its names, and then each in full."""
    module = importlib.import_module(package)
    parts = [title, "=" * len(title), "", f".. currentmodule:: {package}", "", inspect.getdoc(module) or "", ""]
    for heading, names in groups(package).items():
        parts += [heading, "-" * len(heading), ""]
        if heading == CONSTANTS:
            for name in names:
                parts += [f".. py:data:: {name}", "", f"   {constant_doc(package, name)}", ""]
            continue
        parts += [".. list-table::", "   :widths: 30 70", ""]
        for name in names:
            parts += [f"   * - :py:obj:`{name} <{package}.{name}>`", f"     - {sentence(getattr(module, name))}"]
        parts.append("")
        for name in names:
            parts += _entry(getattr(module, name), name)
    return "\n".join(parts)


def groups(package: str) -> dict[str, list[str]]:
    """Return the public names of a package by heading, without those that have a page of their own."""
    module = importlib.import_module(package)
    found: dict[str, list[str]] = {}
    for name in module.__all__:
        value = getattr(module, name)
        if not inspect.ismodule(value):
            found.setdefault(heading_of(value, package), []).append(name)
    order = [heading for _, heading in GROUPS]
    return dict(sorted(found.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order)))


def heading_of(value: object, package: str) -> str:
    """Return the heading under which a value stands."""
    if not (inspect.isclass(value) or callable(value)):
        return CONSTANTS
    module = str(value.__module__)
    fits = [heading for prefix, heading in GROUPS if module.startswith(prefix)]
    return fits[0] if fits else PAGES[package]


def _entry(value: object, name: str) -> list[str]:
    return (
        [f".. autoclass:: {name}", "   :members:", ""] if inspect.isclass(value) else [f".. autofunction:: {name}", ""]
    )


def sentence(value: object) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def constant_doc(package: str, name: str) -> str:
    """Return the string that stands below the definition of a constant, which Python does not keep."""
    root = importlib.import_module("graphseq")
    folder = Path(importlib.import_module(package).__file__ or "").parent
    for file in [*sorted(folder.rglob("*.py")), *sorted(Path(root.__file__ or "").parent.rglob("*.py"))]:
        body = ast.parse(file.read_text(encoding="utf-8")).body
        for statement, after in pairwise(body):
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                text = ast.literal_eval(after.value) if isinstance(after, ast.Expr) else ""
                if isinstance(text, str) and text:
                    return " ".join(text.split())
    raise ValueError(f"{package}.{name} has no description below its definition")


def _put(path: Path, text: str) -> None:
    """Write a page where it has changed, so that Sphinx does not read it again otherwise."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
