"""Each form of PyTorch Geometric Temporal's files, three nodes at three times, against what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from graphseq.io import TemporalDataset, read_temporal_json

VALUES = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
PAIRS = [[0, 1], [1, 2], [2, 2]]
WEIGHTS = [0.5, 1.0, 2.0]


def read(folder: Path, content: object, **options: Any) -> TemporalDataset:
    path = folder / "mine.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_temporal_json(path, **options)


def snapshots(data: TemporalDataset) -> list[set[tuple[int, int, float]]]:
    """Edges (from, to, weight) between nodes, at each time."""
    dense = data.graph.to_dense()
    return [{(i, j, a[i, j].item()) for i, j in a.nonzero().tolist()} for a in dense.adjacency]


def table(data: TemporalDataset, channel: int = 0) -> list[list[float]]:
    return data.graph.to_dense().x[..., channel].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("key", ["X", "FX", "block", "y"])
def test_edges_that_stay_and_a_table(tmp_path: Path, key: str) -> None:
    ids = {"C": 2, "A": 0, "B": 1}
    data = read(tmp_path, {"edges": PAIRS, "node_ids": ids, key: VALUES})
    assert data.graph.x.flatten().tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert data.graph.node.tolist() == [0, 1, 2] * 3
    assert data.graph.time.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert data.graph.static_edge_index.tolist() == [[0, 1, 2], [1, 2, 2]]
    assert "static_edge_weight" not in data.graph
    assert data.graph.x.dtype == torch.float32
    assert (data.nodes, data.times, data.channels) == (("A", "B", "C"), ("0", "1", "2"), (key,))


def test_weights_are_kept(tmp_path: Path) -> None:
    data = read(tmp_path, {"edges": PAIRS, "weights": WEIGHTS, "time_periods": 3, "block": VALUES})
    assert data.graph.static_edge_weight.tolist() == WEIGHTS
    assert data.nodes == ("0", "1", "2")


def test_two_tables_are_channels_side_by_side(tmp_path: Path) -> None:
    wide = [[[t, n] for n in range(3)] for t in range(3)]
    data = read(tmp_path, {"edges": [], "X": wide, "y": VALUES})
    assert data.channels == ("y", "X_0", "X_1")
    assert data.graph.x[4].tolist() == [5, 1, 1]


def test_edges_by_time_beside_a_table(tmp_path: Path) -> None:
    mapping = {
        "edge_index": {"2": [[2, 0]], "0": [[0, 1], [1, 1]], "1": []},
        "edge_weight": {"0": [3, 4], "1": [], "2": [5]},
    }
    data = read(tmp_path, {"edge_mapping": mapping, "y": VALUES, "time_periods": 3})
    assert data.graph.edge_index.tolist() == [[0, 1, 8], [1, 1, 6]]
    assert data.graph.edge_weight.tolist() == [3, 4, 5]
    assert table(data) == VALUES


def test_one_object_a_time_and_edges_that_stay(tmp_path: Path) -> None:
    days = [{"index": t, "year": 2019, "month": 3, "day": 30 + t % 2, "y": VALUES[t]} for t in range(2)]
    content = {"edges": PAIRS, "weights": WEIGHTS, "time_periods": 2, "0": days[0], "1": days[1]}
    data = read(tmp_path, content)
    assert table(data) == VALUES[:2]
    assert data.times == ("2019-03-30", "2019-03-31")
    assert data.graph.static_edge_weight.tolist() == WEIGHTS


def test_one_object_a_time_with_its_own_edges(tmp_path: Path) -> None:
    one = [
        {"edges": PAIRS[t:], "weights": WEIGHTS[t:], "X": [[t, 0], [t, 1], [t, 2]], "y": VALUES[t]} for t in range(3)
    ]
    data = read(
        tmp_path, {**{str(t): one[t] for t in range(3)}, "time_periods": 3, "node_ids": {"a": 0, "b": 1, "c": 2}}
    )
    assert snapshots(data) == [{(0, 1, 0.5), (1, 2, 1.0), (2, 2, 2.0)}, {(1, 2, 1.0), (2, 2, 2.0)}, {(2, 2, 2.0)}]
    assert data.graph.x.tolist() == [[VALUES[t][n], t, n] for t in range(3) for n in range(3)]
    assert data.channels == ("y", "X_0", "X_1")


def test_a_time_without_edges_needs_no_weights(tmp_path: Path) -> None:
    here = {"edges": [[0, 1], [1, 0]], "weights": [2, 3], "y": [1, 2]}
    graph = read(tmp_path, {"0": {"edges": [], "y": [1, 2]}, "1": here, "2": {"edges": [], "y": [1, 2]}}).graph
    assert (graph.edge_index.tolist(), graph.edge_weight.tolist()) == ([[2, 3], [3, 2]], [2, 3])


def test_times_are_in_the_order_of_their_numbers_not_of_their_spelling(tmp_path: Path) -> None:
    content = {str(t): {"y": [t, 0]} for t in sorted(range(11), key=str)} | {"edges": [[0, 1]]}
    assert read(tmp_path, content).graph.x[::2].flatten().tolist() == list(range(11))


def test_the_node_link_form(tmp_path: Path) -> None:
    nodes = [{"id": 50 + n, "X": {"y": [row[n] for row in VALUES], "z": [n, n, n]}, "lon": 3} for n in range(3)]
    links = [{"source": 50, "target": 52, "weight": 12.5}, {"source": 52, "target": 51, "weight": 7.5}]
    data = read(tmp_path, {"directed": True, "nodes": nodes, "links": links})
    assert (data.nodes, data.channels) == (("50", "51", "52"), ("y", "z"))
    assert table(data) == VALUES
    assert table(data, 1) == [[0, 1, 2]] * 3
    assert snapshots(data) == [{(0, 2, 12.5), (2, 1, 7.5)}] * 3


def test_hands_by_joint_and_frame(tmp_path: Path) -> None:
    joints = {str(n): {str(t): f"({n}.5, {t}, -1e-1)" for t in range(3)} for n in range(2)}
    data = read(tmp_path, {"edges": [[0, 1]], "LABEL": {"0": 1, "1": 1, "2": 0}, **joints})
    assert data.channels == ("x", "y", "z")
    assert data.graph.x[3].tolist() == pytest.approx([1.5, 1, -0.1])
    assert data.graph.static_edge_index.tolist() == [[0], [1]]


def holed() -> list[list[float | None]]:
    """Node 1 is away at time 0, node 2 at all times."""
    return [[1, None, float("nan")], [4, 5, None], [7, 8, None]]


def test_a_missing_value_is_refused_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mine.json: node b has no value of X \(NaN\) at time 0; .* missing=\"drop\""):
        read(tmp_path, {"edges": PAIRS, "node_ids": {"a": 0, "b": 1, "c": 2}, "X": holed()})


def test_a_dropped_node_is_away_then(tmp_path: Path) -> None:
    data = read(tmp_path, {"edges": PAIRS, "weights": WEIGHTS, "X": holed()}, missing="drop")
    assert data.graph.x.flatten().tolist() == [1, 4, 5, 7, 8]
    assert data.graph.node.tolist() == [0, 0, 1, 0, 1]
    assert data.graph.time.tolist() == [0, 1, 1, 2, 2]
    assert data.graph.static_edge_index.tolist() == [[0], [1]]
    assert data.graph.static_edge_weight.tolist() == [0.5]
    assert data.graph.topology.spatial.edge_index.tolist() == [[1, 3], [2, 4]]


def test_edges_that_touch_a_dropped_node_are_dropped_with_it(tmp_path: Path) -> None:
    mapping = {"edge_index": {t: [[0, 1], [0, 0]] for t in "012"}, "edge_weight": {t: [2, 3] for t in "012"}}
    data = read(tmp_path, {"edge_mapping": mapping, "y": holed()}, missing="drop")
    assert data.graph.edge_index.tolist() == [[0, 1, 1, 3, 3], [0, 2, 1, 4, 3]]
    assert data.graph.edge_weight.tolist() == [3, 2, 3, 2, 3]


def test_a_time_at_which_nobody_is_there_is_a_gap(tmp_path: Path) -> None:
    data = read(tmp_path, {"edges": [[0, 1]], "X": [[1, 2], [None, None], [3, 4]]}, missing="drop")
    assert data.graph.time.tolist() == [0, 0, 2, 2]
    assert data.times == ("0", "2")


def test_numbers_that_float32_does_not_tell_apart_are_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"edges": [[0, 1]], "weights": [16777217], "FX": [[1, 2], [20000001, 4], [5, 6]]}')
    notes = read_temporal_json(path).notes
    assert [note.rpartition(", such as ")[2] for note in notes] == ["20000001 to 20000000", "16777217 to 16777216"]
