"""Recurrences on directed acyclic graphs against dictionaries, torch's kernels and paths counted by hand."""

from __future__ import annotations

import re
from collections import Counter

import networkx as nx
import pytest
import torch
from acyclic import children, dags, naive, of
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import join, sequence
from strategies import index
from torch import nn

import graphseq as gs
from graphseq import SpaceTimeGraph, Topology
from graphseq.nn import DAGGRU, DAGLSTM, DAGRNN, GRU, LSTM, RNN
from graphseq.nn.recurrent._dag_schedule import Ancestry
from graphseq.nn.recurrent.dag import ChildSum
from graphseq.transforms.traversal import CycleError

F64 = torch.float64
PAIRS = [(DAGRNN, RNN, nn.RNN), (DAGGRU, GRU, nn.GRU), (DAGLSTM, LSTM, nn.LSTM)]
each_kind = pytest.mark.parametrize("kind", [DAGRNN, DAGGRU, DAGLSTM])
each_pair = pytest.mark.parametrize(("kind", "recurrent", "module"), PAIRS)
kinds = st.sampled_from([DAGRNN, DAGGRU, DAGLSTM])


def built(kind: type[ChildSum], num_layers: int = 1, hidden: int = 4) -> ChildSum:
    torch.manual_seed(0)
    return kind(2, hidden, num_layers).double()


# the equations


@given(graph=dags(), kind=kinds, num_layers=st.integers(1, 2))
def test_it_is_the_equations_row_by_row(graph: SpaceTimeGraph, kind: type[ChildSum], num_layers: int) -> None:
    encoder = built(kind, num_layers)
    expected = naive(encoder, graph)
    torch.testing.assert_close(encoder(graph), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(encoder.trace(graph).out, expected, rtol=0, atol=1e-12)


@given(graph=dags(), kind=kinds, num_layers=st.integers(1, 2))
def test_gradients_are_those_of_the_equations(graph: SpaceTimeGraph, kind: type[ChildSum], num_layers: int) -> None:
    encoder = built(kind, num_layers)
    found = []
    for function in (encoder, lambda graph: naive(encoder, graph)):
        x = graph.x.clone().requires_grad_()
        out = function(graph.replace(x=x))
        seed = torch.randn(out.shape, dtype=F64, generator=torch.Generator().manual_seed(0))
        wanted = [x, *encoder.parameters()]
        grads = torch.autograd.grad(out, wanted, seed, allow_unused=True)
        found.append([torch.zeros_like(p) if g is None else g for g, p in zip(grads, wanted, strict=True)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-11)


@each_kind
def test_a_batch_of_dags_of_many_depths_equals_separate_runs(kind: type[ChildSum]) -> None:
    encoder = built(kind, 2)
    graphs = [of([(0, 1), (1, 2), (0, 2)], 3), of([], 2), of([(4, 0), (3, 0), (2, 4), (1, 2)], 5), of([(1, 0)], 2)]
    apart = torch.cat([encoder(graph) for graph in graphs])
    torch.testing.assert_close(encoder(join(graphs)), apart, rtol=0, atol=1e-14)


def counting(forget: float) -> DAGLSTM:
    """H = 1, with input and output gates open, the forget gate σ(forget), u = tanh(x₀)."""
    encoder = DAGLSTM(2, 1).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        encoder.kernel.weight_ih_l0[2, 0] = 1.0
        encoder.kernel.bias_ih_l0.copy_(torch.tensor([40.0, forget, 0.0, 40.0], dtype=F64))
    return encoder


def test_with_open_gates_the_cell_counts_paths() -> None:
    # Two ways from 0 to 3 and four from 0 to 6.
    diamonds = of([(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (3, 5), (4, 6), (5, 6)], 7)
    u = diamonds.x[:, 0].tanh()
    expected = u[6] + u[4] + u[5] + 2 * u[3] + 2 * u[1] + 2 * u[2] + 4 * u[0]
    torch.testing.assert_close(counting(40.0)(diamonds)[6, 0], expected.tanh(), rtol=0, atol=1e-13)


def test_with_a_constant_forget_gate_each_edge_of_a_path_is_one_factor() -> None:
    graph = of([(0, 1), (1, 2), (0, 2)], 3)
    u, f = graph.x[:, 0].tanh(), torch.tensor(0.3, dtype=F64).sigmoid()
    expected = (u[2] + f * u[1] + (f * f + f) * u[0]).tanh()
    torch.testing.assert_close(counting(0.3)(graph)[2, 0], expected, rtol=0, atol=1e-13)


def test_each_child_has_a_forget_gate_of_its_own() -> None:
    encoder = counting(0.0)
    with torch.no_grad():
        encoder.kernel.weight_hh_l0[1, 0] = 1000.0  # what a child of positive state holds is kept, of a negative lost
    x = torch.tensor([[0.5, 0.0], [-0.25, 0.0], [0.0, 0.0]], dtype=F64)
    graph = SpaceTimeGraph(x, torch.arange(3), torch.zeros(3, dtype=torch.long), index([(0, 2), (1, 2)]))
    expected = x[0, 0].tanh().tanh()  # and nothing of row 1; one gate for the sum would not tell them apart
    torch.testing.assert_close(encoder(graph)[2, 0], expected, rtol=0, atol=1e-13)


# what a path is


@each_pair
@pytest.mark.parametrize("num_layers", [1, 2])
def test_on_a_sequence_it_is_torchs_module_weight_for_weight(
    kind: type[ChildSum], recurrent: type, module: type[nn.RNNBase], num_layers: int
) -> None:
    theirs, graph = module(2, 4, num_layers).double(), sequence(0, 7)
    ours = kind(2, 4, num_layers).double()
    ours.kernel.load_state_dict(theirs.state_dict())
    expected = theirs(graph.x)[0]
    torch.testing.assert_close(ours(graph), expected, rtol=0, atol=1e-12)
    stepped = ours.by_generation(Ancestry.of(graph.topology), graph.x)
    torch.testing.assert_close(stepped, expected, rtol=0, atol=1e-12)


@each_pair
def test_it_takes_the_state_dict_of_the_sequence_model_and_draws_its_weights(
    kind: type[ChildSum], recurrent: type, module: type
) -> None:
    ours, theirs = built(kind, 2), built(recurrent, 2)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    torch.manual_seed(1)
    other = recurrent(2, 4, 2).double()
    ours.load_state_dict(other.state_dict())
    graph = join([sequence(0, 3), sequence(1, 5)])
    assert torch.equal(ours(graph), other(graph))


@each_pair
def test_on_a_directed_path_graph_it_is_torchs_module(
    kind: type[ChildSum], recurrent: type, module: type[nn.RNNBase]
) -> None:
    ours, rows = built(kind, 2), [3, 0, 4, 1]  # row 2 stands alone
    graph = of([(3, 0), (0, 4), (4, 1)], 5)
    expected = torch.zeros(5, 4, dtype=F64)
    expected[rows] = ours.kernel(graph.x[rows])[0]
    expected[2] = ours.kernel(graph.x[2:3])[0]
    torch.testing.assert_close(ours(graph), expected, rtol=0, atol=1e-12)
    assert Ancestry.of(graph.topology).sequences is not None
    torch.testing.assert_close(ours.by_generation(Ancestry.of(graph.topology), graph.x), expected, rtol=0, atol=1e-12)


@each_kind
def test_without_rows_of_two_children_each_path_is_a_sequence(kind: type[ChildSum]) -> None:
    ours, tree = built(kind), nx.balanced_tree(3, 2, create_using=nx.DiGraph)
    graph = gs.from_graph(tree, x=sequence(3, 13).x)
    assert Ancestry.of(graph.topology).sequences is None
    states = ours(graph)
    for leaf in range(4, 13):
        way = nx.shortest_path(tree, 0, leaf)
        torch.testing.assert_close(states[way], ours.kernel(graph.x[way])[0], rtol=0, atol=1e-12)


@each_kind
def test_time_and_space_are_read_alike(kind: type[ChildSum]) -> None:
    """Nodes 0 and 1 at times 0 and 1, 0 leading to 1 at both: the same DAG as four rows at one time."""
    ours, x = built(kind), sequence(2, 4).x
    over_time = gs.from_signal(x.view(2, 2, 2), index([(0, 1)]))
    at_once = SpaceTimeGraph(
        x, torch.arange(4), torch.zeros(4, dtype=torch.long), index([(0, 1), (2, 3), (0, 2), (1, 3)])
    )
    torch.testing.assert_close(ours(over_time), ours(at_once), rtol=0, atol=1e-14)


# edges that count more than once, or not at all


@each_kind
def test_weight_two_is_a_doubled_edge_and_weight_zero_none(kind: type[ChildSum]) -> None:
    ours = built(kind)
    weighted = of([(0, 2), (1, 2), (2, 0)], 3, [2.0, 1.0, 0.0])  # without the last there is no cycle
    torch.testing.assert_close(ours(weighted), ours(of([(0, 2), (1, 2), (0, 2)], 3)), rtol=0, atol=1e-14)
    assert not torch.allclose(ours(weighted), ours(of([(0, 2), (1, 2)], 3)))
    assert ours.reach(weighted, torch.arange(3)).long().tolist() == [[1, 0, 0], [0, 1, 0], [1, 1, 1]]


def test_a_weight_of_one_everywhere_changes_nothing_and_a_negative_one_subtracts() -> None:
    ours = built(DAGRNN)
    assert torch.equal(ours(of([(0, 1), (1, 2)], 3, [1.0, 1.0])), ours(of([(0, 1), (1, 2)], 3)))
    cancelled = of([(0, 1), (1, 0), (0, 1)], 2, [1.0, 1.0, -1.0])  # and so no cycle
    torch.testing.assert_close(ours(cancelled), ours(of([(1, 0)], 2)), rtol=0, atol=1e-15)
    assert ours.reach(cancelled, torch.tensor([0, 1])).tolist() == [[True, True], [False, True]]


# reach


def test_reach_is_all_ancestors_and_no_descendant() -> None:
    graph = of([(0, 2), (1, 2), (2, 3), (0, 4)], 6)
    expected = [
        [1, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert DAGLSTM(2, 3).reach(graph, torch.arange(6)).long().tolist() == expected
    assert DAGLSTM(2, 3).reach(graph, torch.tensor([4, 2])).long().tolist() == [expected[4], expected[2]]


@given(graph=dags(), kind=kinds)
def test_reach_is_what_networkx_calls_ancestors(graph: SpaceTimeGraph, kind: type[ChildSum]) -> None:
    counts = Counter[tuple[int, int]]()
    for row, kids in children(graph).items():
        for child, w in kids:
            counts[child, row] += w  # in halves, so exact
    walk = nx.DiGraph([edge for edge, count in counts.items() if count])
    walk.add_nodes_from(range(graph.num_rows))
    expected = torch.zeros(graph.num_rows, graph.num_rows, dtype=torch.bool)
    for row in range(graph.num_rows):
        expected[row, [row, *nx.ancestors(walk, row)]] = True
    assert torch.equal(kind(2, 3).reach(graph, torch.arange(graph.num_rows)), expected)


# cycles


@pytest.mark.parametrize(
    ("edges", "named"),
    [
        ([(0, 1), (1, 2), (2, 0)], "row 0 → row 1 → row 2 → row 0"),
        ([(0, 1), (1, 0), (1, 2)], "row 0 → row 1 → row 0"),
        ([(0, 1), (2, 2)], "row 2 → row 2"),
        ([(0, 3), (3, 1), (1, 3), (1, 2)], "row 1 → row 3 → row 1"),
    ],
)
@each_kind
def test_a_cycle_is_refused_and_named(kind: type[ChildSum], edges: list[tuple[int, int]], named: str) -> None:
    encoder, graph = built(kind), of(edges, 4)
    asked = [encoder, encoder.trace, lambda graph: encoder.reach(graph, torch.tensor([0])), encoder]
    for ask in asked:
        with pytest.raises(CycleError, match=re.escape(f"graph has a cycle, {named}, ")):
            ask(graph)


def test_undirected_edges_are_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="An undirected edge is two directed ones and a cycle of two: keep one"):
        built(DAGLSTM)(gs.from_graph(nx.path_graph(3), x=sequence(0, 3).x))


# the work


def test_the_work_is_a_batch_a_generation_whatever_the_number_of_graphs() -> None:
    edges = [(0, 1), (1, 2), (0, 2)]
    many = join([of(edges, 3) for _ in range(50)])
    found = Ancestry.of(many.topology).generations
    assert [len(generation.rows) for generation in found] == [50, 50, 50]
    assert [generation.receivers for generation in found] == [{1: 50, 2: 50}, {2: 50}, {}]
    assert Ancestry.of(many.topology) is Ancestry.of(many.topology)


def test_each_generation_is_the_length_of_its_longest_path() -> None:
    ancestry = Ancestry(Topology(torch.arange(5), torch.zeros(5, dtype=torch.long), index([(4, 3), (3, 0), (4, 0)])))
    assert ancestry.generation.tolist() == [2, 0, 0, 1, 0]
    assert [generation.rows.tolist() for generation in ancestry.generations] == [[1, 2, 4], [3], [0]]
    assert [generation.children.tolist() for generation in ancestry.generations] == [[], [4], [4, 3]]


@each_kind
@pytest.mark.parametrize("sizes", [(0, 4, 1), (2, 0, 1), (2, 4, 0)])
def test_a_size_of_zero_is_an_error_that_names_it(kind: type[ChildSum], sizes: tuple[int, int, int]) -> None:
    name = ("in_channels", "hidden_channels", "num_layers")[sizes.index(0)]
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        kind(*sizes)
