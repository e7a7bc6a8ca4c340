"""Every public callable answers a hostile argument rightly, or with a TypeError or ValueError that names it."""

from __future__ import annotations

import os

import hostile_values
import pytest
from hostile_calls import Outcome, admits, chosen, outcomes
from public_calls import ABSTRACT, ERRORS, RECORDS, UNCHECKED, Public, public_calls, public_names

CALLS = public_calls()
MODULES = sorted({call.name.partition(".")[0] for call in CALLS if call.name[0].islower() and "." in call.name})


def of(module: str) -> list[Public]:
    """The callables of a public module; of the top where it is empty."""
    if module:
        return [call for call in CALLS if call.name.startswith(f"{module}.")]
    return [call for call in CALLS if call.name.partition(".")[0] not in MODULES]


def faults(share: float, calls: list[Public]) -> list[Outcome]:
    """How the calls end that do not end as they should."""
    found = [one for public in calls if (some := chosen(public, share)) for one in outcomes(public, some)]
    return [one for one in found if not one.is_fine]


def said(found: list[Outcome]) -> str:
    """The faults, one a line."""
    lines = [f"{one.call.callable}({one.call.argument}={one.call.value}): {one.kind}, {one.text}" for one in found]
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["", *MODULES])
def test_hostile_arguments_are_named(module: str) -> None:
    if module == "datasets" and "GRAPHSEQ_DATA" not in os.environ:
        pytest.skip("GRAPHSEQ_DATA names no folder with data, and a test fetches nothing")
    found = faults(0.1, of(module))
    assert not found, said(found)


@pytest.mark.parametrize("module", ["transforms", "baselines", "evaluation"])
def test_of_some_modules_whatever_else_is_left_out(module: str) -> None:
    found = faults(0.02, of(module))
    assert not found, said(found)


def test_there_are_ten_thousand_calls() -> None:
    assert sum(len(chosen(public, 0.1)) for public in CALLS) > 10_000


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
