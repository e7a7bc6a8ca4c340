"""Palindromes are palindromes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphseq.tasks import Palindrome


def digits(task: Palindrome, size: int, seed: int = 0) -> torch.Tensor:
    """Whole palindromes (B, n): the rows shown, and the answer after them."""
    graph = task.batch(size, torch.Generator().manual_seed(seed))
    shown = graph.x.argmax(1) if task.encoding == "one-hot" else graph.x[:, 0].long()
    return torch.cat([shown.view(size, -1), graph.y[:, None]], dim=1)


@given(length=st.integers(2, 12), num_digits=st.integers(2, 10), seed=st.integers(0, 99))
def test_rows_and_answer_together_read_the_same_both_ways(length: int, num_digits: int, seed: int) -> None:
    whole = digits(Palindrome(length, num_digits=num_digits), 4, seed)
    assert whole.shape == (4, length)
    assert torch.equal(whole, whole.flip(1))


@given(length=st.integers(2, 12), seed=st.integers(0, 99))
def test_both_encodings_show_the_same_palindromes(length: int, seed: int) -> None:
    one_hot, scalar = (digits(Palindrome(length, encoding=kind), 4, seed) for kind in ("one-hot", "scalar"))
    assert torch.equal(one_hot, scalar)


def test_every_digit_occurs_at_every_place() -> None:
    whole = digits(Palindrome(5, num_digits=3), 200)
    assert all(set(column.tolist()) == {0, 1, 2} for column in whole.T)


def test_the_two_halves_have_nothing_in_common_but_the_mirror() -> None:
    whole = digits(Palindrome(5, num_digits=2), 4000)
    kinds = (4 * whole[:, 0] + 2 * whole[:, 1] + whole[:, 2]).bincount(minlength=8)
    assert kinds.min() > 400
    assert kinds.max() < 600


def test_two_digits_are_one_row_that_shows_the_answer() -> None:
    task = Palindrome(2)
    graph = task.batch(5, torch.Generator().manual_seed(0))
    assert task.hops == 0
    assert torch.equal(graph.x.argmax(1), graph.y)


def test_the_last_row_of_each_sequence_is_asked() -> None:
    graph = Palindrome(4).batch(2, torch.Generator().manual_seed(0))
    assert graph.target.tolist() == [False, False, True, False, False, True]


@pytest.mark.parametrize(("encoding", "channels"), [("one-hot", 7), ("scalar", 1)])
def test_in_channels_is_what_a_row_holds(encoding: str, channels: int) -> None:
    task = Palindrome(4, encoding=encoding, num_digits=7)
    assert task.in_channels == task.batch(1, torch.Generator()).x.shape[1] == channels


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"length": 1}, ValueError, "length must be at least 2, got 1"),
        ({"length": 5.0}, TypeError, "length must be an integer"),
        ({"length": True}, TypeError, "length must be an integer"),
        ({"length": 5, "num_digits": 1}, ValueError, "num_digits must be at least 2, got 1"),
        ({"length": 5, "encoding": "binary"}, ValueError, "encoding must be one of one-hot, scalar; got 'binary'"),
    ],
)
def test_refusals_name_the_argument(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Palindrome(**arguments)  # type: ignore[arg-type]
