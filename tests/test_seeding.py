"""Seeds: functions of a place, different in different places, and nobody else's generators touched."""

from __future__ import annotations

import pytest
import torch

from graphseq import seeding
from graphseq.seeding import BUILD, EVALUATE, TRAIN, derive, derive_pair, forked


def test_a_seed_is_a_function_of_its_place() -> None:
    assert derive(7, TRAIN, 3) == derive(7, TRAIN, 3)
    assert derive(7, TRAIN, 3) == derive_pair(7, TRAIN, 3)[0]


def test_seeds_of_different_places_differ() -> None:
    places = [(seed, purpose, step) for seed in range(20) for purpose in (TRAIN, EVALUATE, BUILD) for step in range(50)]
    assert len({number for place in places for number in derive_pair(*place)}) == 2 * len(places)


def test_a_place_within_a_place_is_another_one() -> None:
    places = [(0,), (0, 0), (0, 0, 0), (0, 1), (0, 10), (0, 1, 0), (2**32,), (2**32, 0), (0, 1, 2**32), (1, 0)]
    assert len({derive(*place) for place in places}) == len(places)


def test_seeds_fill_64_bits_evenly() -> None:
    numbers = [derive(seed, TRAIN, step) for seed in range(10) for step in range(100)]
    for bit in range(64):
        assert 400 < sum(number >> bit & 1 for number in numbers) < 600
    assert all(0 <= number < 2**64 for number in numbers)


def test_streams_next_to_each_other_are_not_alike() -> None:
    draws = torch.stack(
        [torch.randn(2000, generator=torch.Generator().manual_seed(derive(0, TRAIN, step))) for step in range(12)]
    )
    assert (torch.corrcoef(draws) - torch.eye(12)).abs().max() < 0.1


@pytest.mark.parametrize("seed", [2**32, 2**64, 2**200])
def test_a_large_seed_is_a_seed(seed: int) -> None:
    assert derive(seed, TRAIN, 0) != derive(seed + 1, TRAIN, 0)


@pytest.mark.parametrize(("seed", "kind"), [(-1, ValueError), (0.5, TypeError), ("0", TypeError), (True, TypeError)])
def test_what_is_no_seed_is_refused(seed: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="seed must be"):
        derive(seed)


def test_a_place_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="integers of 0 or more"):
        derive(0, -1)


def test_within_a_fork_numbers_follow_the_seed_and_afterwards_the_callers() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    drawn = []
    for before in (1, 2):
        torch.manual_seed(before)
        with forked(5, BUILD):
            drawn.append(torch.rand(4))
        if before == 1:
            assert torch.equal(torch.rand(3), expected)
    assert torch.equal(*drawn)
    with forked(6, BUILD):
        assert not torch.equal(torch.rand(4), drawn[0])


def test_a_fork_that_fails_puts_the_callers_generator_back() -> None:
    before = torch.get_rng_state()
    with pytest.raises(KeyError), forked(0):
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)


def test_starting_anew_gives_what_manual_seed_gives() -> None:
    with forked(0):
        seeding.reseed(123)
        mine = torch.rand(5)
        torch.manual_seed(123)
        assert torch.equal(torch.rand(5), mine)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_fork_on_an_accelerator_follows_the_seed_and_puts_it_back() -> None:
    torch.cuda.manual_seed(1)
    before, drawn = torch.cuda.get_rng_state(), []
    for seed in (3, 3, 4):
        with forked(seed, device="cuda"):
            drawn.append(torch.rand(4, device="cuda"))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_fork_on_the_processor_leaves_accelerators_alone() -> None:
    before = torch.cuda.get_rng_state()
    with forked(3):
        pass
    assert torch.equal(torch.cuda.get_rng_state(), before)
