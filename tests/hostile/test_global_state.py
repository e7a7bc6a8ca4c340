"""No public call leaves the state that all code of a process shares other than it was."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable

import pytest
from global_state import STATES, Watched
from hostile_calls import is_module
from public_calls import finished, public_calls

CALLS = public_calls()
KINDS = sorted({call.name.partition(".")[0] for call in CALLS})


def test_there_are_many_kinds_of_state() -> None:
    assert len(STATES) >= 25


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_public_call_touches_global_state(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    for public in CALLS:
        if public.name.partition(".")[0] != kind:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made(public.get(), public.given())  # what is loaded on first use is loaded
            arguments, function = public.given(), public.get()
            before = Watched(tuple(STATES))
            made(function, arguments)
            changes = before.changes()
        if is_module(public):  # initial weights come from torch's own generator, as those of torch's modules do
            changes = [one for one in changes if one != "torch's random numbers"]
        assert not changes, public.name
        assert capfd.readouterr() == ("", ""), public.name


def made(function: Callable[..., object], arguments: dict[str, object]) -> None:
    """Make a call, unless an extra or a data set is not here."""
    with contextlib.suppress(ModuleNotFoundError, FileNotFoundError):
        finished(function(**arguments))
