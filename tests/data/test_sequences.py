"""Rows as sequences in pieces: what each kernel reads, what comes back, and what is remembered at last."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Rows, histories, rows_at_times
from torch import Tensor, nn
from torch.autograd import gradcheck

from graphseq.data import sequences as module
from graphseq.data.sequences import Sequences
from graphseq.data.topology import Topology

# Three sequences of 1, 4 and 2 rows: node 1 at rows 0, 2, 4 and 6, and so on.
NODE, TIME = torch.tensor([1, 0, 1, 2, 1, 2, 1]), torch.tensor([0, 0, 1, 1, 2, 2, 3])


def ragged() -> Sequences:
    return Topology(NODE, TIME).sequences


def running_sum(piece: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    out = held + piece.cumsum(0)
    return out, out[-1:]


def of(rows: Rows) -> tuple[Sequences, list[list[int]]]:
    """The sequences, and the rows of each, longest first."""
    lines = histories(rows)
    return Topology(*rows).sequences, sorted((lines[name] for name in sorted(lines)), key=len, reverse=True)


def test_a_piece_begins_where_a_sequence_ends_or_where_it_pays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ragged().exact.sizes == [(1, 3), (1, 2), (2, 1)]
    assert ragged().few.sizes == [(4, 3)]  # 5 places are read for nothing
    monkeypatch.setattr(module, "PADDING", 2)
    assert ragged().few.sizes == [(2, 3), (2, 1)]  # 1 place and none


def test_what_has_ended_is_read_again_and_nothing_of_another() -> None:
    layout = ragged().few
    assert layout.read.view(4, 3).t().tolist() == [[0, 2, 4, 6], [3, 5, 5, 5], [1, 1, 1, 1]]
    assert layout.place.tolist() == [0, 2, 3, 1, 6, 4, 9]


@given(rows_at_times(), st.sampled_from([0, 1, 5, 64]))
def test_every_row_is_at_its_place_and_little_is_read_for_nothing(rows: Rows, spared: int) -> None:
    sequences, lines = of(rows)
    layout = sequences._layout(spared)
    assert torch.equal(layout.read[layout.place], torch.arange(len(rows[0])))
    owner = {row: number for number, line in enumerate(lines) for row in line}
    start = step = 0
    for steps, count in layout.sizes:
        piece = layout.read[start : start + steps * count].view(steps, count).tolist()
        for line, column in zip(lines, zip(*piece, strict=True), strict=False):
            assert list(column) == [line[min(step + k, len(line) - 1)] for k in range(steps)]
        true = sum(len(line) > step + k for line in lines for k in range(steps))
        assert steps * count - true <= spared
        start, step = start + steps * count, step + steps
    assert set(owner) == set(layout.read.tolist())


@given(rows_at_times(), st.booleans())
def test_a_sum_along_each_sequence_is_that_of_a_loop(rows: Rows, exact: bool) -> None:
    sequences, lines = of(rows)
    x = torch.randint(9, (len(rows[0]), 2), generator=torch.Generator().manual_seed(0)).double()
    out, left = sequences.along(x, running_sum, torch.zeros(1, len(lines), 2, dtype=torch.float64), exact=exact)
    for line in lines:
        assert torch.equal(out[line], x[line].cumsum(0))
    if exact:
        assert torch.equal(sequences.last(left)[0], torch.stack([x[line].sum(0) for line in lines]))


@given(rows_at_times())
def test_parts_of_what_is_remembered_are_remembered_apart(rows: Rows) -> None:
    sequences, lines = of(rows)
    kernel, x = nn.LSTM(2, 3, 2).double(), torch.randn(len(rows[0]), 2, dtype=torch.float64)
    zero = torch.zeros(2, len(lines), 3, dtype=torch.float64)
    out, left = sequences.along(x, kernel, (zero, zero), exact=True)
    h, c = sequences.last(left)
    for number, line in enumerate(lines):
        alone, (own_h, own_c) = kernel(x[line][:, None])
        torch.testing.assert_close(out[line], alone[:, 0], rtol=0, atol=1e-12)
        torch.testing.assert_close(h[:, number], own_h[:, 0], rtol=0, atol=1e-12)
        torch.testing.assert_close(c[:, number], own_c[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("node", "time"),
    [
        (NODE, TIME),
        (torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])),
        (torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])),
        (torch.tensor([0, 1, 0, 1]), torch.tensor([1, 0, 0, 1])),
    ],
    ids=["ragged", "one after another", "step by step", "in no order"],
)
def test_it_can_be_differentiated_in_every_mode(node: Tensor, time: Tensor) -> None:
    sequences = Topology(node, time).sequences
    x = torch.randn(len(node), 2, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros(1, int(sequences.batch_sizes[0]), 2, dtype=torch.float64)
    along = lambda x: sequences.along(x, lambda piece, held: running_sum(piece.tanh(), held), zero)[0]  # noqa: E731
    assert gradcheck(along, (x,), check_batched_grad=True, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(along, (x,))
    jacobian = torch.autograd.functional.jacobian(along, x)
    torch.testing.assert_close(torch.func.jacrev(along)(x), jacobian)
    torch.testing.assert_close(torch.func.jacfwd(along)(x), jacobian)


def test_only_even_sequences_are_even_and_only_some_stand_one_after_another() -> None:
    found = [
        Topology(torch.tensor(node), torch.tensor(time)).sequences
        for node, time in (([0, 0, 1, 1], [0, 1, 0, 1]), ([0, 1, 0, 1], [0, 0, 1, 1]), ([0, 1, 0, 1], [1, 0, 0, 1]))
    ]
    assert [each.is_even for each in (*found, ragged())] == [True, True, True, False]
    assert [each.is_by_sequence for each in (*found, ragged())] == [True, False, False, False]


def test_a_sequence_that_overflows_does_not_reach_the_gradient_of_another() -> None:
    x = torch.ones(7, 1, dtype=torch.float64)
    x[6] = torch.inf
    x.requires_grad_()
    zero = torch.zeros(1, 3, 1, dtype=torch.float64)
    out, _ = ragged().along(x, running_sum, zero)
    grad = torch.autograd.grad(out[[1, 3, 5]].sum(), x)[0]
    assert grad[:, 0].tolist() == [0, 1, 0, 2, 0, 1, 0]
