"""Buffers are given out only while they are free, and a GCN-LSTM in them computes what it does without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

import graphseq as gs
from graphseq._torch import compat
from graphseq.nn.kernels import buffers, gcn_lstm_backward, gcn_lstm_forward, schedule
from graphseq.nn.kernels.buffers import Buffers

PATH = torch.tensor([[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]])
LIKE = torch.zeros(0)
tells_uses = pytest.mark.skipif(compat.storage_uses(LIKE) is None, reason="this torch does not count uses of a storage")


def take(of: Buffers[list[Tensor]], kind: object = "a") -> list[Tensor]:
    return of.take(kind, LIKE, [(2, 3), (4,)], lambda parts: [part[:1] for part in parts])[0]


def signal(seed: int) -> gs.SpaceTimeGraph:
    x = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(seed))
    return gs.from_signal(x, PATH)


def gradients(encoder: gs.nn.GCNLSTM, graph: gs.SpaceTimeGraph) -> list[Tensor]:
    out = encoder(graph)
    return [out, *torch.autograd.grad(out.square().sum(), list(encoder.parameters()))]


@tells_uses
def test_a_room_is_given_again_when_nothing_of_it_is_left() -> None:
    some: Buffers[list[Tensor]] = Buffers()
    first = take(some)
    assert [tuple(part.shape) for part in first] == [(2, 3), (4,)]
    at = first[0].data_ptr()
    assert take(some)[0].data_ptr() != at
    part = first[1][1:]
    del first
    assert take(some)[0].data_ptr() != at  # a view of a part holds it
    del part
    assert take(some)[0].data_ptr() == at
    assert take(some, "b")[0].data_ptr() != at


def test_a_room_that_may_be_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "storage_uses", lambda _: None)
    some: Buffers[list[Tensor]] = Buffers()
    take(some)[0].fill_(1)
    assert not take(some)[0].any()


def test_no_more_rooms_are_kept_than_the_bound() -> None:
    some: Buffers[list[Tensor]] = Buffers()
    held = [take(some, kind) for kind in range(2 * buffers._KINDS) for _ in range(2 * buffers._EACH)]
    assert len({parts[0].data_ptr() for parts in held}) == len(held)
    keys = some._kinds.keys()
    kept = [some._kinds.get(key, list) for key in keys]
    assert len(kept) <= buffers._KINDS
    assert all(len(each) <= buffers._EACH for each in kept)


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("hops", [1, 2])
def test_states_and_gradients_are_bit_for_bit_those_without_buffers(
    peepholes: bool, hops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(3, 5, num_layers=2, peepholes=peepholes, hops=hops)
    graph = signal(0)
    _, state = encoder.run(graph)
    later = graph.replace(topology=gs.data.topology.Topology(graph.node, graph.time + 6, None, None, PATH))
    own = [*gradients(encoder, graph), encoder.run(later, state)[0]]
    monkeypatch.setattr(schedule, "_FEW", 0)
    other = [*gradients(encoder, graph), encoder.run(later, state)[0]]
    assert all(torch.equal(a, b) for a, b in zip(own, other, strict=True))


def test_passes_whose_gradients_come_in_any_order_do_not_mix() -> None:
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(3, 5, num_layers=2)
    graphs = [signal(seed) for seed in range(6)]
    expected = [gradients(encoder, graph) for graph in graphs]
    outs = [encoder(graph) for graph in graphs]
    for number in (3, 0, 5, 1, 4, 2):
        found = torch.autograd.grad(outs[number].square().sum(), list(encoder.parameters()), retain_graph=True)
        again = torch.autograd.grad(outs[number].square().sum(), list(encoder.parameters()))
        for one in (found, again):
            assert all(torch.equal(a, b) for a, b in zip(one, expected[number][1:], strict=True))


def test_passes_of_several_threads_do_not_mix() -> None:
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(3, 5)
    graphs = [signal(seed) for seed in range(4)]
    expected = [gradients(encoder, graph) for graph in graphs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            found = pool.map(lambda graph: gradients(encoder, graph), graphs)
            for one, other in zip(found, expected, strict=True):
                assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_recomputed_pass_keeps_its_numbers_when_its_own_graph_is_gone() -> None:
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(3, 5, num_layers=2)
    graph = signal(0)
    expected = gradients(encoder, graph)[1:]
    out = torch.utils.checkpoint.checkpoint(encoder, graph, use_reentrant=False)
    found = torch.autograd.grad(out.square().sum(), list(encoder.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_what_a_pass_left_is_not_read_by_the_next() -> None:
    torch.manual_seed(0)
    encoder = gs.nn.GCNLSTM(3, 5)
    graph = signal(0)
    expected = gradients(encoder, graph)
    for kept in (gcn_lstm_forward._buffers, gcn_lstm_backward._buffers):
        keys = kept._kinds.keys()
        for key in keys:
            for buffer in kept._kinds.get(key, list):
                for part in buffer.parts:
                    part.fill_(torch.nan)
    assert all(torch.equal(a, b) for a, b in zip(gradients(encoder, graph), expected, strict=True))
