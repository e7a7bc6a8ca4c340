"""``reach``: what it says of a graph is what the library says, and whatever is wrong is one line and leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from console import Said, call, everything, refusal
from PIL import Image

import graphseq as gs
from graphseq import _files
from graphseq.cli import reach as command
from graphseq.cli.reach import _build as build
from graphseq.cli.reach_text import percent
from graphseq.io import PlainGraph, read_graph
from graphseq.reach import survey
from graphseq.reach.survey import Request, linear_influence, number_of_routes

SIX = "A,B\nA,E\nA,F\nB,C\nB,D\nC,D\nD,F\nE,F\n"
FILES = ["fields.png", "hops.png", "influence.png", "message.gif", "reach.json"]


@pytest.fixture
def six(tmp_path: Path) -> Path:
    path = tmp_path / "six.csv"
    path.write_text(SIX)
    return path


def reach(graph: object, *words: object) -> Said:
    return call("reach", "--graph", graph, *words)


def table(said: Said, title: str) -> list[list[str]]:
    """The words of the lines of the table under a title."""
    lines = said.out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(title)) + 1
    found = []
    for line in lines[start:]:
        if not line.strip():
            break
        found.append(line.split())
    return found


def test_hops_and_routes_are_those_of_the_graph(six: Path) -> None:
    said = reach(six, "--source", "C", "--target", "E", "--model", "gcn")
    assert said.status == 0
    assert "six.csv: 6 nodes, 8 edges, undirected\n" in said.out
    assert table(said, "Hops from C: 6 of 6 rows") == [["hops", "0", "1", "2", "3"], ["rows", "1", "2", "2", "1"]]
    assert "C to E: 3 hops, so a GCN needs 3 layers\n" in said.out
    assert "  2 shortest routes:\n    C-B-A-E\n    C-D-F-E\n" in said.out


def test_what_models_see_is_their_reach(six: Path) -> None:
    said = reach(six, "--source", "C", "--target", "E", "--layers", 2, 3, "--model", "gcn", "rnn", "gcn-lstm")
    assert table(said, "What each model sees from E")[1:] == [
        ["GCN", "2", "5", "of", "6", "no"],
        ["GCN", "3", "6", "of", "6", "yes"],
        ["RNN", "2", "1", "of", "6", "no"],
        ["RNN", "3", "1", "of", "6", "no"],
        ["GCN-LSTM", "2", "5", "of", "6", "no"],
        ["GCN-LSTM", "3", "6", "of", "6", "yes"],
    ]


def test_over_time_a_recurrence_sees_its_past_and_a_gcn_lstm_a_cone(six: Path) -> None:
    said = reach(six, "--source", "C", "--target", "E", "--layers", 1, "--times", 3, "--causal")
    assert "six.csv: 6 nodes, 8 edges, undirected; 3 times, so 18 rows\n" in said.out
    assert "C at 0 to E at 2: 5 hops, so a GCN needs 5 layers\n" in said.out
    # E, A and F at the time asked and at the one before; B and D, too, a step back; and all at the first.
    assert table(said, "What each model sees from E at 2")[1:] == [
        ["GCN", "1", "4", "of", "18", "no"],
        ["RNN", "1", "3", "of", "18", "no"],
        ["LSTM", "1", "3", "of", "18", "no"],
        ["GCN-LSTM", "1", "14", "of", "18", "yes"],
    ]


def test_the_farthest_is_asked_where_none_is_named_and_layers_are_around_what_it_needs(six: Path) -> None:
    said = reach(six, "--source", "C", "--model", "gcn")
    assert "C to E: 3 hops, so a GCN needs 3 layers (E is the farthest)" in said.out
    assert [line[1] for line in table(said, "What each model sees from E")[1:]] == ["1", "2", "3"]


def test_influence_is_as_measured_in_per_cent_and_zero_where_out_of_reach(six: Path, tmp_path: Path) -> None:
    words = ("--source", "C", "--target", "E", "--model", "gcn", "--layers", 2, "--out", tmp_path / "out")
    assert reach(six, *words).status == 0
    (asked,) = json.loads((tmp_path / "out" / "reach.json").read_text())["targets"]
    found = survey.survey(Request(read_graph(six), "C", build, ("E",), ("GCN",), (2,)))
    names = found.names
    model = survey.encoder("GCN", 2, found.request)
    row = torch.tensor([names.index("E")])
    expected = gs.reach.influence(model, found.spacetime, outputs=row)[0]
    by_hop = [float(sum(expected[names.index(name)] for name in names_at)) for names_at in ("E", "AF", "BD", "C")]
    assert asked["models"][0]["influence_by_hop"] == pytest.approx(by_hop)
    assert by_hop[3] == 0 == asked["models"][0]["influence_by_hop"][3]
    shares = [percent(value / sum(by_hop)) for value in by_hop]
    assert table(reach(six, *words[:-2]), "Influence on E")[1] == ["GCN", "2", *shares]
    assert shares[3] == "0"


@pytest.mark.parametrize("causal", [False, True])
def test_the_closed_form_is_the_influence_of_linear_layers(causal: bool) -> None:
    request = Request(read_graph("krackhardt_kite"), "0", build, times=2, causal=causal)
    found = survey.survey(Request(request.graph, "0", build, ("9",), ("GCN",), (1,), 2, causal))
    gcn = survey.encoder("GCN", 3, request)
    dense = found.spacetime.topology.spacetime(causal).normalised(torch.float64).csr.to_dense()
    weights = [conv.lin.weight.detach().T for conv in gcn.convs]
    expected = gs.reach.theory.linear_gcn_influence(dense, weights)
    for row in (0, 13, 19):
        torch.testing.assert_close(linear_influence(gcn, found.spacetime, row), expected[row])


def test_routes_are_counted_as_listing_them_does() -> None:
    for seed in range(20):
        graph = nx.gnp_random_graph(9, 0.3, seed=seed, directed=True)
        away = nx.single_source_shortest_path_length(graph, 0)
        for asked in away:
            assert number_of_routes(graph, 0, asked) == len(list(nx.all_shortest_paths(graph, 0, asked)))


def test_more_routes_than_can_be_listed_are_counted() -> None:
    # 2 to the 40 routes: nothing may list them.
    graph = nx.Graph()
    for step in range(40):
        for side in "ab":
            graph.add_edges_from([(f"n{step}", f"{side}{step}"), (f"{side}{step}", f"n{step + 1}")])
    found = survey.survey(Request(PlainGraph(graph, "ladder", ()), "n0", build, ("n40",), ("GCN",), (1,)))
    assert found.targets[0].number_of_routes == 2**40
    assert len(found.targets[0].routes) == 6
    assert len({tuple(way) for way in found.targets[0].routes}) == 6


def test_edges_lead_one_way_in_a_directed_graph(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("A B\nB C\nC A\n")
    said = reach(path, "--directed", "--source", "B", "--target", "A", "--model", "gcn")
    assert "3 edges, directed" in said.out
    assert "B to A: 2 hops" in said.out
    assert "    B-C-A\n" in said.out
    assert "no effective resistance: edges have directions" in said.out
    assert "B to A: 1 hop, so a GCN needs 1 layer" in reach(path, "--source", "B", "--target", "A").out


def test_resistance_knows_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("A,B,2\nB,C,1\nX,Y,5\n")
    said = reach(path, "--source", "A", "--target", "C", "--model", "gcn")
    assert "effective resistance 1.5, where an edge of weight 1 has 1" in said.out
    assert "Hops from A: 3 of 5 rows are reached, 2 are unreachable" in said.out


def test_what_was_changed_in_the_graph_is_said(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"edges": [["A", "B"], ["B", "A"], ["A", "A"], ["A", "A"]]}')
    said = reach(path, "--source", "A")
    assert "  1 edge is listed more than once: it counts once\n  2 self-loops are removed" in said.out


def test_what_is_too_large_to_be_exact_is_estimated_and_said_to_be() -> None:
    graph = read_graph("path_5")
    exact = survey.survey(Request(graph, "0", build, ("4",), ("GCN",), (4,), hidden=1))
    rough = survey.survey(Request(graph, "0", build, ("4",), ("GCN",), (4,), hidden=1, max_entries=3))
    assert [found.targets[0].models[0].is_estimated for found in (exact, rough)] == [False, True]
    # Of one channel a draw of a sign is exact.
    np.testing.assert_allclose(rough.targets[0].models[0].influence, exact.targets[0].models[0].influence, rtol=1e-12)
    from graphseq.cli.reach_text import text  # noqa: PLC0415

    assert "~ estimated from 4 draws: the exact Jacobian is too large" in text(rough)
    assert "GCN 4~" in text(rough)
    assert "~" not in text(exact)


@pytest.mark.slow
def test_pictures_and_record_are_saved(six: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    said = reach(six, "--source", "C", "--target", "E", "--model", "gcn", "--out", out)
    assert sorted(os.listdir(out)) == FILES
    assert said.err == f"written to {out}: hops.png, fields.png, influence.png, message.gif, reach.json\n"
    with Image.open(out / "message.gif") as moving:
        assert moving.n_frames == 5  # 0 to 3 layers, and one more
    record = json.loads((out / "reach.json").read_text())
    assert record["rows_by_hop"] == [1, 2, 2, 1]
    assert record["targets"][0]["first_routes"] == [["C", "B", "A", "E"], ["C", "D", "F", "E"]]
    assert record["targets"][0]["effective_resistance"] == pytest.approx(1.5)
    assert {"graphseq", "torch", "networkx", "processor"} <= set(record["machine"])
    assert record["command"].startswith("python -m graphseq reach --graph ")


@pytest.mark.slow
def test_over_time_there_are_cones_too(tmp_path: Path) -> None:
    words = ("--source", 0, "--times", 3, "--model", "gcn", "lstm", "--layers", 1, "--out", tmp_path / "out")
    assert reach("path_4", *words).status == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["cones.png", *FILES]


def test_a_graph_that_is_too_large_to_draw_is_summarised(tmp_path: Path) -> None:
    words = ("--source", 0, "--model", "gcn", "--layers", 1, "--out", tmp_path / "out")
    assert reach("star_300", *words).status == 0
    assert sorted(os.listdir(tmp_path / "out")) == FILES


@pytest.mark.slow
def test_files_that_are_there_are_kept_unless_asked(six: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "hops.png").write_bytes(b"mine")
    (out / "notes.txt").write_text("mine too")
    words = ("--source", "C", "--model", "gcn", "--layers", 1, "--out", out)
    line = refusal(reach(six, *words))
    assert line == f"graphseq reach: --out {out} already holds hops.png; name another folder, or add --overwrite"
    assert everything(out) == {"hops.png": b"mine", "notes.txt": b"mine too"}
    assert reach(six, *words, "--overwrite").status == 0
    assert sorted(os.listdir(out)) == sorted([*FILES, "notes.txt"])
    assert (out / "hops.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_says_the_same_and_another_something_else(six: Path) -> None:
    words = ("--source", "C", "--model", "lstm", "gcn", "--layers", 2)
    first = reach(six, *words, "--seed", 3).out
    assert reach(six, *words, "--seed", 3).out == first
    assert reach(six, *words, "--seed", 4).out != first.replace("seed 3", "seed 4")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--source", "c"), "--source c is no node of SIX; did you mean C?"),
        (("--source", "Q"), "--source Q is no node of SIX; its 6 nodes are A, B, E, F, C, D"),
        (("--source", "C", "--target", "E", "e"), "--target e is no node of SIX; did you mean E?"),
        (("--source", "C", "--target", "C"), "--target and --source are both C; they must differ"),
        (("--source", "C", "--target", "E", "E"), "--target names a value twice: E E"),
        (("--source", "C", "--model", "gcn", "gcn"), "--model names a value twice: GCN GCN"),
        (("--source", "C", "--model", "gnn"), "argument --model: invalid choice: 'gnn'"),
        (("--source", "C", "--layers", "0"), "argument --layers: must be at least 1, got 0"),
        (("--source", "C", "--layers", "2", "2"), "--layers names a value twice: 2 2"),
        (("--source", "C", "--causal"), "--causal is about time, past to future; it needs --times 2 or more"),
        (("--source", "C", "--overwrite"), "--overwrite is about files; it needs --out"),
        (("--source", "C", "--times", "0"), "argument --times: must be at least 1, got 0"),
        ((), "the following arguments are required: --source"),
    ],
)
def test_a_wrong_flag_is_refused(words: tuple[str, ...], message: str, six: Path, tmp_path: Path) -> None:
    line = refusal(reach(six, *words, *(() if "--overwrite" in words else ("--out", tmp_path / "out"))))
    assert message.replace("SIX", str(six)) in line
    assert os.listdir(tmp_path) == ["six.csv"]


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("A,B\nC,D\n", ("--source", "A", "--target", "C"), "--target C is unreachable from A: no path leads there"),
        ("A,B\nB,C,1,2\n", ("--source", "A"), "g.csv, line 2: 4 columns"),
        ("A,A\n", ("--source", "A"), "g.csv has no edge that joins two nodes (1 node)"),
        ("A,B\n", ("--source", "B", "--directed"), "--source B: no edge leads from it, it reaches only itself"),
        ("A,B\n", ("--source", "B", "--directed", "--target", "A"), "A is unreachable from B"),
    ],
)
def test_a_graph_that_will_not_do_is_refused(text: str, words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(text)
    line = refusal(reach(tmp_path / "g.csv", *words, "--out", tmp_path / "out"))
    assert message in line
    assert "inf" not in line
    assert os.listdir(tmp_path) == ["g.csv"]


@pytest.mark.parametrize("name", ["none.csv", "karate", "a\0b", "x" * 300, "."])
def test_a_graph_that_cannot_be_read_is_refused(name: str) -> None:
    assert refusal(reach(name, "--source", "A")).startswith("graphseq reach: ")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["file", "file/below", "/proc/none", "x" * 300, "a\0b"])
def test_a_folder_that_cannot_be_written_to_is_refused(where: str, six: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    before = everything(tmp_path)
    refusal(reach(six, "--source", "C", "--model", "gcn", "--layers", 1, "--out", tmp_path / where))
    assert everything(tmp_path) == before


def test_an_interrupt_says_that_nothing_was_written(six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(survey, "survey", stopped)
    said = reach(six, "--source", "C")
    assert (said.status, said.err.strip()) == (130, "stopped; nothing was written")


def test_help_and_refusals_load_nothing_heavy() -> None:
    heavy = "{'torch', 'torch_geometric', 'networkx', 'scipy', 'numpy', 'matplotlib'}"
    code = (
        "import sys\nfrom graphseq.cli.main import main\n"
        "for words in (['reach', '--help'], ['reach', '--source', 'A'], ['reach', '--graph', 'x', '--times', 'y']):\n"
        "    try: main(words)\n    except SystemExit: pass\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--graph FILE_OR_NAME" in done.stdout


def test_long_routes_and_tables_are_shortened_and_say_so() -> None:
    said = reach("path_60", "--source", 0, "--model", "gcn", "--layers", 1)
    assert "    0-1-2-3-(52 more)-56-57-58-59\n" in said.out
    hops, rows = table(said, "Hops from 0")
    assert hops == ["hops", *map(str, range(12)), "…", "to", "59"]
    assert rows == ["rows", *["1"] * 12, "…"]
    assert max(map(len, said.out.splitlines())) <= 120


def test_names_that_hold_blanks_or_hyphens_stay_apart_in_a_route(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("Mr Hi,16\n16,Anne-Lie\n")
    said = reach(tmp_path / "g.csv", "--source", "Mr Hi", "--target", "Anne-Lie", "--model", "gcn")
    assert "    Mr Hi - 16 - Anne-Lie\n" in said.out


def test_what_takes_a_while_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MANY", 2)
    said = call("reach", "--graph", "path_3", "--source", "0", "--model", "gcn", "--layers", "1")
    assert said.err.startswith("measuring 1 models on 3 rows, which takes a while: exactly within")


@pytest.mark.parametrize("there", [(), ("hops.png",)])
def test_files_that_cannot_all_be_written_leave_none(
    there: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, write = tmp_path / "new" / "out", _files.write
    if there:
        out.mkdir(parents=True)
        (out / there[0]).write_text("mine")

    def full(path: Path, put: object, *, overwrite: bool) -> Path:
        if path.name == "influence.png":
            raise OSError(28, "No space left on device", str(path))
        return write(path, put, overwrite=overwrite)  # type: ignore[arg-type]

    monkeypatch.setattr(_files, "write", full)
    words = ("--graph", "path_3", "--source", "0", "--model", "gcn", "--layers", "1", "--out", out)
    said = call("reach", *words, *(["--overwrite"] if there else []))
    assert (said.status, said.out) == (2, "")
    assert f"{out / 'influence.png'}: No space left on device" in said.err
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == list(there)
    assert out.exists() == bool(there)


@pytest.mark.parametrize(("times", "causal"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("directed", [False, True])
def test_the_part_around_a_receptive_field_gives_the_influence_of_the_whole(
    times: int, causal: bool, directed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = nx.relabel_nodes(nx.random_geometric_graph(40, 0.25, seed=3), str)
    graph = nx.DiGraph(graph) if directed else graph
    for number, (a, b) in enumerate(list(graph.edges)):
        graph[a][b]["weight"] = 1 + number % 3
        if directed and number % 5 == 0:
            graph.remove_edge(a, b)
    request = Request(PlainGraph(graph, "mine", ()), "0", build, (), ("GCN", "LSTM", "GCN-LSTM"), (1, 2), times, causal)
    whole = survey.survey(request).targets[0].models
    monkeypatch.setattr(survey, "_LARGE", 1)
    part = survey.survey(request).targets[0].models
    assert any(model.num_rows < 40 * times - 5 for model in part)
    for one, other in zip(whole, part, strict=True):
        assert one.num_rows == other.num_rows
        assert other.influence == pytest.approx(one.influence, rel=1e-12, abs=0)
