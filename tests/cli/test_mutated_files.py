"""Files of every kind that commands read, changed at random from a fixed seed: read, or refused in a line."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import networkx as nx
import pytest
from console import Said, call
from mutations import mutated

from graphseq._printable import steers
from graphseq.experiments.forecast import job
from graphseq.experiments.forecast.data import prepare
from graphseq.experiments.forecast.settings import Settings
from graphseq.experiments.text import corpus
from graphseq.io import read_conllu, read_smiles, read_tu

COUNT = int(os.environ.get("GRAPHSEQ_MUTATIONS", "0"))
"""How many changes the long campaign makes of each kind of file; it is left out where the environment names none."""
PARTS = ("--train", "0.5", "--validation", "0.3", "--season", "7")
LIMIT = 10.0  # seconds of the processor that a file may take

LONG = "time,node,heat,rain\n" + "".join(f"{t},{n},{t + i}.5,{i}\n" for t in range(12) for i, n in enumerate("ABC"))
DATED = "time,node,heat\n" + "".join(f"2024-02-{t + 1:02},{n},{t}.5\n" for t in range(12) for n in "CAB")
EDGES = "source,target,weight\nA,B,1\nB,C,2.5\nC,A,3\n"
EVENTS = "source,target,time,size\n" + "".join(f"{'ABC'[t % 3]},{'BCA'[t % 2]},{t},{t % 4}\n" for t in range(24))
WIDE = "time,A,B,C\n" + "".join(f"{t},{t}.5,{t},1\n" for t in range(12))
PERIODS = {str(t): {"edges": [[0, 1], [1, 2]], "weights": [1, 2], "X": [[t, 1]] * 3, "y": [t, 1, 2]} for t in range(12)}
NODE_LINK = {
    "directed": False,
    "nodes": [{"id": name, "X": {"y": list(range(12)), "z": [1.5] * 12}} for name in "ABC"],
    "links": [{"source": "A", "target": "B", "weight": 1}, {"source": "B", "target": "C", "weight": 2}],
}
STATIC = {"edges": [[0, 1], [1, 2]], "node_ids": {"A": 0, "B": 1, "C": 2}, "FX": [[t, t + 1, 2] for t in range(12)]}
MAPPED = {
    "edge_mapping": {
        "edge_index": {str(t): [[0, 1]] for t in range(12)},
        "edge_weight": {str(t): [t] for t in range(12)},
    },
    "y": STATIC["FX"],
}
CONLLU = """# sent_id = a
1\tThey\tthey\tPRON\t_\tNumber=Plur\t2\tnsubj\t_\t_
2\tsing\tsing\tVERB\t_\t_\t0\troot\t_\t_
3-4\tit's\t_\t_\t_\t_\t_\t_\t_\t_
3\tit\tit\tPRON\t_\t_\t2\tobj\t_\t_
4\t's\tbe\tAUX\t_\t_\t2\tdep\t_\t_

# sent_id = b
1\tGo\tgo\tVERB\t_\t_\t0\troot\t_\t_
"""
SMILES = "smiles,y\nCCO,1\nc1ccccc1,2\nC[N+](C)(C)C,3.5\nO=C=O,4\n"
TU = {
    "A": "1, 2\n2, 1\n3, 4\n4, 3\n",
    "graph_indicator": "1\n1\n2\n2\n",
    "graph_labels": "1\n-1\n",
    "node_labels": "0\n1\n2\n0\n",
    "node_attributes": "0.5, 1\n1, 2\n2, 3\n3, 4\n",
    "edge_labels": "0\n0\n1\n1\n",
}
TEXT = "Ein Text, der gelesen wird; naïve, 日本.\n" * 8


def graph_in(write: Callable[[nx.Graph, io.BytesIO], None]) -> bytes:
    graph = nx.Graph()
    graph.add_edge("A", "B", weight=2.0, kind="road")
    graph.add_edge("B", "C", weight=0.5, kind="rail")
    file = io.BytesIO()
    write(graph, file)
    return file.getvalue()


def forecast(*words: str) -> Callable[[Path], Said]:
    return lambda path: call("forecast", path, *PARTS, *words)


def observations(path: Path, *words: str) -> Said:
    edges = path.with_name("beside.csv")
    edges.write_text(EDGES)
    return call("forecast", path, "--edges", edges, *PARTS, *words)


def edges(path: Path) -> Said:
    beside = path.with_name("beside.csv")
    beside.write_text(LONG)
    return call("forecast", beside, "--edges", path, "--undirected", *PARTS)


def reach(path: Path) -> Said:
    return call("reach", "--graph", path, "--source", "A", "--model", "gcn", "--layers", "1", "--hidden", "2")


def read(reader: Callable[[Path], object]) -> Callable[[Path], Said]:
    """A reader that no command calls by itself, as one would."""

    def called(path: Path) -> Said:
        try:
            reader(path)
        except (ValueError, OSError) as error:
            return Said(2, "", f"graphseq: {' '.join(str(error).split())}\n")
        return Said(0, "", "")

    return called


def tu(kind: str) -> Callable[[Path], Said]:
    def of_folder(path: Path) -> Said:
        for name, content in TU.items():
            if name != kind:
                path.with_name(f"D_{name}.txt").write_text(content)
        path.rename(path.with_name(f"D_{kind}.txt"))
        return read(lambda file: read_tu(file.parent, "D"))(path)

    return of_folder


KINDS: dict[str, tuple[str, bytes, Callable[[Path], Said]]] = {
    "observations": ("f.csv", LONG.encode(), observations),
    "dated observations": ("f.csv", DATED.encode(), lambda path: observations(path, "--sort", "--missing", "drop")),
    "wide observations": ("f.csv", WIDE.encode(), lambda path: observations(path, "--wide")),
    "edges of observations": ("f.csv", EDGES.encode(), edges),
    "packed observations": ("f.csv.gz", gzip.compress(LONG.encode(), mtime=0), observations),
    "events": ("f.csv", EVENTS.encode(), forecast("--window", "2", "--empty", "keep")),
    "periods": ("f.json", json.dumps(PERIODS).encode(), forecast()),
    "node-link recording": ("f.json", json.dumps(NODE_LINK).encode(), forecast("--missing", "drop")),
    "static recording": ("f.json", json.dumps(STATIC).encode(), forecast()),
    "mapped recording": ("f.json", json.dumps(MAPPED).encode(), forecast()),
    "edge list": ("f.csv", EDGES.encode(), reach),
    "edge list of words": ("f.txt", b"# mine\nA B {'weight': 1}\nB \"C D\" {'weight': 2}\n", reach),
    "graph in JSON": ("f.json", json.dumps({**NODE_LINK, "nodes": [{"id": name} for name in "ABC"]}).encode(), reach),
    "adjacency in JSON": ("f.json", json.dumps(nx.adjacency_data(nx.Graph(["AB", "BC"]))).encode(), reach),
    "GraphML": ("f.graphml", graph_in(nx.write_graphml), reach),
    "GEXF": ("f.gexf", graph_in(nx.write_gexf), reach),
    "GML": ("f.gml", graph_in(nx.write_gml), reach),
    "CoNLL-U": ("f.conllu", CONLLU.encode(), read(lambda path: read_conllu(path, on_error="skip"))),
    "CoNLL-U, refused": ("f.conllu", CONLLU.encode(), read(read_conllu)),
    "SMILES": ("f.csv", SMILES.encode(), read(lambda path: read_smiles(path, target="y", on_error="skip"))),
    "SMILES, refused": ("f.csv", SMILES.encode(), read(lambda path: read_smiles(path, target="y"))),
    "text": ("f.txt", TEXT.encode(), read(lambda path: corpus.load(str(path)))),
    "text in UTF-16": ("f.txt", TEXT.encode("utf-16"), read(lambda path: corpus.load(str(path), "utf-16"))),
    **{f"TU {kind}": (f"{kind}.txt", content.encode(), tu(kind)) for kind, content in TU.items()},
}


@pytest.fixture(autouse=True)
def only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forecasts read, scale and split their files, and train nothing."""

    def forecast(settings: Settings, *_: object, **__: object) -> None:
        prepare(settings)
        raise ValueError("read, and that is all")

    monkeypatch.setattr(job, "forecast", forecast)


@contextmanager
def in_time() -> Iterator[None]:
    """Fail what computes for more than ``LIMIT`` seconds, where the system can be asked to say so."""

    def late(*_: int | FrameType | None) -> None:
        raise AssertionError(f"it computes for more than {LIMIT} seconds")

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def campaign(kind: str, folder: Path, count: int, seed: int) -> None:
    name, content, run = KINDS[kind]
    for number, changed in enumerate(mutated(content, count, seed)):
        place = folder / str(number)
        place.mkdir()
        (place / name).write_bytes(changed)
        with in_time():
            said = run(place / name)
        assert said.status in (0, 2), (changed, said)
        if said.status == 2:
            lines = said.err.splitlines()
            assert len(lines) == 1, (changed, said.err)
            assert lines[0].startswith("graphseq"), (changed, said.err)
            assert not any(map(steers, said.err)), (changed, said.err)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_read_or_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    name, content, run = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    said = run(tmp_path / name)
    assert said.status == 0 or "read, and that is all" in said.err, said.err
    campaign(kind, tmp_path, 24, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(not COUNT, reason="GRAPHSEQ_MUTATIONS names no number of changes")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_the_long_campaign(kind: str, tmp_path: Path) -> None:
    campaign(kind, tmp_path, COUNT, seed=1)
