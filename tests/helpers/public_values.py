"""Data, models and other values of which the catalogue of public calls makes valid calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import networkx as nx
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

import graphseq as gs
from graphseq import nn, tasks, training, transforms
from graphseq.io import Sentence, Word
from graphseq.reach import theory

Arguments = dict[str, Any]

# Data of which valid calls are made.


def signal() -> gs.SpaceTimeGraph:
    """Three nodes in a path at four times, with two features."""
    x = torch.linspace(-1, 1, 24).reshape(4, 3, 2)
    return gs.from_signal(x, torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.ones(4))


def static() -> gs.SpaceTimeGraph:
    """A path of five nodes at one time, with two features."""
    return gs.from_graph(nx.path_graph(5), x=torch.linspace(0, 1, 10).reshape(5, 2), y=torch.tensor([1]))


def sequence() -> gs.SpaceTimeGraph:
    """Five rows with two features."""
    return gs.from_sequence(torch.linspace(0, 1, 10).reshape(5, 2))


def acyclic() -> gs.SpaceTimeGraph:
    return transforms.to_dag(static())


def labelled() -> list[gs.SpaceTimeGraph]:
    """Six static graphs of two classes."""
    return [static().replace(y=torch.tensor([number % 2])) for number in range(6)]


def measured() -> list[gs.SpaceTimeGraph]:
    return [static().replace(y=torch.tensor([[float(number)]])) for number in range(6)]


def pairs() -> gs.SpaceTimeGraph:
    return static().replace(y=None, edge_label_index=torch.tensor([[0, 1], [2, 3]]))


def task() -> tasks.Transfer:
    return tasks.Transfer(3)


def model() -> nn.Model:
    return seeded(lambda: nn.Model(nn.GCN(10, 4, 2), 10))


def rows() -> Tensor:
    return torch.tensor([0, 2])


def states() -> Tensor:
    """(5, 2), of the rows of a static graph."""
    return torch.linspace(0, 1, 10).reshape(5, 2)


def words() -> list[Word]:
    return [Word("dog", "dog", "NOUN", {"Number": "Sing"}, 1, "nsubj"), verb("barks", "Sing")]


def verb(form: str, number: str) -> Word:
    return Word(form, form, "VERB", {"VerbForm": "Fin", "Number": number}, -1, "root")


def sentences() -> list[Sentence]:
    noun = Word("dogs", "dog", "NOUN", {"Number": "Plur"}, 1, "nsubj")
    return [Sentence("1", 1, tuple(words())), Sentence("2", 4, (noun, verb("bark", "Plur")))]


def agreement() -> tasks.Agreement:
    return tasks.Agreement(sentences())


def characters() -> tasks.Characters:
    return tasks.Characters("abcabcabcabcabcabc", 3)


def writer() -> nn.Model:
    return seeded(lambda: nn.Model(nn.LSTM(3, 4), 3))


def gates() -> nn.GateValues:
    with torch.no_grad():
        return seeded(lambda: nn.ForgettingGCNLSTM(2, 3)).gate_values(signal())


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def axes() -> object:
    return Figure().subplots()


def distances() -> Tensor:
    return torch.tensor([[0, 1, 2], [1, 0, 1]])


def forecasting() -> tasks.Forecasting:
    return tasks.Forecasting(recording(), lags=2)


def recording() -> gs.SpaceTimeGraph:
    """Three nodes at twelve times."""
    x = torch.linspace(0, 1, 36).sin().reshape(12, 3, 1)
    return gs.from_signal(x, torch.tensor([[0, 1], [1, 2]]))


def table() -> Arguments:
    """A recording as an array (T, N), and its edges."""
    return {"data": torch.linspace(0, 9, 36).sin().reshape(12, 3), "edges": torch.tensor([[0, 1], [1, 2]])}


@cache
def forecaster_file() -> Path:
    """A file that holds a small forecaster."""
    path = folder() / "forecaster.pt"
    gs.Forecaster(models=["persistence"], lags=2, steps=2).fit(**table()).save(path)
    return path


def share() -> dict[str, float]:
    return {"answers": 10, "units": 10, "share": 0.5, "low": 0.4, "high": 0.6}


def plain(*_: object) -> None:
    """A callback."""


def predictions() -> gs.Predictions:
    column = torch.linspace(0, 1, 6).reshape(6, 1)
    return gs.Predictions(torch.arange(6) % 2, torch.arange(6) // 2, column, column + 0.1)


def rnn_weights() -> theory.RNNWeights:
    return theory.RNNWeights(torch.ones(3, 2), torch.eye(3), torch.zeros(3), torch.ones(2, 3), torch.zeros(2))


def animation() -> object:
    made = gs.plot.animate_message(static(), 0, torch.ones(1, 5))
    made._draw_was_started = True  # type: ignore[attr-defined]  # it may be dropped without being written
    return made


def identity(x: object) -> object:
    return x


def work(number: int) -> dict[str, object]:
    return {"doubled": number * 2}


@cache
def folder() -> Path:
    """Small files of every kind that is read, made once a process."""
    place = Path(mkdtemp(prefix="graphseq-calls-"))
    (place / "events.csv").write_text("source,target,time\na,b,1\nb,c,2\na,c,3\n")
    (place / "table.csv").write_text("time,node,value\n1,a,0.5\n1,b,1.5\n2,a,1.0\n2,b,2.0\n")
    (place / "graph.txt").write_text("a b\nb c\n")
    (place / "smiles.csv").write_text("smiles,target\nCCO,1.5\nCCN,0.5\n")
    (place / "one.conllu").write_text(
        "1\tDogs\tdog\tNOUN\t_\tNumber=Plur\t2\tnsubj\t_\t_\n2\tbark\tbark\tVERB\t_\tVerbForm=Fin\t0\troot\t_\t_\n\n"
    )
    (place / "one.json").write_text('{"edges": [[0, 1]], "node_ids": {"a": 0, "b": 1}, "X": [[1, 2], [3, 4]]}')
    (place / "text.txt").write_text("abc abc abc")
    tu = place / "two"
    tu.mkdir()
    for part, content in (
        ("A", "1, 2\n2, 1\n3, 4\n4, 3\n"),
        ("graph_indicator", "1\n1\n2\n2\n"),
        ("graph_labels", "1\n2\n"),
    ):
        (tu / f"two_{part}.txt").write_text(content)
    gs.History([1.0], [0.5], [0.1], [0.01]).to_json(place / "history.json")
    np.savez(place / "traffic.npz", data=np.ones((3, 2, 1)))
    return place


@cache
def diagnosed() -> object:
    """The diagnosis of a small model."""
    return gs.diagnose(nn.Model(nn.MLP(10, 4), 10), task(), steps=2, budget_seconds=1.0)


def new_path(name: str) -> Path:
    """A path at which nothing is: what a call wrote there is removed."""
    path = folder() / "written" / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def seeded(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def pooled() -> nn.Model:
    return seeded(lambda: nn.Model(nn.GCN(2, 4), 2, pool="mean"))


def stopper() -> training.EarlyStopping:
    return training.EarlyStopping(tasks.GraphClassification(labelled(), 2), every=1)


def validated() -> training.EarlyStopping:
    stopping = stopper()
    stopping.validate(1, pooled())
    return stopping


def links() -> tasks.LinkPrediction:
    return tasks.LinkPrediction(recording(), lags=1)


def fields(rows: Tensor) -> Tensor:
    """The receptive fields of rows among five, each of which sees itself."""
    return rows[:, None] == torch.arange(5)


def of_task(made: tasks.Task) -> Arguments:
    """Arguments of the methods of a task: a batch of its own, its answers, and outputs for them."""
    graph = made.batch(2, generator())
    answers = {"y": graph.y, "output": torch.zeros(len(graph.y), made.out_channels)}
    return {"graph": graph, **answers, "numbers": torch.tensor([0, 1])}


def data() -> Arguments:
    return {"model": small()["model"], "data": static()}


def small() -> Arguments:
    return {"model": seeded(lambda: nn.GCN(2, 3)), "graph": static()}


def column_names(*names: str) -> Arguments:
    return {name: name for name in names}


def encoder_checks() -> list[str]:
    return sorted({check.function for check in gs.testing.ENCODER_SUITE.checks})


def task_checks() -> list[str]:
    return sorted({check.function for check in gs.testing.TASK_SUITE.checks})


def run_state(encoder: Any) -> Any:
    with torch.no_grad():
        return encoder.run(signal())[1]


def networkx_over_time() -> dict[int, nx.Graph]:
    graphs = {time: nx.path_graph(3) for time in (0, 1)}
    for graph in graphs.values():
        nx.set_node_attributes(graph, 1.0, "x")
    return graphs


def gconv_lstm() -> dict[str, Tensor]:
    """Weights of PyG Temporal's ``GConvLSTM``."""
    one = torch.ones(1, 1)
    weights = {f"conv_{s}_{g}.lins.{k}.weight": one for s in "xh" for g in "ifco" for k in (0, 1)}
    return weights | {f"w_c_{g}": one for g in "ifo"} | {f"b_{g}": one for g in "ifco"}


# Values by the name of a parameter, for whoever has no other in the tables below.

VALUES: dict[str, Callable[[], object]] = {
    "graph": signal,
    "x": lambda: torch.linspace(0, 1, 10).reshape(5, 2),
    "y": lambda: torch.tensor([0, 1]),
    "edge_index": lambda: torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
    "graphs": labelled,
    "task": task,
    "model": model,
    "size": lambda: 2,
    "generator": generator,
    "in_channels": lambda: 2,
    "hidden_channels": lambda: 3,
    "out_channels": lambda: 2,
    "num_classes": lambda: 2,
    "num_neighbors": lambda: [2, 2],
    "length": lambda: 3,
    "rows": rows,
    "states": states,
    "axes": axes,
    "source_row": lambda: 0,
    "target_row": lambda: 4,
    "source": lambda: 0,
    "target": lambda: 3,
    "row": lambda: 1,
    "layer": lambda: 0,
    "hops": lambda: 3,
    "num_rows": lambda: 5,
    "num_layers": lambda: 4,
    "alphabet": lambda: ["a", "b", "c"],
    "prompt": lambda: "ab",
    "sentences": sentences,
    "words": words,
    "verb": lambda: verb("barks", "Sing"),
    "subject": lambda: words()[0],
    "smiles": lambda: "CCO",
    "folder": lambda: folder() / "two",
    "adjacency": lambda: torch.tensor([[0.0, 1.0], [1.0, 0.0]]),
    "operator": lambda: torch.eye(2),
    "weights": lambda: [torch.eye(2)],
    "output": lambda: torch.tensor([[1.0, 0.0], [0.5, 0.2]]),
    "step": lambda: 1,
    "encoder": lambda: seeded(lambda: nn.LSTM(2, 3)),
    "callback": lambda: plain,
    "lengths": lambda: [2, 3],
    "depths": lambda: [1, 2],
    "channels": lambda: 2,
    "device": lambda: "cpu",
    "panels": lambda: [axes()],
    "gates": gates,
    "values": lambda: torch.tensor([[0.5, 0.3, 0.1], [0.1, 0.6, 0.2]]),
    "lags": distances,
    "predictions": lambda: {"LSTM": predictions()},
    "text": lambda: "abcabcabcabcabcabc",
    "name": lambda: "karate",
}
