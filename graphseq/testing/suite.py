"""Suites of checks, and assertions that say in a sentence what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from graphseq._arguments import checked_arguments


class Named(Protocol):
    """Anything that can be checked: it has a name by which a message calls it."""

    @property
    def name(self) -> str:
        """The name."""


Subject = TypeVar("Subject", bound=Named)


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One fact that every subject must satisfy.

    Kept by a :class:`graphseq.testing.Suite`.

    Attributes:
        name: its name, with its parameters in brackets: ``every_parameter_gets_a_gradient[mean]``.
        function: its name without parameters.
        run: called with a subject; raises ``AssertionError`` where the fact does not hold.
        applies: called with a subject; whether the fact is expected of it.
    """

    name: str
    function: str
    run: Callable[[Subject], None]
    applies: Callable[[Subject], bool]


class Suite(Generic[Subject]):
    """Checks of one kind of subject, in the order of their definition.

    Run by :func:`graphseq.testing.check_encoder`.
    """

    def __init__(self) -> None:
        self.checks: list[Check[Subject]] = []

    @checked_arguments
    def check(
        self,
        choices: Mapping[str, Mapping[str, object]] | None = None,
        applies: Callable[[Subject], bool] = lambda _: True,
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Add the decorated function to the suite, once for each combination of ``choices``.

        Args:
            choices: by parameter, its values by the names that they have in the name of the check.
            applies: whether the fact is expected of a subject.
        """
        choices = choices or {}

        def add(function: Callable[..., None]) -> Callable[..., None]:
            for labels in product(*choices.values()):
                chosen = {name: choices[name][label] for name, label in zip(choices, labels, strict=True)}
                name = function.__name__ + (f"[{'-'.join(labels)}]" if labels else "")
                self.checks.append(Check(name, function.__name__, partial(function, **chosen), applies))
            return function

        return add

    @checked_arguments
    def run(self, subject: Subject, exclude: Collection[str]) -> None:
        """Run all checks that apply to ``subject``, but for those named in ``exclude``, up to the first that fails.

        Raises:
            AssertionError: a check failed; the message names the subject, what was expected, and the check.
            ValueError: a name in ``exclude`` that is none of the checks.
        """
        exclude = list(exclude)
        names = {name for check in self.checks for name in (check.name, check.function)}
        if unknown := [name for name in exclude if name not in names]:
            raise ValueError(f"exclude holds {unknown[0]!r}, which is no check; checks are {sorted(names)}")
        for check in self.checks:
            if check.name in exclude or check.function in exclude or not check.applies(subject):
                continue
            try:
                check.run(subject)
            except AssertionError as failure:
                raise AssertionError(
                    f"{subject.name} {failure} (check {check.name}; to leave it out: exclude=[{check.function!r}])"
                ) from failure
            except Exception as error:
                error.add_note(f"{subject.name} raised this in the check {check.name} of graphseq.testing")
                raise


def require(condition: bool, sentence: str) -> None:
    """Raise an ``AssertionError`` with ``sentence`` unless ``condition`` holds."""
    if not condition:
        raise AssertionError(sentence)


def require_close(actual: Tensor, expected: Tensor, sentence: str, *, rtol: float = 0.0, atol: float = 1e-12) -> None:
    """Raise an ``AssertionError`` with ``sentence`` unless two tensors agree in shape, dtype and values."""

    def message(details: str) -> str:
        return f"{sentence}; " + " ".join(details.split())

    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol, msg=message)


def require_error(kind: type[Exception], pattern: str, call: Callable[[], object], sentence: str) -> None:
    """Raise an ``AssertionError`` with ``sentence`` unless ``call`` raises a ``kind`` whose message has ``pattern``."""
    try:
        call()
    except kind as error:
        require(re.search(pattern, str(error)) is not None, f"{sentence}; the message was {str(error)!r}")
    except Exception as error:
        raise AssertionError(f"{sentence}; it raised {type(error).__name__}: {error}") from error
    else:
        raise AssertionError(f"{sentence}; nothing was raised")
