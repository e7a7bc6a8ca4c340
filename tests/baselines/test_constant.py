"""Constants and pairs in closed form."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphseq as gs
from graphseq import seeding
from graphseq.baselines.constant import Bigram, Constant
from graphseq.tasks import Adding, Characters, Palindrome, Transfer


def test_a_constant_gives_its_output_at_each_asked_row() -> None:
    target = torch.tensor([True, False, True])
    out = Constant(torch.tensor([3.0, 0.5]))(gs.from_sequence(torch.zeros(3, 1), target=target))
    assert out.tolist() == [[3.0, 0.5]] * 2


def test_an_output_is_one_number_a_channel() -> None:
    with pytest.raises(ValueError, match=r"output must have shape \(C,\), got \(1, 2\)"):
        Constant(torch.zeros(1, 2))
    with pytest.raises(TypeError, match=r"output must be a torch\.Tensor, got list"):
        Constant([1.0, 2.0])  # type: ignore[arg-type]


@pytest.mark.parametrize(("samples", "error"), [(0, ValueError), (2.5, TypeError)])
def test_a_constant_of_no_sample_is_refused(samples: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="samples must be"):
        Constant.of(Transfer(3), samples=samples)  # type: ignore[arg-type]


def test_the_constant_of_numbers_is_the_mean_of_a_sample() -> None:
    task = Adding(5)
    generator = torch.Generator().manual_seed(seeding.derive(3, seeding.BUILD))
    expected = task.batch(700, generator).y.mean(dim=0)
    torch.testing.assert_close(Constant.of(task, samples=700, seed=3).output, expected)


class Counting(Adding):
    """Keeps the sizes of the batches that it gave."""

    def __init__(self) -> None:
        super().__init__(3)
        self.given: list[int] = []

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        self.given.append(size)
        return super().batch(size, generator)


def test_a_large_sample_is_drawn_in_parts() -> None:
    task = Counting()
    Constant.of(task, samples=2300)
    assert task.given == [1000, 1000, 300]


def test_the_constant_of_a_text_counts_all_its_characters() -> None:
    constant = Constant.of(Characters("aaabbc", 2, alphabet="abcd"))
    torch.testing.assert_close(constant.output.exp(), torch.tensor([4, 3, 2, 1]) / 10)


def test_the_constant_of_another_task_counts_a_sample_of_its_answers() -> None:
    constant = Constant.of(Transfer(3, num_classes=4), samples=4000)
    torch.testing.assert_close(constant.output.exp(), torch.full((4,), 0.25), rtol=0, atol=0.03)
    assert not torch.equal(constant.output, Constant.of(Transfer(3, num_classes=4), samples=4000, seed=1).output)
    assert torch.equal(constant.output, Constant.of(Transfer(3, num_classes=4), samples=4000).output)


def test_pairs_give_the_smoothed_share_of_what_followed() -> None:
    bigram = Bigram(Characters("aabab", 2))  # aa once, ab twice, ba once, bb never
    torch.testing.assert_close(bigram.logits.exp(), torch.tensor([[2 / 5, 3 / 5], [2 / 3, 1 / 3]]))


@given(text=st.text("abc", min_size=3, max_size=40))
def test_pairs_are_those_of_a_count_by_hand(text: str) -> None:
    task = Characters(text, 1, alphabet="abc")
    for a, row in zip("abc", Bigram(task).logits.exp().tolist(), strict=True):
        following = [after for before, after in pairwise(text) if before == a]
        expected = [(following.count(b) + 1) / (len(following) + 3) for b in "abc"]
        assert row == pytest.approx(expected, rel=1e-5)


@given(text=st.text("abc", min_size=3, max_size=40))
def test_frequencies_add_up_to_one(text: str) -> None:
    task = Characters(text, 1, alphabet="abc")
    assert Constant.of(task).output.exp().sum().item() == pytest.approx(1, rel=1e-5)
    assert Bigram(task).logits.exp().sum(dim=1).tolist() == pytest.approx([1, 1, 1], rel=1e-5)


def test_a_pair_is_looked_up_at_each_asked_row() -> None:
    bigram = Bigram(Characters("aabab", 2))
    graph = gs.from_sequence(torch.tensor([1, 0, 0]), target=torch.tensor([True, False, True]))
    assert torch.equal(bigram(graph), bigram.logits[[1, 0]])


def test_a_text_of_even_odds_costs_one_bit_a_character() -> None:
    task = Characters("ab" * 500, 4)
    assert gs.evaluate(Constant.of(task), task, samples=50).bits == pytest.approx(1)


def test_a_text_that_only_alternates_costs_a_pair_model_almost_nothing() -> None:
    task = Characters("ab" * 500, 4)
    result = gs.evaluate(Bigram(task), task, samples=50)
    a, b = math.log2(502 / 501), math.log2(501 / 500)  # ab 500 times and ba 499, each with one more for what never was
    assert result.bits == pytest.approx((a + b) / 2, rel=1e-3)
    assert result.score == 1


def test_a_constant_costs_the_entropy_of_the_letters() -> None:
    text = "aaab" * 250
    task = Characters(text, 4)
    shares = [751 / 1002, 251 / 1002]
    expected = -(3 * math.log2(shares[0]) + math.log2(shares[1])) / 4
    assert gs.evaluate(Constant.of(task), task, samples=50).bits == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("task", [Palindrome(5), Transfer(5), Characters("abcacbabccba" * 5, 4)])
def test_a_constant_scores_chance(task: gs.tasks.Task) -> None:
    result = gs.evaluate(Constant.of(task), task, samples=2000)
    assert result.low - 0.02 <= task.chance <= result.high + 0.02


def test_a_baseline_has_nothing_to_train() -> None:
    task = Characters("abcabc", 2)
    assert [*Constant.of(task).parameters(), *Bigram(task).parameters()] == []
