"""Arguments are checked against annotations before a function begins, and refused by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graphseq import SpaceTimeGraph
from graphseq._arguments import annotations, check_fields, checked_arguments, checked_but
from graphseq._checks import shown


@checked_arguments
def plenty(  # noqa: PLR0917
    count: int = 1,
    share: float = 0.5,
    flag: bool = False,
    name: str | None = None,
    x: Tensor | None = None,
    graphs: Sequence[SpaceTimeGraph] = (),
    names: Sequence[str] = (),
    numbers: Sequence[int] = (),
    order: Literal["bfs", "dfs"] = "bfs",
    measure: Callable[[Tensor], float] | None = None,
    options: Mapping[str, int] | None = None,
    shape: tuple[int, int] = (1, 1),
    module: nn.Module | None = None,
    anything: Any = None,
    unknown: "Unimported" = None,  # type: ignore[name-defined]  # noqa: F821, UP037
) -> str:
    """Take an argument of every kind."""
    return "called"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", True, r"count must be an integer, got True \(bool\)"),
        ("count", 1.0, r"count must be an integer, got 1.0 \(float\)"),
        ("share", "0.5", r"share must be a number, got '0.5' \(str\)"),
        ("share", 1j, r"share must be a number, got 1j \(complex\)"),
        ("flag", "no", r"flag must be True or False, got 'no' \(str\)"),
        ("flag", 1, r"flag must be True or False, got 1 \(int\)"),
        ("name", b"abc", "name must be a string, got bytes"),
        ("x", [1.0], "x must be a torch.Tensor, got list; torch.as_tensor makes one"),
        ("x", torch.eye(2).to_sparse(), "x must be a dense tensor, got one of layout torch.sparse_coo"),
        ("graphs", [None], r"graphs\[0\] must be a SpaceTimeGraph, got NoneType; gs.from_graph"),
        ("graphs", 3, "graphs must be a sequence of SpaceTimeGraph objects, got int"),
        ("names", ["a", 3], r"names\[1\] must be a string, got int"),
        ("numbers", {1, 2}, "numbers must be a sequence of numbers, got set"),
        ("numbers", "12", "numbers must be a sequence of numbers, got str"),
        ("order", 3, "order must be one of bfs, dfs; got 3"),
        ("order", None, "order must be one of bfs, dfs; got None"),
        ("measure", 3, "measure must be a function, got int"),
        ("options", [1], "options must be a mapping, got list"),
        ("shape", (1, 2, 3), "shape must be a tuple of 2 entries, got tuple"),
        ("module", nn.Linear, "module must be a torch.nn.Module, got type; Linear is a class, make an object of it"),
    ],
)
def test_an_argument_of_another_type_is_refused_by_name(name: str, value: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        plenty(**{name: value})


def test_by_position_too() -> None:
    with pytest.raises(TypeError, match="share must be a number"):
        plenty(1, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {"count": np.int64(3), "share": 1, "flag": np.True_, "name": None},
        {"x": torch.ones(1), "graphs": [], "names": "abc", "numbers": torch.tensor([1])},
        {"numbers": np.array([1]), "order": "dfs", "measure": len, "options": {}, "shape": [2, 2]},
        {"module": nn.Linear(1, 1), "anything": object(), "unknown": object()},
    ],
)
def test_what_fits_is_taken(given: dict[str, Any]) -> None:
    assert plenty(**given) == "called"


def test_a_choice_that_there_is_not_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="order must be one of bfs, dfs; got 'abc'"):
        plenty(order="abc")  # type: ignore[arg-type]


def test_a_tensor_without_numbers_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="x must hold numbers, but is on the meta device"):
        plenty(x=torch.ones(2, device="meta"))


def test_arguments_left_to_the_function_are_not_checked() -> None:
    @checked_but("value")
    def taken(value: int, other: int) -> int:
        return other

    assert taken("no number", 3) == 3  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="other must be an integer"):
        taken(1, "3")  # type: ignore[arg-type]


def test_fields_of_a_dataclass() -> None:
    record = Record("three")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="steps must be an integer, got 'three'"):
        check_fields(record)


@dataclass(frozen=True)
class Record:
    """A record of one field."""

    steps: int


def test_a_class_refuses_objects_that_cannot_be_used() -> None:
    class Half:
        def check_as_argument(self, name: str) -> None:
            raise ValueError(f"{name} is only half there")

    def take(one: Half) -> None: ...

    take.__globals__["Half"] = Half
    with pytest.raises(ValueError, match="one is only half there"):
        checked_arguments(take)(Half())
    del take.__globals__["Half"]


def test_what_came_is_shown_shortly_and_never_fails() -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(Unprintable()) == "Unprintable"
    assert shown(torch.ones(2, 3)) == "a tensor of shape (2, 3) (float32)"
    assert shown("x" * 1000) == f"'{'x' * 59}… (str)"
    assert shown(10**5000) == "a number of thousands of digits (int)"
    assert shown(int) == "the class int"
    assert shown(None) == "None (NoneType)"


@checked_arguments
def containers(
    path: str | Path = "a",
    names: Collection[str] = (),
    weights: Mapping[str, float] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    *further: int,
    last: str = "",
) -> str:
    """Take what holds something, and what is called."""
    return "called"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"path": "a\0b"}, ValueError, r"path must be the path of a file, but holds a NUL character: 'a\\x00b'"),
        ({"path": "\ud800"}, ValueError, "path must be the path of a file, but holds a character that no file system"),
        ({"path": Path("a\0")}, ValueError, "path must be the path of a file, but holds a NUL"),
        ({"path": ""}, ValueError, "path must be the path of a file or a folder, got ''"),
        ({"names": torch.ones(3)}, TypeError, "names must be a collection of strings, got Tensor"),
        ({"names": {"a", 3}}, TypeError, r"names\[.\] must be a string, got int"),
        ({"weights": {"a": "3"}}, TypeError, r"weights\['a'\] must be a number, got '3' \(str\)"),
        ({"weights": {3: 1.0}}, TypeError, "a key of weights must be a string, got int"),
        ({"loss": lambda output: output}, TypeError, "loss must be a function of 2 arguments, got function: too many"),
        ({"loss": nn.Linear(2, 2)}, TypeError, "loss must be a function of 2 arguments, got Linear: too many"),
    ],
)
def test_what_is_held_and_what_is_called_is_checked(
    given: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        containers(**given)  # type: ignore[arg-type]


def test_arguments_after_any_number_of_others_are_checked_by_name_alone() -> None:
    assert containers("a", (), None, None, 1, 2, 3, last="z") == "called"
    with pytest.raises(TypeError, match="last must be a string, got int"):
        containers("a", (), None, None, 1, last=3)  # type: ignore[arg-type]


def test_a_known_type_is_looked_up_and_no_check_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plenty(2, 0.5, True, "a") == "called"
    monkeypatch.setattr(annotations.Expected, "check", None)
    plan_of_its_own = checked_arguments(plenty.__wrapped__)  # type: ignore[attr-defined]
    assert plan_of_its_own(2, 1, False, None) == "called"


def test_an_argument_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"plenty\(\) has no argument 'graph'; did you mean graphs\?"):
        plenty(graph=())  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"plenty\(\) has no argument 'zzz'$"):
        plenty(zzz=())  # type: ignore[call-arg]

    class Thing:
        @checked_arguments
        def __init__(self, size: int = 1) -> None: ...

    class Named(Thing): ...

    with pytest.raises(TypeError, match=r"Named\(\) has no argument 'sizes'; did you mean size\?"):
        Named(sizes=1)  # type: ignore[call-arg]

    @checked_arguments
    def any_name(**others: int) -> int:
        return len(others)

    assert any_name(sizes=1) == 1
