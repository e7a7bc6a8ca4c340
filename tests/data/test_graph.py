"""The data type: what it refuses, and that PyG, copies and every way out leave it as it is."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import bag, dynamic_graphs, gappy_signals, good, index, sequences, spatial_bag
from torch import Tensor
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq import SpaceTimeGraph

GRAPHS = st.one_of(dynamic_graphs(), gappy_signals())
L = torch.long


def static(**changed: object) -> dict[str, object]:
    return good(edge_index=None, static_edge_index=index([(0, 1)]), **changed)


def asked(*rows: bool) -> Tensor:
    return torch.tensor(rows)


NAN, INF = float("nan"), float("inf")

REFUSALS: dict[str, tuple[dict[str, object], type[Exception], str]] = {
    # x
    "no x": (good(x=None), TypeError, r"x must be a torch.Tensor, got NoneType"),
    "x text": (good(x=[["a"]]), TypeError, r"x must hold numbers, got .*'a'"),
    "x a list of rows of two lengths": (good(x=[[0.0], [1.0, 2.0]]), ValueError, r"x is a list with rows of different"),
    "x an array of objects": (
        good(x=np.array([[1.0], ["b"]], dtype=object)),
        TypeError,
        r"x .* got 'b' \(str\) at \[1, 0\]",
    ),
    "x dates": (good(x=np.zeros((3, 1), dtype="M8[s]")), TypeError, r"x must hold numbers, got dates"),
    "x sparse": (
        good(x=torch.zeros(3, 2).to_sparse()),
        TypeError,
        r"x must be a dense tensor, got a torch.sparse_coo one",
    ),
    "x meta": (good(x=torch.zeros(3, 2, device="meta")), ValueError, r"x must hold numbers, but is on the meta device"),
    "x unsigned": (good(x=np.full((3, 1), 2**63, dtype=np.uint64)), ValueError, r"x holds 9223372036854775808, beyond"),
    "x one number": (good(x=torch.tensor(0.0)), ValueError, r"x must have shape \(V, F\), got \(\)"),
    "x floats (V,)": (good(x=torch.zeros(3)), ValueError, r"x must have shape \(V, F\), got \(3,\)"),
    "x (V, F, 1)": (good(x=torch.zeros(3, 2, 1)), ValueError, r"x must have shape \(V, F\), got \(3, 2, 1\)"),
    "tokens (V, 1)": (good(x=torch.zeros(3, 1, dtype=L)), ValueError, r"x .* shape \(V,\), got \(3, 1\)"),
    "x bool": (good(x=torch.zeros(3, 2, dtype=bool)), TypeError, r"x must hold floats .* got dtype torch.bool"),
    "x complex": (good(x=torch.zeros(3, 2, dtype=torch.cfloat)), TypeError, r"x must hold .* torch.complex64"),
    "x NaN": (good(x=torch.tensor([[0, 0], [0, NAN], [0, 0]])), ValueError, r"x\[1, 1\] is nan, at node 1 "),
    "x inf": (good(x=torch.tensor([[0, 0], [0, 0], [-INF, 0]])), ValueError, r".* -inf, at node 0 and time 1; "),
    # node and time
    "no node": (good(node=None), TypeError, r"node must be a torch.Tensor, got NoneType"),
    "no time": (good(time=None), TypeError, r"time must be a torch.Tensor, got NoneType"),
    "nothing but edges": ({"edge_index": index([(0, 1)])}, TypeError, r"x must be a torch.Tensor"),
    "node short": (good(node=torch.tensor([0, 1])), ValueError, r"node must have shape \(3,\), .* got \(2,\)"),
    "time long": (good(time=torch.arange(4)), ValueError, r"time must have shape \(3,\), .* got \(4,\)"),
    "node (V, 1)": (good(node=torch.zeros(3, 1, dtype=L)), ValueError, r"node must have shape \(3,\), .* got \(3, 1\)"),
    "node floats": (good(node=torch.zeros(3)), TypeError, r"node must hold integers, got dtype torch.float32"),
    "time bool": (good(time=asked(True, False, True)), TypeError, r"time must hold integers, got dtype torch.bool"),
    "negative node": (good(node=torch.tensor([0, -2, 0])), ValueError, r"node must be numbered from 0, got -2"),
    "doubled": (
        good(time=torch.tensor([7, 0, 7]), edge_index=None),
        ValueError,
        r"rows 0 and 2 are both node 0 at time 7; a \(node, time\) pair occurs once",
    ),
    # edges
    "both kinds": (good(static_edge_index=index([])), ValueError, r"edge_index and static_edge_index were both given"),
    "weight alone": (
        good(edge_index=None, edge_weight=torch.ones(2)),
        ValueError,
        r"edge_weight was given without edge_index",
    ),
    "static weight alone": (
        good(static_edge_weight=torch.ones(2)),
        ValueError,
        r"static_edge_weight was given without static_edge_index",
    ),
    "edge past the end": (
        good(edge_index=index([(0, 1), (1, 3)])),
        ValueError,
        r"edge_index\[:, 1\] is \(1, 3\), outside the 3 rows 0 to 2",
    ),
    "edge below zero": (
        good(edge_index=index([(-1, 0)])),
        ValueError,
        r"edge_index\[:, 0\] is \(-1, 0\), outside the 3 rows 0 to 2",
    ),
    "static edge past the end": (
        static() | {"static_edge_index": index([(0, 1), (2, 0)])},
        ValueError,
        r"static_edge_index\[:, 1\] is \(2, 0\), outside the 2 nodes 0 to 1",
    ),
    "edge without rows": (
        {"x": torch.zeros(0, 1), "node": torch.zeros(0, dtype=L), "time": torch.zeros(0, dtype=L)}
        | {"edge_index": index([(0, 0)])},
        ValueError,
        r"edge_index\[:, 0\] is \(0, 0\), outside a graph of no rows",
    ),
    "edge between times": (
        good(edge_index=index([(0, 1), (0, 2)])),
        ValueError,
        r"edge_index\[:, 1\] joins row 0 at time 0 to row 2 at time 1; spatial edges join rows of one time",
    ),
    "edges (E, 2)": (good(edge_index=torch.zeros(3, 2, dtype=L)), ValueError, r"edge_index .* \(2, E\), got \(3, 2\)"),
    "edges (2,)": (good(edge_index=torch.zeros(2, dtype=L)), ValueError, r"edge_index .* \(2, E\), got \(2,\)"),
    "edges floats": (good(edge_index=torch.zeros(2, 1)), TypeError, r"edge_index must hold integers, .* torch.float32"),
    "edges complex": (
        good(edge_index=torch.zeros(2, 1, dtype=torch.cfloat)),
        TypeError,
        r"edge_index must hold integers, got dtype torch.complex64",
    ),
    "edges a set": (
        good(edge_index={0, 1}),
        TypeError,
        r"edge_index must be a torch.Tensor, got set; a numpy array, a ",
    ),
    "edges meta": (good(edge_index=index([(0, 1)]).to("meta")), ValueError, r"edge_index must hold numbers, but is on"),
    "edges sparse": (good(edge_index=torch.eye(2).to_sparse()), TypeError, r"edge_index must be a dense tensor"),
    "weights short": (
        good(edge_weight=torch.ones(1)),
        ValueError,
        r"edge_weight must have shape \(2,\), one weight an edge; got \(1,\)",
    ),
    "weights (E, 1)": (good(edge_weight=torch.ones(2, 1)), ValueError, r"edge_weight .* \(2,\), .* got \(2, 1\)"),
    "weight NaN": (
        good(edge_weight=torch.tensor([1, NAN])),
        ValueError,
        r"edge_weight\[1\] is nan; every weight must be finite",
    ),
    "static weight inf": (
        static(static_edge_weight=torch.tensor([INF])),
        ValueError,
        r"static_edge_weight\[0\] is inf; every weight must be finite",
    ),
    "weights complex": (
        good(edge_weight=torch.ones(2, dtype=torch.cfloat)),
        TypeError,
        r"edge_weight must hold real numbers, got dtype torch.complex64",
    ),
    # target and y
    "target short": (good(target=asked(True)), ValueError, r"target must be bool of shape \(3,\), .* \(1,\)"),
    "target numbers": (
        good(target=torch.tensor([0, 1, 1])),
        ValueError,
        r"target must be bool .* torch.int64 \(3,\)",
    ),
    "target a list": (good(target=[True]), ValueError, r"target must be bool of shape \(3,\), .* \(1,\)"),
    "y of other length": (
        good(target=asked(True, True, True), y=torch.zeros(2)),
        ValueError,
        r"y must have one entry for each of the 3 target rows, or one for the graph; got \(2,\)",
    ),
    "y one number": (
        good(target=asked(True, False, True), y=torch.tensor(1)),
        ValueError,
        r"y .* 2 target rows, .* \(\)",
    ),
    "y without target": (good(y=torch.zeros(2, 3)), ValueError, r"y .* each of the 3 target rows, .* got \(2, 3\)"),
    "y text": (good(y="abc"), TypeError, r"y must be a torch.Tensor, got str"),
    "y NaN": (good(y=torch.tensor([0, NAN, 0])), ValueError, r"y\[1\] is nan; answers must be finite.*mark the rows"),
    "y infinite": (good(y=torch.tensor([[0.0], [1], [INF]])), ValueError, r"y\[2, 0\] is inf; answers must be finite"),
    "y complex": (good(y=torch.zeros(3, dtype=torch.cfloat)), TypeError, r"y must hold real numbers, got .*complex64"),
    "y meta": (good(y=torch.zeros(3, device="meta")), ValueError, r"y must hold numbers, but is on the meta device"),
}


@pytest.mark.parametrize(("arguments", "error", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refuses_and_says_what_came_and_what_was_expected(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SpaceTimeGraph(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        good(),
        static(static_edge_weight=torch.tensor([2])),
        good(x=torch.zeros(3, dtype=torch.int32)),
        good(x=torch.zeros(3, 0)),
        good(y=torch.zeros(3)),
        good(y=torch.zeros(1, 5)),
        good(target=asked(True, False, True), y=torch.zeros(2, 5)),
        good(target=asked(False, False, False), y=torch.zeros(0)),
        good(edge_index=torch.zeros(2, 0)),
        good(time=torch.tensor([-4, -4, 2**40])),
        good(node=torch.tensor([10**6, 3, 9]).int()),
        {"x": torch.zeros(0, 2), "node": torch.zeros(0, dtype=L), "time": torch.zeros(0, dtype=L)},
    ],
)
def test_takes_what_is_sound(arguments: dict[str, object]) -> None:
    graph = SpaceTimeGraph(**arguments)  # type: ignore[arg-type]
    assert all(torch.equal(graph[key], value) for key, value in arguments.items() if value is not None)


def test_integer_weights_become_floats_and_32_bit_numbers_64() -> None:
    graph = SpaceTimeGraph(**good(edge_weight=torch.tensor([1, 2]), node=torch.tensor([0, 1, 0]).int()))
    assert graph.edge_weight.dtype == torch.float32
    assert graph.node.dtype == torch.int64


def test_target_rows_are_those_marked_or_all() -> None:
    assert SpaceTimeGraph(**good(target=asked(True, False, True))).target_rows.tolist() == [0, 2]
    assert SpaceTimeGraph(**good()).target_rows.tolist() == [0, 1, 2]


def test_from_topology_derives_nothing_again() -> None:
    old = SpaceTimeGraph(**good())
    new = SpaceTimeGraph.from_topology(old.topology, torch.ones(3, 5), batch=torch.tensor([0, 0, 0]))
    assert new.topology is old.topology
    assert new.x.shape == (3, 5)
    assert new.num_graphs == 1


# Ways out


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_sequence_unrolls_to_the_path_graph(n: int) -> None:
    plain = gs.from_sequence(torch.randn(n, 2)).unroll()
    path = nx.DiGraph(nx.path_graph(n))
    assert type(plain) is Data
    assert plain.num_nodes == n
    assert bag(plain.edge_index) == Counter((a, b, 1.0) for a, b in path.edges)


def test_a_sequence_unrolls_literally() -> None:
    sequence = gs.from_sequence(torch.zeros(4, 1))
    assert sequence.unroll().edge_index.tolist() == [[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]]
    assert sequence.unroll(causal=True).edge_index.tolist() == [[0, 1, 2], [1, 2, 3]]
    assert "edge_weight" not in sequence.unroll()


def test_unrolling_gives_temporal_edges_weight_one_beside_weighted_ones() -> None:
    plain = SpaceTimeGraph(**good(edge_weight=torch.tensor([3.0, 4.0]))).unroll()
    assert bag(plain.edge_index, plain.edge_weight) == Counter([(0, 1, 3), (1, 0, 4), (0, 2, 1), (2, 0, 1)])


@given(sequences())
def test_unrolling_carries_what_belongs_to_the_rows(graph: SpaceTimeGraph) -> None:
    batch = Batch.from_data_list([graph, graph])
    plain = batch.unroll()
    assert all(torch.equal(plain[key], batch[key]) for key in ("x", "node", "time", "y", "target", "batch"))


@given(GRAPHS)
def test_a_snapshot_holds_the_rows_and_edges_of_its_time(graph: SpaceTimeGraph) -> None:
    for time in set(graph.time.tolist()):
        rows = (graph.time == time).nonzero()[:, 0]
        plain = graph.snapshot(time)
        assert type(plain) is Data
        assert torch.equal(plain.x, graph.x[rows])
        assert torch.equal(plain.node, graph.node[rows])
        here = set(rows.tolist())
        expected = Counter({edge: count for edge, count in spatial_bag(graph).items() if edge[0] in here})
        assert bag(rows[plain.edge_index], plain.get("edge_weight")) == expected


def test_a_snapshot_at_a_time_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="time must be one at which a row was observed, got 2"):
        SpaceTimeGraph(**good()).snapshot(2)


@given(GRAPHS)
def test_networkx_holds_rows_as_nodes_and_both_kinds_of_edges(graph: SpaceTimeGraph) -> None:
    out = graph.to_networkx()
    rows = [(data["x"], data["node"], data["time"]) for _, data in out.nodes(data=True)]
    assert rows == list(zip(graph.x.tolist(), graph.node.tolist(), graph.time.tolist(), strict=True))
    found = Counter((a, b, data["kind"], data.get("weight", 1.0)) for a, b, data in out.edges(data=True))
    space = Counter({(a, b, "space", w): count for (a, b, w), count in spatial_bag(graph).items()})
    time = Counter((a, b, "time", 1.0) for a, b in graph.topology.temporal_edges.t().tolist())
    assert found == space + time


def test_networkx_literally() -> None:
    out = SpaceTimeGraph(**good(x=torch.tensor([7, 8, 9]), edge_weight=torch.tensor([0.5, 2.0]))).to_networkx()
    assert list(out.nodes(data=True))[2] == (2, {"x": 9, "node": 0, "time": 1})
    assert sorted(out.edges(data="kind")) == [(0, 1, "space"), (0, 2, "time"), (1, 0, "space")]
    assert sorted(out.edges(data="weight")) == [(0, 1, 0.5), (0, 2, None), (1, 0, 2.0)]


@given(GRAPHS)
def test_scipy_holds_the_weight_from_row_to_row(graph: SpaceTimeGraph) -> None:
    expected = np.zeros((len(graph.x), len(graph.x)))
    for (i, j, w), count in spatial_bag(graph).items():
        expected[i, j] += w * count
    assert np.array_equal(graph.to_scipy().toarray(), expected)


@given(GRAPHS)
def test_dense_is_everything_written_out_by_a_loop(graph: SpaceTimeGraph) -> None:
    times, names = sorted(set(graph.time.tolist())), sorted(set(graph.node.tolist()))
    at = [(times.index(t), names.index(n)) for t, n in zip(graph.time.tolist(), graph.node.tolist(), strict=True)]
    x = torch.zeros(len(times), len(names), *graph.x.shape[1:], dtype=graph.x.dtype)
    present = torch.zeros(len(times), len(names), dtype=torch.bool)
    for row, place in enumerate(at):
        x[place], present[place] = graph.x[row], True
    adjacency = torch.zeros(len(times), len(names), len(names))
    for (i, j, w), count in spatial_bag(graph).items():
        adjacency[(*at[i], at[j][1])] += w * count
    dense = graph.to_dense()
    assert all(torch.equal(a, b) for a, b in zip(dense, (x, present, adjacency), strict=True))


def test_dense_literally() -> None:
    dense = SpaceTimeGraph(**good(x=torch.tensor([[1.0], [2.0], [3.0]]))).to_dense()
    assert dense.x.tolist() == [[[1], [2]], [[3], [0]]]
    assert dense.present.tolist() == [[True, True], [True, False]]
    assert dense.adjacency.tolist() == [[[0, 1], [1, 0]], [[0, 0], [0, 0]]]


def test_rows_of_one_node_are_in_one_path_whatever_their_order() -> None:
    order = torch.tensor([2, 0, 3, 1])
    graph = SpaceTimeGraph(torch.zeros(4, 1), torch.zeros(4, dtype=L), order)
    path = [int(row) for row in order.argsort()]
    assert bag(graph.unroll(causal=True).edge_index) == Counter((a, b, 1.0) for a, b in pairwise(path))
