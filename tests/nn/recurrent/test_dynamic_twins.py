"""Recurrences over dynamic graphs, and their constructors, against loops over dictionaries by (node, time)."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from dictionaries import Edge, Place, Story, Vector, by_place, dice, drawn, graph_of, hat, read, twin
from hypothesis import given, settings
from hypothesis import strategies as st
from randomgraphs import join
from torch import Tensor
from torch_geometric.data import Data

import graphseq as gs
from graphseq.nn import GCNGRU, GCNLSTM
from graphseq.nn.recurrent.gated import GatedEncoder

H = 3
SEEDS = st.integers(0, 10**6)
each_side = pytest.mark.parametrize("convolve", ["both", "input", "state"])
each_hops = pytest.mark.parametrize("hops", [1, 2])
each_stack = pytest.mark.parametrize("num_layers", [1, 2], ids=["one layer", "two with a residual"])
each_unit = pytest.mark.parametrize("unit", ["lstm", "peepholes", "gru"])


def built(unit: str, seed: int = 0, **options: object) -> GatedEncoder:
    torch.manual_seed(seed)
    if unit == "gru":
        return GCNGRU(2, H, **options).double()  # type: ignore[arg-type]
    return GCNLSTM(2, H, peepholes=unit == "peepholes", **options).double()  # type: ignore[arg-type]


def weights_of(encoder: GatedEncoder) -> dict[str, Vector]:
    return {name: part.numpy().copy() for name, part in encoder.state_dict().items()}


def agree(found: dict[Place, Vector], expected: dict[Place, Vector]) -> None:
    assert found.keys() == expected.keys()
    for place, row in expected.items():
        np.testing.assert_allclose(found[place], row, rtol=0, atol=1e-12, err_msg=str(place))


# The twins themselves


def test_the_twins_a_hat_literally() -> None:
    # Degrees 1 + 3, 1 and 2 + (1 + 5): what comes in, doubled edges added, and node 2's own loop for the added one.
    entries = hat([0, 1, 2], [(1, 0, 3.0), (0, 2, 1.0), (2, 2, 2.0), (0, 2, 5.0)])
    assert entries == {(0, 0): 1 / 4, (1, 1): 1, (2, 2): 1 / 4, (0, 1): 3 / 2, (2, 0): 6 / 32**0.5}


def test_stories_have_all_that_graphs_over_time_can_have() -> None:
    stories = [drawn(seed) for seed in range(200)]
    seen: set[str] = set()
    for story in stories:
        edges = [story.edges_at(time) for time in story.times]
        pairs = [(i, j) for some in edges for i, j, _ in some]
        nodes = [story.there(time) for time in story.times]
        back = [set(a) & set(c) - set(b) for a, b, c in zip(nodes, nodes[1:], nodes[2:], strict=False)]
        seen |= {"comes back" for some in back if some}
        seen |= {"gap" for a, b in pairwise(story.times) if b > a + 1}
        seen |= {"no edge" for some in edges if not some}
        seen |= {"loop" for i, j in pairs if i == j}
        seen |= {"one way" for i, j in pairs if (j, i) not in pairs}
        seen |= {"doubled" for some in edges if len({edge[:2] for edge in some}) < len(some)}
        seen |= {"weightless" for some in edges for *_, w in some if w == 0}
        seen |= {"once" for node, _ in story.x if sum(other == node for other, _ in story.x) == 1}
        seen |= {"one row"} if len(story.x) == 1 else set()
        if story.always is not None and len(story.always) > min(map(len, edges)):
            seen.add("absent end")
    expected = {"comes back", "gap", "no edge", "loop", "one way", "doubled", "weightless", "once", "one row"}
    assert seen == {*expected, "absent end"}


# States


@each_unit
@each_side
@each_hops
@each_stack
@settings(max_examples=12)
@given(seed=SEEDS)
def test_states_are_the_twins(unit: str, convolve: str, hops: int, num_layers: int, seed: int) -> None:
    story = drawn(seed)
    encoder = built(unit, seed, num_layers=num_layers, convolve=convolve, hops=hops, residual=num_layers == 2)
    graph = graph_of(story, seed)
    expected, _ = twin(story, weights_of(encoder), convolve=convolve, hops=hops, residual=True)
    agree(by_place(graph, encoder(graph)), expected)


@each_unit
@given(seeds=st.lists(SEEDS, min_size=2, max_size=3))
def test_in_a_batch_each_graph_is_its_own_twin(unit: str, seeds: list[int]) -> None:
    stories = [Story(story.x, {t: story.edges_at(t) for t in story.times}) for story in map(drawn, seeds)]
    encoder, graphs = built(unit, num_layers=2), [graph_of(story) for story in stories]
    states = encoder(join(graphs)).split([graph.num_rows for graph in graphs])
    for story, graph, rows in zip(stories, graphs, states, strict=True):
        agree(by_place(graph, rows), twin(story, weights_of(encoder))[0])


def row(*numbers: float) -> Vector:
    return np.array(numbers)


A, B, C = row(1.0, -0.5), row(0.25, 2.0), row(-1.5, 0.75)
TWO = {(0, 0): A, (1, 0): B, (0, 1): C, (1, 1): A}
THREE = {**TWO, (2, 0): C, (2, 1): B}
CASES: dict[str, Story] = {
    "a time without edges": Story(TWO, {0: [(0, 1, 2.0)], 1: []}),
    "no edge at any time": Story(TWO, {}),
    "a node seen once": Story({**TWO, (4, 1): C}, {0: [(0, 1, 1.0)], 1: [(4, 0, 3.0)]}),
    "never two at one time": Story({(0, 0): A, (1, 1): B, (0, 2): C}, {1: [(1, 1, 0.5)]}),
    "one row": Story({(3, -2): A}, {}),
    "one row that hears itself half as loud": Story({(0, 7): A}, {7: [(0, 0, 0.5)]}),
    "one row that does not hear itself": Story({(0, 7): A}, {7: [(0, 0, 0.0)]}),
    "doubled edges": Story(TWO, {0: [(0, 1, 1.0), (0, 1, 2.0)], 1: [(1, 0, 0.5), (1, 0, 0.5), (0, 1, 0.5)]}),
    "doubled edges without weights": Story(TWO, {0: [(0, 1, 1.0)] * 3, 1: [(1, 0, 1.0)]}, weighted=False),
    "self-loops that weigh": Story(TWO, {0: [(0, 0, 3.0), (0, 1, 1.0)], 1: [(1, 1, 0.25), (1, 0, 1.0)]}),
    "two self-loops of one node": Story(TWO, {0: [(0, 0, 3.0), (0, 0, 2.0), (0, 1, 1.0)]}),
    "self-loops without weights": Story(TWO, {0: [(0, 0, 1.0)], 1: [(1, 1, 1.0), (0, 1, 1.0)]}, weighted=False),
    "all weights zero": Story(TWO, {0: [(0, 1, 0.0), (1, 0, 0.0)], 1: [(0, 1, 0.0)]}),
    "one that hears nothing, itself neither": Story(THREE, {0: [(0, 0, 0.0), (0, 1, 2.0)], 1: [(1, 0, 1.0)]}),
    "one that none hears": Story(THREE, {0: [(0, 1, 1.0), (0, 2, 1.0)], 1: [(0, 1, 1.0), (1, 2, 1.0)]}),
    "edges that stay, of nodes that are away": Story(
        {**TWO, (3, 1): B}, always=[(0, 3, 1.0), (3, 1, 2.0), (2, 0, 1.0)]
    ),
    "loops that stay": Story({**TWO, (2, 1): B}, always=[(0, 0, 0.5), (2, 2, 0.0), (2, 1, 1.0)]),
}


@each_unit
@each_side
@each_hops
@pytest.mark.parametrize("name", CASES)
def test_cases_that_are_easily_wrong(unit: str, convolve: str, hops: int, name: str) -> None:
    story = CASES[name]
    encoder = built(unit, num_layers=2, convolve=convolve, hops=hops)
    graph = graph_of(story)
    expected, _ = twin(story, weights_of(encoder), convolve=convolve, hops=hops)
    agree(by_place(graph, encoder(graph)), expected)


def test_without_inputs_the_state_depends_on_the_biases_alone() -> None:
    encoder, graph = built("lstm"), graph_of(CASES["one row that does not hear itself"])
    layer = encoder.layers[0]
    i, _, g, o = (layer.conv_x.bias + layer.conv_h.bias).chunk(4)
    expected = o.sigmoid() * (i.sigmoid() * g.tanh()).tanh()
    torch.testing.assert_close(encoder(graph), expected[None], rtol=0, atol=1e-15)


# Gradients: the imaginary part of the twin, a tiny imaginary step off, is exact to the last digits.


@each_unit
@each_side
@each_hops
@each_stack
@settings(max_examples=8)
@given(seed=SEEDS)
def test_gradients_are_the_twins(unit: str, convolve: str, hops: int, num_layers: int, seed: int) -> None:
    options = {"convolve": convolve, "hops": hops, "residual": True}
    story, g = drawn(seed), np.random.default_rng(seed)
    encoder, graph = built(unit, seed, num_layers=num_layers, **options), graph_of(story, seed)
    seeds = {place: g.normal(size=H) for place in story.x}
    graph.x = leaf = graph.x.clone().requires_grad_()
    places = list(by_place(graph, leaf))
    (encoder(graph) * torch.tensor(np.stack([seeds[place] for place in places]))).sum().backward()
    slopes = {name: part.grad.numpy() for name, part in encoder.named_parameters()}
    for name, slope in (*slopes.items(), ("x", leaf.grad.numpy())):
        towards, weights, x = g.normal(size=slope.shape), weights_of(encoder), story.x
        if name == "x":
            x = {place: x[place] + 1e-30j * step for place, step in zip(places, towards, strict=True)}
        else:
            weights[name] = weights[name] + 1e-30j * towards
        out, _ = twin(Story(x, story.edges, story.always), weights, **options)
        expected = sum((seeds[place] @ out[place]).imag for place in places) / 1e-30
        assert (slope * towards).sum() == pytest.approx(expected, rel=1e-11, abs=1e-12), name


# Streams


@each_unit
@each_side
@each_stack
@settings(max_examples=12)
@given(seed=SEEDS)
def test_a_stream_in_pieces_is_the_twin_in_one_pass(unit: str, convolve: str, num_layers: int, seed: int) -> None:
    story, r = drawn(seed), dice(seed)
    residual = num_layers == 2
    encoder = built(unit, seed, num_layers=num_layers, convolve=convolve, residual=residual)
    expected, held = twin(story, weights_of(encoder), convolve=convolve, residual=residual)
    starts = [story.times[0], *sorted(time for time in story.times[1:] if r.random() < 0.5), story.times[-1] + 1]
    found: dict[Place, Vector] = {}
    state = None
    for start, stop in pairwise(starts):
        piece = graph_of(story.between(start, stop), seed)
        states, state = encoder.run(piece, state)
        found |= by_place(piece, states)
        last = {node: max(t for other, t in story.x if other == node and t < stop) for node, t in story.x if t < stop}
        assert state.node.tolist() == sorted(last)
        assert state.time == max(last.values())
        parts = [part for layer in held for part in zip(*(layer[place] for place in sorted(last.items())), strict=True)]
        for ours, theirs in zip(state.parts, parts, strict=True):
            np.testing.assert_allclose(ours.detach().numpy(), np.stack(theirs), rtol=0, atol=1e-12)
    agree(found, expected)


# What reads


def snapshots(story: Story, seed: int) -> list[Data]:
    found = []
    for time in story.times:
        nodes = story.there(time)
        dice(seed).shuffle(nodes)
        edges = [(nodes.index(i), nodes.index(j)) for i, j, _ in story.edges_at(time)]
        x = torch.tensor(np.stack([story.x[node, time] for node in nodes]))
        data = Data(x=x, node=torch.tensor(nodes), edge_index=torch.tensor(edges, dtype=torch.long).reshape(-1, 2).t())
        data.edge_weight = torch.tensor([w for *_, w in story.edges_at(time)], dtype=torch.double)
        found.append(data)
    return found


def told(story: Story) -> tuple[dict[Place, list[float]], dict[int, list[Edge]]]:
    edges = {time: sorted(story.edges_at(time)) for time in story.times}
    return {place: x.tolist() for place, x in story.x.items()}, {time: some for time, some in edges.items() if some}


@given(seed=SEEDS)
def test_snapshots_of_the_story_give_its_states(seed: int) -> None:
    story, encoder = drawn(seed), built("lstm", seed)
    graph = gs.from_snapshots(snapshots(story, seed), times=story.times)
    assert read(graph) == told(story)
    agree(by_place(graph, encoder(graph)), twin(story, weights_of(encoder))[0])


def of_events(table: Tensor, window: float, start: float, present: str, nodes: int) -> Story:
    """Who sent and received how much in which window, and who is there: one event after another."""
    sums: dict[Place, Vector] = {}
    edges: dict[int, dict[tuple[int, int], float]] = {}
    active: dict[int, set[int]] = {}
    width = table.shape[1] - 3
    for source, target, when, *values in table.tolist():
        k, i, j = math.floor((when - start) / window), int(source), int(target)
        for node, side in ((i, 0), (j, 1)):
            active.setdefault(k, set()).add(node)
            x = sums.setdefault((node, k), np.zeros(2 + 2 * width))
            x[side] += 1
            x[2 + side * width : 2 + (side + 1) * width] += values
        if i != j:
            counts = edges.setdefault(k, {})
            counts[i, j] = counts.get((i, j), 0.0) + 1
    met: set[int] = set()
    there: dict[int, set[int]] = {}
    for k in range(max(active) + 1):
        met = met | active.get(k, set())
        there[k] = {"all": set(range(nodes)), "since": met, "active": active.get(k, set())}[present]
    x = {(node, k): sums.get((node, k), np.zeros(2 + 2 * width)) for k, some in there.items() for node in some}
    return Story(x, {k: [(i, j, n) for (i, j), n in some.items()] for k, some in edges.items()})


@pytest.mark.parametrize("present", ["all", "since", "active"])
@given(seed=SEEDS, window=st.sampled_from([1.0, 2.5, 0.1]), start=st.sampled_from([0.0, -3.0]))
def test_events_of_the_story_give_its_windows(present: str, seed: int, window: float, start: float) -> None:
    r = dice(seed)
    count, length = r.randint(1, 20), 20 * window
    when = sorted(r.choice((r.uniform(0, length), window * r.randint(0, 20))) for _ in range(count))
    table = torch.tensor([[r.randint(0, 4), r.randint(0, 4), t, r.randint(-3, 3), 0.5] for t in when]).double()
    graph = gs.from_events(table, window, start=start, present=present, empty="keep", num_nodes=6)
    story = of_events(table, window, start, present, 6)
    assert read(graph) == told(story)
    torch.manual_seed(seed)
    encoder = GCNLSTM(6, H).double()
    agree(by_place(graph, encoder(graph)), twin(story, weights_of(encoder))[0])
