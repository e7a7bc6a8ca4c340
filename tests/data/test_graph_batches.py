"""Graphs joined by PyG and taken apart, and copies of graphs."""

from __future__ import annotations

import copy
import io
import pickle
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    bag,
    dynamic_graphs,
    equal_at,
    gappy_signals,
    good,
    identical,
    index,
    members,
    sequences,
    spatial_bag,
)
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

import graphseq as gs
from graphseq import SpaceTimeGraph

GRAPHS = st.one_of(dynamic_graphs(), gappy_signals())


# PyG


def union(graphs: list[SpaceTimeGraph]) -> SpaceTimeGraph:
    """The disjoint union by a loop: rows numbered on, and nodes."""
    columns: dict[str, list[Tensor]] = {}
    rows = nodes = 0
    for graph in graphs:
        for key in graph.keys():  # noqa: SIM118 - PyG's Data is no mapping
            shift = {"edge_index": rows, "node": nodes, "static_edge_index": nodes}.get(key, 0)
            columns.setdefault(key, []).append(graph[key] + shift if shift else graph[key])
        rows, nodes = rows + len(graph.x), nodes + int(graph.node.max()) + 1
    joined = {key: torch.cat(parts, dim=-1 if key.endswith("index") else 0) for key, parts in columns.items()}
    return SpaceTimeGraph(**joined)  # type: ignore[arg-type]


@given(members())
def test_a_batch_is_the_disjoint_union(graphs: list[SpaceTimeGraph]) -> None:
    batch, expected = Batch.from_data_list(graphs), union(graphs)
    assert isinstance(batch, SpaceTimeGraph)
    assert equal_at(batch, expected, expected.keys())
    assert batch.num_graphs == len(graphs)
    assert batch.batch.tolist() == [b for b, graph in enumerate(graphs) for _ in graph.x]


@given(members())
def test_nothing_joins_members_of_a_batch(graphs: list[SpaceTimeGraph]) -> None:
    batch = Batch.from_data_list(graphs)
    source, reader = batch.topology.spacetime().edge_index
    assert torch.equal(batch.batch[source], batch.batch[reader])


@given(members())
def test_spacetime_edges_of_a_batch_are_those_of_its_members(graphs: list[SpaceTimeGraph]) -> None:
    spacetime = Batch.from_data_list(graphs).topology.spacetime()
    expected: Counter[tuple[int, int, float]] = Counter()
    rows = 0
    for graph in graphs:
        own = graph.topology.spacetime()
        expected += bag(own.edge_index + rows, own.edge_weight)
        rows += len(graph.x)
    assert bag(spacetime.edge_index, spacetime.edge_weight) == expected


@given(members())
def test_a_batch_comes_apart_into_what_went_in(graphs: list[SpaceTimeGraph]) -> None:
    batch = Batch.from_data_list(graphs)
    batch.topology.steps  # noqa: B018 - what is kept with the batch must not travel into its members
    for number, (before, after) in enumerate(zip(graphs, batch.to_data_list(), strict=True)):
        assert identical(before, after)
        assert identical(before, batch.get_example(number))
        assert spatial_bag(after) == spatial_bag(before)


@given(st.lists(sequences(), min_size=1, max_size=4))
def test_targets_of_a_batch_stand_in_the_order_of_its_members(graphs: list[SpaceTimeGraph]) -> None:
    batch = Batch.from_data_list(graphs)
    assert batch.y.tolist() == [y for graph in graphs for y in graph.y.tolist()]
    assert torch.equal(batch.x[batch.target_rows], torch.cat([graph.x[graph.target_rows] for graph in graphs]))


def test_tokens_batch_and_come_apart() -> None:
    graphs = [gs.from_sequence(torch.tensor(tokens)) for tokens in ([3, 1], [4], [1, 5, 9])]
    batch = Batch.from_data_list(graphs)
    assert batch.x.tolist() == [3, 1, 4, 1, 5, 9]
    assert batch.node.tolist() == [0, 0, 1, 2, 2, 2]
    assert all(identical(a, b) for a, b in zip(graphs, batch.to_data_list(), strict=True))


def test_a_batch_may_hold_a_graph_without_rows() -> None:
    graphs = [gs.from_sequence(torch.zeros(n, 1)) for n in (2, 0, 3, 0)]
    batch = Batch.from_data_list(graphs)
    assert batch.num_graphs == 4
    assert batch.node.tolist() == [0, 0, 1, 1, 1]
    assert all(identical(a, b) for a, b in zip(graphs, batch.to_data_list(), strict=True))


def test_a_batch_of_signals_of_one_length_shares_one_adjacency_over_all_steps() -> None:
    graphs = [gs.from_signal(torch.zeros(3, nodes, 1), index([(0, 1)])) for nodes in (2, 4)]
    steps = Batch.from_data_list(graphs).topology.steps
    assert all(step.adjacency is steps[0].adjacency for step in steps)
    assert steps[0].adjacency.edge_index.tolist() == [[0, 2], [1, 3]]


def test_data_loader_batches_as_batch_does() -> None:
    graphs = [gs.from_signal(torch.randn(t, 2, 1), index([(0, 1)])) for t in (1, 3, 2)]
    loaded = list(DataLoader(graphs, batch_size=2))
    assert [batch.num_graphs for batch in loaded] == [2, 1]
    assert identical(loaded[0], Batch.from_data_list(graphs[:2]))
    assert identical(loaded[1], Batch.from_data_list(graphs[2:]))


# Copies


def by_torch_save(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    file = io.BytesIO()
    torch.save(graph, file)
    file.seek(0)
    return torch.load(file, weights_only=False)  # type: ignore[no-any-return]


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda graph: pickle.loads(pickle.dumps(graph)),  # noqa: S301
    "torch.save": by_torch_save,
    "clone": lambda graph: graph.clone(),
}


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES.keys())
@given(graph=GRAPHS)
def test_a_copy_is_identical_and_has_the_same_edges(duplicate: object, graph: SpaceTimeGraph) -> None:
    graph.topology.steps  # noqa: B018 - what is kept must not hinder copying
    graph.topology.spacetime().normalised(torch.float64)
    other = duplicate(graph)  # type: ignore[operator]
    assert type(other) is SpaceTimeGraph
    assert identical(graph, other)
    assert spatial_bag(other) == spatial_bag(graph)


@pytest.mark.parametrize("name", ["deepcopy", "pickle", "torch.save", "clone"])
def test_a_deep_copy_shares_no_memory(name: str) -> None:
    graph = SpaceTimeGraph(**good())
    other = COPIES[name](graph)
    other.time[2] = 5
    assert graph.time.tolist() == [0, 0, 1]
    assert graph.topology.times.tolist() == [0, 1]
    assert other.topology.times.tolist() == [0, 5]


def test_a_shallow_copy_keeps_the_topology_until_it_changes() -> None:
    graph = SpaceTimeGraph(**good())
    other = copy.copy(graph)
    other.x = torch.ones(3, 1)
    assert other.topology is graph.topology
    other.edge_index = index([])
    assert other.topology.spatial.is_identity
    assert not graph.topology.spatial.is_identity


def test_copies_of_a_batch_come_apart() -> None:
    graphs = [gs.from_signal(torch.randn(t, 2, 1), index([(0, 1)])) for t in (1, 3)]
    for duplicate in COPIES.values():
        apart = duplicate(Batch.from_data_list(graphs)).to_data_list()
        assert all(identical(a, b) for a, b in zip(graphs, apart, strict=True))


class Command:
    """Runs a command when it is read from a pickle."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this must not run",)


def test_a_saved_graph_is_read_without_running_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = SpaceTimeGraph(**good())
    graph.node_names, graph.train_mask = ["ann", "bob", None], torch.tensor([True, False, True])
    graph.topology.steps  # noqa: B018 - what is kept is not saved
    torch.save([graph, graph], tmp_path / "graphs.pt")
    for read in torch.load(tmp_path / "graphs.pt", weights_only=True):
        assert type(read) is SpaceTimeGraph
        assert read.node_names == graph.node_names
        assert torch.equal(read.train_mask, graph.train_mask)
        assert spatial_bag(read) == spatial_bag(graph)
    graph.node_names = [Command()]
    torch.save(graph, tmp_path / "evil.pt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "evil.pt")
    assert not capsys.readouterr().out


def test_graphs_of_networkx_of_which_some_have_names_are_joined_once_all_have_or_none() -> None:
    plain, named = gs.from_graph(nx.path_graph(2)), gs.from_graph(nx.Graph([(5, 7)]))
    assert named.node_names == [5, 7]
    with pytest.raises(ValueError, match=r"graph 0 of the batch has no node_names.*list\(range\(graph\.num_nodes\)\)"):
        Batch.from_data_list([plain, named])
    plain.node_names = list(range(plain.num_nodes))
    assert Batch.from_data_list([plain, named]).node_names == [[0, 1], [5, 7]]
    del plain.node_names, named.node_names
    assert Batch.from_data_list([plain, named]).num_graphs == 2
