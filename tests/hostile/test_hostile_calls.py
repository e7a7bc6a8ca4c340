"""Every public callable answers a hostile argument rightly, or with a TypeError or ValueError that names it."""

from __future__ import annotations

import os

import hostile_values
import pytest
from hostile_calls import Outcome, admits, chosen, outcomes
from public_calls import ABSTRACT, ERRORS, RECORDS, UNCHECKED, Public, public_calls, public_names

CALLS = public_calls()
SHARE = 0.06
"""Of the hostile values, what is tried for each argument."""
SEED = int(os.environ.get("GRAPHSEQ_SEED", "0"))
"""Which values are drawn for which argument."""
PIECES = 20
"""The parts of the campaign, each of callables from everywhere, so that several processes share the work."""


def of(module: str) -> list[Public]:
    """The callables of a public module."""
    return [call for call in CALLS if call.name.startswith(f"{module}.")]


def piece(number: int) -> list[Public]:
    """One of the parts, without the data sets, whose files need not be there."""
    return [call for call in CALLS if not call.name.startswith("datasets.")][number::PIECES]


def faults(share: float, calls: list[Public]) -> list[Outcome]:
    """How the calls end that do not end as they should."""
    works = [(public, chosen(public, share, SEED)) for public in calls]
    found = outcomes(works)
    assert [one.call for one in found] == [call for _, some in works for call in some]
    return [one for one in found if not one.is_fine]


def said(found: list[Outcome]) -> str:
    """The faults, one a line."""
    lines = [f"{one.call.callable}({one.call.argument}={one.call.value}): {one.kind}, {one.text}" for one in found]
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(PIECES))
def test_hostile_arguments_are_named(number: int) -> None:
    found = faults(SHARE, piece(number))
    assert not found, said(found)


@pytest.mark.slow
@pytest.mark.skipif("GRAPHSEQ_DATA" not in os.environ, reason="GRAPHSEQ_DATA names no folder with data to read")
def test_hostile_arguments_of_data_sets_are_named() -> None:
    found = faults(SHARE, of("datasets"))
    assert not found, said(found)


@pytest.mark.parametrize("module", ["transforms", "baselines", "evaluation"])
def test_of_some_modules_whatever_else_is_left_out(module: str) -> None:
    found = faults(0.02, of(module))
    assert not found, said(found)


def test_there_are_ten_thousand_calls() -> None:
    tried = [public for number in range(PIECES) for public in piece(number)]
    assert len(tried) == len({public.name for public in tried}) == len(CALLS) - len(of("datasets"))
    assert sum(len(chosen(public, SHARE, SEED)) for public in tried) >= 10_000


def test_every_public_callable_has_a_valid_call() -> None:
    tried = {call.name for call in CALLS}
    left_out = RECORDS | ABSTRACT | ERRORS | UNCHECKED
    names = public_names()
    assert not [name for name, value in names.items() if callable(value) and name not in tried | left_out]
    for public in CALLS:
        public.given()  # or it says what is missing


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        ("int", "numpy int64", "True"),
        ("float", "Fraction", "nan"),
        ("bool", "numpy True", "no"),
        ("str | None", "None", "bytes"),
        ("Sequence[int]", "list of ints", "list of nan"),
        ("Literal['abc', 'b']", "text", "no"),
        ("Tensor", "tensor (3,)", "tensor meta"),
        ("SpaceTimeGraph", "graph", "PyG Data"),
    ],
)
def test_what_an_annotation_admits(annotation: str, right: str, wrong: str) -> None:
    assert admits(annotation, hostile_values.VALUES[right]())
    assert not admits(annotation, hostile_values.VALUES[wrong]())
