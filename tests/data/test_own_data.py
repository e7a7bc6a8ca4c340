"""Data as people have it: arrays, lists and frames, masks, names, batches, samples, and graphs of other libraries."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch_geometric.transforms as T
from strategies import index
from torch import Tensor
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.data.arrays import as_tensor

pd = pytest.importorskip("pandas")


# Arrays, lists and frames


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([[1, 2]], dtype=np.int32), torch.tensor([[1, 2]], dtype=torch.int32)),
        (np.array([3.0, 4.0]).astype(">f8"), torch.tensor([3.0, 4.0], dtype=torch.float64)),
        (np.arange(6.0).reshape(2, 3).T[::-1], torch.tensor([[2.0, 5], [1, 4], [0, 3]], dtype=torch.float64)),
        (np.array([1, 2], dtype=np.uint16), torch.tensor([1, 2])),
        (np.array([1.5, None], dtype=object), torch.tensor([1.5, float("nan")], dtype=torch.float64)),
        (np.float32(2.0), torch.tensor(2.0)),
        ([1, 2], torch.tensor([1, 2])),
        ([[1.0], [2]], torch.tensor([[1.0], [2.0]])),
        ([True, False], torch.tensor([True, False])),
        ([torch.ones(2), torch.zeros(2)], torch.tensor([[1.0, 1], [0, 0]])),
        ((), torch.zeros(0)),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}), torch.tensor([[1, 0.5], [2, 1.5]], dtype=torch.float64)),
        (pd.Series([1, 2], dtype="Int64"), torch.tensor([1, 2])),
    ],
)
def test_what_holds_numbers_becomes_a_tensor_of_its_type(value: object, expected: Tensor) -> None:
    read = as_tensor("x", value)
    assert read.dtype == expected.dtype
    torch.testing.assert_close(read, expected, rtol=0, atol=0, equal_nan=True)


def test_a_tensor_stays_the_very_same_and_an_array_is_copied() -> None:
    tensor, array = torch.ones(2), np.ones(2)
    assert as_tensor("x", tensor) is tensor
    read = as_tensor("x", array)
    array[0] = 5
    assert read.tolist() == [1, 1]


def test_every_constructor_takes_arrays() -> None:
    x, edges = np.arange(6.0).reshape(3, 2), np.array([[0, 1], [1, 2]], dtype=np.int32)
    expected = torch.from_numpy(x)
    weight, target = np.array([1.0, 2.0], dtype=np.float32), np.array([True, False, True])
    node, time = np.array([0, 1, 2], dtype=np.uint8), np.zeros(3, dtype=np.int16)
    graph = SpaceTimeGraph(x, node, time, edges, weight, edge_attr=np.eye(2), y=np.array([4, 5]), target=target)
    assert torch.equal(graph.x, expected)
    assert (graph.edge_index.tolist(), graph.edge_weight.tolist()) == (edges.tolist(), [1, 2])
    assert (graph.target_rows.tolist(), graph.y.tolist()) == ([0, 2], [4, 5])
    assert torch.equal(gs.from_sequence(x).x, expected)
    assert torch.equal(gs.from_graph(nx.path_graph(3), x=x, y=[1, 2, 3]).x, expected)
    assert gs.from_graph(Data(x=x, edge_index=edges)).edge_index.tolist() == edges.tolist()
    signal = gs.from_signal(x[:, :, None], edges[:, :1].tolist(), [2.0], target=np.ones((3, 2), dtype=bool))
    assert (signal.static_edge_weight.tolist(), signal.target.sum()) == ([2], 6)
    snapshots = gs.from_snapshots([Data(x=x, edge_index=edges, edge_weight=weight)] * 2, y=np.zeros(6))
    assert snapshots.edge_weight.tolist() == [1, 2, 1, 2]
    assert graph.replace(x=x + 1, edge_weight=[3.0, 4.0]).x.tolist() == (x + 1).tolist()


def test_a_frame_of_times_and_nodes_is_a_signal_with_names() -> None:
    days = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-05"])
    frame = pd.DataFrame({"north": [1.0, 2, 3], "south": [4.0, 5, 6]}, index=days)
    graph = gs.from_signal(frame, index([(0, 1)]))
    assert graph.x.flatten().tolist() == [1, 4, 2, 5, 3, 6]
    assert graph.node_names == ["north", "south"]
    assert graph.time_names == list(frame.index)
    assert "time_names" not in gs.from_signal(frame.reset_index(drop=True), index([(0, 1)]))
    with pytest.raises(ValueError, match=r"the index of x must ascend, each time once; sort it: x.sort_index\(\)"):
        gs.from_signal(frame[::-1], index([(0, 1)]))
    with pytest.raises(TypeError, match=r"x must hold numbers, got 'a' \(str\) at \[0, 2\]"):
        gs.from_signal(frame.assign(note=["a", "b", "c"]), index([(0, 1)]))
    with pytest.raises(ValueError, match=r"x\[3, 0\] is nan, at node 1 and time 1"):
        gs.from_signal(frame.replace(5, float("nan")), index([(0, 1)]))


class Polars:
    """What polars' frames have in common with pandas'."""

    columns = ("a", "b")

    def to_numpy(self) -> np.ndarray:
        return np.array([[1.0, 2.0], [3.0, 4.0]])


def test_another_librarys_frame_is_read_by_to_numpy() -> None:
    graph = gs.from_signal(Polars(), index([(0, 1)]))
    assert (graph.x.flatten().tolist(), graph.node_names) == ([1, 2, 3, 4], ["a", "b"])


# What an input carries


def test_masks_and_all_else_of_pyg_stay() -> None:
    data = Data(x=torch.ones(3, 1), edge_index=index([(0, 1), (1, 2)]), y=torch.tensor([0, 1, 0]))
    data.train_mask, data.test_mask = torch.tensor([True, False, True]), torch.tensor([False, True, False])
    data.pos, data.source, data.edge_type = torch.rand(3, 2), "a file", torch.tensor([1, 2])
    graph = gs.from_graph(data)
    assert torch.equal(graph.train_mask, data.train_mask)
    assert torch.equal(graph.pos, data.pos)
    assert (graph.source, graph.edge_type.tolist()) == ("a file", [1, 2])
    task = gs.tasks.NodeClassification(graph, 2, [-1], mask="all")
    assert len(task.part(graph.train_mask.nonzero()[:, 0])) == 2
    batch = Batch.from_data_list([graph, graph])
    assert batch.train_mask.tolist() == [True, False, True] * 2
    assert torch.equal(batch.to_data_list()[1].train_mask, data.train_mask)


def test_masks_of_snapshots_are_joined_and_what_is_equal_in_all_stays() -> None:
    parts = [
        Data(x=torch.ones(2, 1), edge_index=index([(0, 1)]), train_mask=torch.tensor([True, day == 1]), region="north")
        for day in range(2)
    ]
    graph = gs.from_snapshots(parts)
    assert graph.train_mask.tolist() == [True, False, True, True]
    assert graph.region == "north"
    parts[1].region = "south"
    with pytest.raises(ValueError, match="region of the snapshots has neither one entry for each row or edge nor the"):
        gs.from_snapshots(parts)
    del parts[1].region
    with pytest.raises(ValueError, match=r"snapshots\[1\] has no region, but others have"):
        gs.from_snapshots(parts)


def test_attributes_of_networkx_stay() -> None:
    graph = nx.Graph()
    graph.add_node("ann", age=31, red=True, town="Bonn", y=1)
    graph.add_node("bob", age=47, red=False, y=0)
    graph.add_edge("ann", "bob", weight=np.float64(0.1), since=1999)
    read = gs.from_graph(graph)
    assert read.node_names == ["ann", "bob"]
    assert (read.age.tolist(), read.red.tolist(), read.y.tolist()) == ([31, 47], [True, False], [1, 0])
    assert read.town == ["Bonn", None]
    assert read.edge_since.tolist() == [1999, 1999]
    karate = gs.from_graph(nx.karate_club_graph())
    assert karate.club[:2] == ["Mr. Hi", "Mr. Hi"]
    assert gs.transforms.to_sequence(karate).club == karate.club
    graph.nodes["ann"]["batch"] = 3
    with pytest.raises(ValueError, match="node attribute 'batch' has the name of a part of the graph"):
        gs.from_graph(graph)


def test_a_weight_that_is_text_is_named() -> None:
    graph = nx.Graph([("a", "b", {"weight": "2"})])
    with pytest.raises(ValueError, match=r"'weight' must hold numbers, but edge \('a', 'b'\) has '2', which is text"):
        gs.from_graph(graph)


def test_networkx_and_back_keeps_float64() -> None:
    x, weight = torch.tensor([[0.1], [0.2]], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    rows = (torch.arange(2), torch.zeros(2).long())
    graph = SpaceTimeGraph(x, *rows, index([(0, 1)]), weight, edge_attr=weight[:, None])
    back = gs.from_graph(graph.to_networkx())
    for key in ("x", "edge_weight", "edge_attr"):
        assert back[key].dtype == torch.float64
        assert torch.equal(back[key], graph[key]), key
    assert gs.from_graph(graph.replace(x=x.float()).to_networkx()).x.dtype == torch.float32


# Batches, samples, generators


def test_a_batch_of_three_graphs_stays_three() -> None:
    parts = [Data(x=torch.ones(n, 1), edge_index=index([(0, n - 1)]), y=torch.tensor([n])) for n in (2, 3, 4)]
    graph = gs.from_graph(Batch.from_data_list(parts))
    assert graph.num_graphs == 3
    assert graph.batch.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert graph.edge_index.tolist() == [[0, 2, 5], [1, 4, 8]]
    assert [one.y.tolist() for one in graph.to_data_list()] == [[2], [3], [4]]
    assert gs.nn.Model(gs.nn.GCN(1, 4), 2, pool="mean")(graph).shape == (3, 2)
    with pytest.raises(ValueError, match="y was given for a Batch"):
        gs.from_graph(Batch.from_data_list(parts), y=torch.zeros(3))


def snapshots() -> Iterator[Data]:
    for day in range(3):
        yield Data(x=torch.full((2, 1), float(day)), edge_index=index([(0, 1)]))


def test_snapshots_may_come_from_a_generator() -> None:
    graph = gs.from_snapshots(snapshots())
    assert graph.x.flatten().tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="snapshots is empty"):
        gs.from_snapshots(iter(()))
    with pytest.raises(TypeError, match="snapshots must be several PyG Data, in a list say; got one Data"):
        gs.from_snapshots(next(snapshots()))
    with pytest.raises(TypeError, match=r"times\[0\] must be an integer, got '2020-01-01' \(str\). Number dates"):
        gs.from_snapshots([next(snapshots())], times=["2020-01-01"])  # type: ignore[list-item]


def test_numbers_of_sampled_nodes_are_read() -> None:
    parts = [Data(x=torch.ones(len(ids), 1), n_id=torch.tensor(ids)) for ids in ([5, 7], [7, 5, 2])]
    graph = gs.from_snapshots(parts)
    assert graph.node.tolist() == [5, 7, 7, 5, 2]
    assert graph.topology.temporal_edges.tolist() == [[0, 1], [3, 2]]


# PyG's transforms


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_a_transposed_adjacency_is_read(weighted: bool, layout: torch.layout) -> None:
    data = Data(x=torch.rand(3, 2), edge_index=index([(0, 1), (2, 1), (2, 0)]))
    if weighted:
        data.edge_weight = torch.tensor([0.5, 2.0, 3.0])
    sparse = T.ToSparseTensor(attr="edge_weight", layout=layout)(data.clone())
    read, plain = gs.from_graph(sparse), gs.from_graph(data)
    assert torch.equal(read.to_dense().adjacency, plain.to_dense().adjacency)
    assert ("edge_weight" in read) == weighted
    sparse.edge_index = data.edge_index
    with pytest.raises(ValueError, match="graph has both edge_index and adj_t"):
        gs.from_graph(sparse)


def test_diffusion_is_read_as_weights() -> None:
    data = Data(x=torch.rand(5, 2), edge_index=gs.from_graph(nx.cycle_graph(5)).edge_index)
    diffused = T.GDC(diffusion_kwargs={"method": "ppr", "alpha": 0.2}, exact=True)(data)
    graph = gs.from_graph(diffused)
    assert torch.equal(graph.edge_weight, diffused.edge_attr)


def test_scipy_matrices_of_all_kinds() -> None:
    for kind in (np.float64, np.int32, bool):
        graph = gs.from_graph(sp.coo_array(np.array([[0, 1], [0, 0]], dtype=kind)))
        assert graph.edge_weight.tolist() == [1]
    with pytest.raises(TypeError, match="edge_weight must hold real numbers"):
        gs.from_graph(sp.coo_array(np.array([[0, 1j], [0, 0]])))


# Number types


@pytest.mark.parametrize("family", [gs.nn.GCN, gs.nn.GCNLSTM, gs.nn.LSTM, gs.nn.MLP])
def test_data_of_another_number_type_is_said_with_what_to_do(family: type[gs.nn.Encoder]) -> None:
    graph = gs.from_signal(np.random.default_rng(0).normal(size=(2, 2, 1)), index([(0, 1)]), np.ones(1))
    encoder = family(1, 4)
    message = (
        r"has weights of float32, but x is of float64; turn the graph, graph.to\(torch.float32\), or the model, mod"
    )
    with pytest.raises(TypeError, match=f"{family.__name__} {message}"):
        encoder(graph)
    double = family(1, 4).double()(graph)
    assert double.dtype == torch.float64
    turned = graph.clone().to(torch.float32)
    assert (turned.x.dtype, turned.static_edge_weight.dtype) == (torch.float32, torch.float32)
    assert encoder(turned).dtype == torch.float32
    with pytest.raises(TypeError, match="device must be a device or a floating number type"):
        graph.to(torch.int64)


@pytest.mark.parametrize("name", ["time", "Date"])
def test_a_column_of_times_is_no_node(name: str) -> None:
    frame = pd.DataFrame({name: [0, 1], "north": [5.0, 6.0]})
    with pytest.raises(ValueError, match=rf"the columns of x are the N nodes, but one is called '{name}'"):
        gs.from_signal(frame, torch.zeros(2, 0, dtype=torch.long))
    assert gs.from_signal(frame.set_index(name), torch.zeros(2, 0, dtype=torch.long)).x.flatten().tolist() == [5, 6]


def test_one_feature_a_step_is_a_column() -> None:
    for numbers in ([1.5, 2.5], pd.Series([1.5, 2.5])):
        with pytest.raises(ValueError, match=r"x must have shape \(T, F\), got \(2,\); one feature a step is a column"):
            gs.from_sequence(numbers)


def test_names_and_attributes_of_a_networkx_graph_are_kept_whatever_they_are() -> None:
    graph = nx.Graph()
    graph.add_nodes_from([4, 2, 6])
    graph.add_edges_from([(4, 6), (2, 6)], kind="road")
    read = gs.from_graph(graph)
    assert read.node_names == [4, 2, 6]
    assert read.edge_index.tolist() == [[0, 2, 1, 2], [2, 0, 2, 1]]
    assert read.edge_kind == ["road"] * 4
    assert "node_names" not in gs.from_graph(nx.path_graph(3))
    own = nx.DiGraph()
    own.add_edge(0, 1, kind="time")  # a kind of the user's own
    assert gs.from_graph(own).edge_index.tolist() == [[0], [1]]
    recorded = gs.from_signal(torch.ones(2, 1, 1), torch.zeros(2, 0, dtype=torch.long))
    assert gs.from_graph(recorded.to_networkx()).time.tolist() == [0, 1]
    nx.set_node_attributes(own, 5, "time")
    with pytest.raises(ValueError, match="node attribute 'time' has the name of a part of the graph itself; rename it"):
        gs.from_graph(own)


def test_what_is_missing_in_an_array_or_a_graph_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"x\[0, 1\] is masked; fill in what is missing, x.filled"):
        gs.from_sequence(np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]]))
    assert gs.from_sequence(np.ma.masked_array([[1.0, 2.0]])).x.tolist() == [[1, 2]]
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=None)
    with pytest.raises(ValueError, match=r"edge attribute 'weight' must hold numbers, but edge \('a', 'b'\) has None"):
        gs.from_graph(graph)


def test_what_is_no_graph_is_refused_with_the_way_to_one() -> None:
    for other, way in (
        (np.eye(2), r"scipy.sparse.csr_array\(graph\)"),
        (torch.eye(2), r"scipy.sparse.csr_array\(graph\)"),
        ("a.csv", r"gs.io.read_graph\(graph\).graph"),
        (gs.io.read_graph("path_3"), r"graph.graph"),
    ):
        with pytest.raises(TypeError, match=way):
            gs.from_graph(other)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"one feature a row is a column, x\[:, None\]"):
        gs.from_graph(nx.path_graph(2), x=torch.ones(2))


def test_numbers_in_a_frame_are_features_and_what_its_lines_and_columns_are_must_be_clear() -> None:
    counts = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    signal = gs.from_signal(counts, [[0], [1]])
    assert (signal.x.dtype, signal.x.tolist()) == (torch.float32, [[1], [3], [2], [4]])
    assert gs.from_sequence(counts).x.tolist() == [[1, 3], [2, 4]]
    assert gs.from_sequence(pd.Series([3, 1, 4])).x.tolist() == [3, 1, 4]  # tokens
    long = pd.DataFrame({"v": [1.0, 2.0]}, index=pd.MultiIndex.from_product([[0, 1], ["a"]]))
    with pytest.raises(ValueError, match=r"x.index has 2 levels, but lines are times.*; unstack the frame"):
        gs.from_signal(long, [[0], [0]])
    deep = pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_product([["a"], ["u", "v"]]))
    with pytest.raises(ValueError, match=r"x.columns has 2 levels"):
        gs.from_signal(deep, [[0], [0]])
    with pytest.raises(ValueError, match=r"two columns of x are called 'a'; rename one"):
        gs.from_signal(pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), [[0], [1]])


def test_a_snapshot_without_edges_needs_no_weights() -> None:
    edges = torch.tensor([[0], [1]])
    full = Data(x=torch.ones(2, 1), edge_index=edges, edge_weight=torch.tensor([2.0]), edge_attr=torch.ones(1, 3))
    bare = Data(x=torch.ones(2, 1), edge_index=edges[:, :0])
    for parts in ([full, bare], [bare, full]):
        graph = gs.from_snapshots(parts)
        assert (graph.edge_weight.tolist(), graph.edge_attr.shape) == ([2], (1, 3))
    with pytest.raises(ValueError, match=r"snapshots\[1\] has no edge_weight, but snapshots\[0\] has"):
        gs.from_snapshots([full, Data(x=torch.ones(2, 1), edge_index=edges)])
    with pytest.raises(TypeError, match=r"got Graph; networkx graphs are for gs.io.from_temporal_networkx"):
        gs.from_snapshots([nx.path_graph(2)])
