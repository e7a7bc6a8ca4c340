"""Recurrences in segments: equal states, and gradients that are equal or end at the start of the segment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from randomgraphs import draw, sequence
from strategies import dynamic_graphs, gappy_signals
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCN, GCNGRU, GCNLSTM, GRU, LRU, LSTM, RNN, Encoder, MinGRU, MinLSTM, Model, RecurrentState
from graphseq.nn.recurrent.long_sequences import GradientCheckpointed, TruncatedBPTT, segments_of

H = 3
FAMILIES: dict[str, Callable[[], Encoder]] = {
    "RNN": lambda: RNN(2, H),
    "GRU-2": lambda: GRU(2, H, 2),
    "LSTM-2": lambda: LSTM(2, H, 2),
    "GCNLSTM-2": lambda: GCNLSTM(2, H, 2),
    "GCNGRU": lambda: GCNGRU(2, H),
    "LRU": lambda: LRU(2, H),
    "MinGRU-2": lambda: MinGRU(2, H, 2),
    "MinLSTM": lambda: MinLSTM(2, H),
}
each_family = pytest.mark.parametrize("name", FAMILIES)
each_way = pytest.mark.parametrize("way", [GradientCheckpointed, TruncatedBPTT])


def built(name: str) -> Encoder:
    torch.manual_seed(0)
    return FAMILIES[name]().double()


def gradient(encoder: Encoder, graph: SpaceTimeGraph, asked: slice = slice(None)) -> list[Tensor]:
    """Of a loss at some rows, in the weights."""
    loss = encoder(graph)[asked].sin().sum()
    return list(torch.autograd.grad(loss, list(encoder.parameters())))


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


@each_family
@settings(max_examples=25)
@given(graph=st.one_of(dynamic_graphs(channels=2), gappy_signals(channels=2)), length=st.integers(1, 5))
def test_states_and_recomputed_gradients_are_the_plain_ones(name: str, graph: SpaceTimeGraph, length: int) -> None:
    graph.x = graph.x.double()
    encoder = built(name)
    for way in (GradientCheckpointed, TruncatedBPTT):
        torch.testing.assert_close(way(encoder, length)(graph), encoder(graph), rtol=0, atol=1e-12)
    assert_same(gradient(GradientCheckpointed(encoder, length), graph), gradient(encoder, graph))


@each_family
@pytest.mark.parametrize("length", [32, 5000])
def test_recomputed_gradients_of_a_long_sequence_are_the_plain_ones(name: str, length: int) -> None:
    graph, encoder = sequence(0, 500), built(name)
    for found, expected in zip(
        gradient(GradientCheckpointed(encoder, length), graph), gradient(encoder, graph), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@each_family
def test_a_truncated_gradient_is_the_plain_one_where_no_segment_ends(name: str) -> None:
    graph, encoder = draw(2, nodes=4, times=6), built(name)
    times = len(graph.topology.times)
    assert_same(gradient(TruncatedBPTT(encoder, times), graph), gradient(encoder, graph))
    short = gradient(TruncatedBPTT(encoder, times - 1), graph)
    plain = gradient(encoder, graph)
    assert max(float((a - b).abs().max()) for a, b in zip(short, plain, strict=True)) > 1e-4


@each_family
def test_a_truncated_gradient_is_that_of_each_segments_loss_with_its_memory_fixed(name: str) -> None:
    graph, encoder, length = sequence(1, 10), built(name), 4
    weights = list(encoder.parameters())
    total = [torch.zeros_like(weight) for weight in weights]
    state: RecurrentState | None = None
    for start in range(0, 10, length):
        rows = torch.arange(start, min(start + length, 10))
        piece = SpaceTimeGraph(graph.x[rows], torch.zeros_like(rows), rows)
        states, state = encoder.run(piece, None if state is None else state.detach())
        total = [a + b for a, b in zip(total, torch.autograd.grad(states.sin().sum(), weights), strict=True)]
    assert_same(gradient(TruncatedBPTT(encoder, length), graph), total)


@each_family
def test_in_its_own_segment_an_input_has_the_plain_gradient_and_from_later_ones_none(name: str) -> None:
    graph, encoder = sequence(2, 10), built(name)
    found = []
    for reader in (encoder, TruncatedBPTT(encoder, 4)):
        graph.x = graph.x.detach().requires_grad_()
        found.append(torch.autograd.grad(reader(graph)[6].sum(), graph.x)[0])
    plain, cut = found
    assert plain[:7].any(dim=1).all()
    torch.testing.assert_close(cut[4:], plain[4:], rtol=0, atol=1e-13)
    assert not cut[:4].any()


class Counting(LSTM):
    """Counts the segments that are read."""

    reads = 0

    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        self.reads += 1
        return super().run(graph, state)


@pytest.mark.parametrize(("way", "reads"), [(GradientCheckpointed, 20), (TruncatedBPTT, 11)])
def test_a_segment_is_read_again_only_where_a_gradient_comes_by(way: type[GradientCheckpointed], reads: int) -> None:
    encoder = Counting(2, H).double()
    gradient(way(encoder, 5), sequence(0, 50), asked=slice(-1, None))
    assert encoder.reads == reads
    encoder.reads = 0
    with torch.no_grad():
        way(encoder, 5)(sequence(0, 50))
    assert encoder.reads == 10


@pytest.mark.parametrize("name", ["LSTM-2", "GCNLSTM-2", "MinGRU-2"])
def test_what_waits_for_the_gradient_is_a_fraction(name: str) -> None:
    graph, encoder, held = sequence(0, 400), built(name), []
    for reader in (encoder, GradientCheckpointed(encoder, 20)):
        kept: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t) or t, lambda t: t):
            out = reader(graph)
        unique = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
        held.append(sum(unique.values()) + out.untyped_storage().nbytes())
    assert held[1] < held[0] / 3


@each_way
def test_fit_trains_it_as_it_is(way: type[GradientCheckpointed]) -> None:
    task, curves = gs.tasks.Palindrome(length=9), []
    for length in (None, 9, 2):
        torch.manual_seed(0)
        encoder: Encoder = LSTM(task.in_channels, 8)
        encoder = encoder if length is None else way(encoder, length)
        curves.append(gs.fit(Model(encoder, task.out_channels), task, steps=10, batch_size=8, lr=0.01).loss)
    assert curves[1] == pytest.approx(curves[0], abs=1e-6)
    assert curves[2][0] == pytest.approx(curves[0][0], abs=1e-6)
    assert (curves[2] == pytest.approx(curves[0], abs=1e-5)) is (way is GradientCheckpointed)


@each_way
def test_it_reads_streams_itself_and_has_the_encoders_reach(way: type[GradientCheckpointed]) -> None:
    graph, encoder = draw(0, nodes=4, times=6), built("GCNLSTM-2")
    reader, rows = way(encoder, 2), torch.arange(3)
    states, state = reader.run(graph)
    expected, whole = encoder.run(graph)
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-12)
    assert torch.equal(state.node, whole.node)
    for ours, theirs in zip(state.parts, whole.parts, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    assert torch.equal(reader.reach(graph, rows), encoder.reach(graph, rows))
    assert reader.causal


@given(graph=st.one_of(dynamic_graphs(channels=2), gappy_signals(channels=2)), length=st.integers(1, 5))
def test_segments_hold_all_rows_and_edges_once(graph: SpaceTimeGraph, length: int) -> None:
    parts, order = segments_of(graph.topology, length), graph.topology.by_time
    assert torch.equal(torch.cat([part.node for part in parts]), graph.node[order])
    assert torch.equal(torch.cat([part.time for part in parts]), graph.time[order])
    assert [len(part.times) for part in parts[:-1]] == [length] * (len(parts) - 1)
    first, found = 0, []
    for part in parts:
        found += [tuple(order[pair + first].tolist()) for pair in part.spatial.edge_index.t()]
        first += part.num_rows
    assert sorted(found) == sorted(map(tuple, graph.topology.spatial.edge_index.t().tolist()))


def test_topologies_of_segments_are_prepared_once() -> None:
    task = gs.tasks.Palindrome(length=9)
    one, other = (task.batch(4, torch.Generator().manual_seed(seed)) for seed in range(2))
    reader = GradientCheckpointed(LSTM(task.in_channels, 4), 3)
    reader(one)
    assert one.topology.keep(("segments", 3), lambda: pytest.fail("made anew")) is other.topology.keep(
        ("segments", 3), lambda: pytest.fail("made anew")
    )


@each_way
def test_what_reads_no_stream_is_refused(way: type[GradientCheckpointed]) -> None:
    with pytest.raises(TypeError, match=r"Encoder with run\(\), as recurrent encoders have it; got GCN"):
        way(GCN(2, 4), 5)
    with pytest.raises(TypeError, match=r"Encoder with run\(\), as recurrent encoders have it; got str"):
        way("LSTM", 5)
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        way(LSTM(2, 4), 0)
