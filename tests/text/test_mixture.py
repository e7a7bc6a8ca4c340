"""A product of distributions is one, and its powers have the fewest nats."""

from __future__ import annotations

import torch
from torch.nn.functional import nll_loss

from graphseq.text.mixture import fitted_powers, log_product


def _experts(positions: int, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(positions, 3, generator=generator, dtype=torch.double).log_softmax(1) for _ in range(2)]


def test_the_product_is_the_one_of_the_equation() -> None:
    first, second = torch.tensor([[0.5, 0.25, 0.25]]).double(), torch.tensor([[0.1, 0.3, 0.6]]).double()
    powers = torch.tensor([[9.0, 9.0], [2.0, 0.5]]).double()
    found = log_product([first.log(), second.log()], torch.tensor([1]), powers).exp()
    product = first**2 * second**0.5
    torch.testing.assert_close(found, product / product.sum())


def test_powers_of_the_text_that_they_were_drawn_from_are_found() -> None:
    experts, groups = _experts(40_000, 0), torch.arange(40_000) % 2
    true = torch.tensor([[1.5, 0.0], [0.3, 0.9], [0.5, 0.5]]).double()
    drawn = torch.multinomial(log_product(experts, groups, true).exp(), 1, generator=torch.Generator().manual_seed(1))
    found = fitted_powers(experts, groups, drawn[:, 0], count=3)
    torch.testing.assert_close(found[:2], true[:2], atol=0.05, rtol=0)
    assert found[2].tolist() == [0.5, 0.5]  # no position is of this group


def test_no_other_powers_have_fewer_nats() -> None:
    experts, groups, targets = _experts(300, 2), torch.arange(300) % 2, torch.arange(300) % 3
    found = fitted_powers(experts, groups, targets, count=2)
    best = nll_loss(log_product(experts, groups, found), targets)
    for group in range(2):
        for expert in range(2):
            for step in (-0.05, 0.05):
                moved = found.clone()
                moved[group, expert] += step
                assert nll_loss(log_product(experts, groups, moved), targets) > best
