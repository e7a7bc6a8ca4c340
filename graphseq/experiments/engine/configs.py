"""Configurations of runs: plain data, spelled in one way, and the grids that they make."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import product
from typing import TypeAlias

import numpy as np
from torch import Tensor

from graphseq import _checks

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
Config: TypeAlias = dict[str, Plain]
Cases: TypeAlias = Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]]


def spell(config: Mapping[str, object]) -> str:
    """Return a configuration as JSON in one spelling, whatever the order of its keys.

    A number is what it is written as: 1 and 1.0 are two spellings.

    Example:
        >>> spell({"seed": 0, "lr": 0.1}) == spell({"lr": 0.1, "seed": 0})
        True
    """
    return json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(config: Mapping[str, object]) -> str:
    """Return the SHA-256 of a configuration's spelling, 64 hexadecimal digits."""
    return sha256(spell(config).encode()).hexdigest()


def plain(name: str, value: object) -> Plain:
    """Return ``value`` as JSON gives it back, tuples as lists, or say where it is not plain data.

    Raises:
        TypeError: something in it is not None, a truth value, a number, a text, a list, or a mapping from texts.
        ValueError: a number is not finite.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}; numbers of a configuration must be finite")
        return float(value)
    if isinstance(value, list | tuple):
        return [plain(f"{name}[{index}]", part) for index, part in enumerate(value)]
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise TypeError(f"{name} has the key {wrong!r} ({type(wrong).__name__}); keys must be texts")
        return {key: plain(f"{name}[{key!r}]", part) for key, part in value.items()}
    raise TypeError(
        f"{name} must be plain data (None, bool, int, float, str, list, dict), got {type(value).__name__}; name what "
        "is meant by a number or a text, and make it in the run"
    )


def expand(cases: Cases) -> dict[str, Config]:
    """Return the configurations of ``cases`` by key: the product of the axes, the last the fastest, or in their order.

    Raises:
        TypeError, ValueError: not plain data; an axis that is one text, or empty; a configuration that comes twice.

    Example:
        >>> list(expand({"model": ["RNN", "LSTM"], "seed": range(2)}).values())[:2]
        [{'model': 'RNN', 'seed': 0}, {'model': 'RNN', 'seed': 1}]
    """
    configs: dict[str, Config] = {}
    for index, case in enumerate(_product(cases) if isinstance(cases, Mapping) else _each(cases)):
        config = plain("cases" if isinstance(cases, Mapping) else f"cases[{index}]", case)
        if not isinstance(config, dict):
            came = _checks.shown(case)
            raise TypeError(f"cases[{index}] must be a mapping from names of arguments to values, got {came}")
        key = key_of(config)
        if key in configs:
            raise ValueError(f"cases holds {spell(config)} twice; a configuration is run once")
        configs[key] = config
    return configs


def fit_into(run: Callable[..., object], configs: Iterable[Config]) -> None:
    """Refuse configurations that ``run`` has no arguments for, before any of them is run.

    Raises:
        TypeError: ``run`` is no function, or one of them lacks an argument or has one too many.
    """
    if not callable(run):
        raise TypeError(f"run must be a function of a configuration, got {type(run).__name__}")
    try:
        signature = inspect.signature(run)
    except ValueError:  # some functions written in C do not tell
        return
    for config in configs:
        try:
            signature.bind(**config)
        except TypeError as error:
            raise TypeError(f"run cannot be called with {spell(config)}: {error}") from None


def defaults_of(run: Callable[..., object]) -> Config:
    """Return the plain defaults of a function's arguments, as a configuration that does not name them stands for.

    Example:
        >>> def train(length, lr=0.1): ...
        >>> defaults_of(train)
        {'lr': 0.1}
    """
    try:
        parameters = inspect.signature(run).parameters.values()
    except ValueError:  # some functions written in C have none
        return {}
    defaults: Config = {}
    for parameter in parameters:
        try:
            if parameter.default is not parameter.empty:
                defaults[parameter.name] = plain(parameter.name, parameter.default)
        except (TypeError, ValueError):  # an object, which no configuration can name
            continue
    return defaults


def _product(axes: Mapping[str, Sequence[object]]) -> Iterable[dict[str, object]]:
    for name, values in axes.items():
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise TypeError(f"cases[{name!r}] must be a sequence of values, got {values!r}; put one value into a list")
    lists = {name: list(values) for name, values in axes.items()}
    for name, values in lists.items():
        if not values:
            raise ValueError(f"cases[{name!r}] is empty; an axis of a grid holds a value or more")
    return (dict(zip(lists, values, strict=True)) for values in product(*lists.values()))


def _each(cases: Sequence[Mapping[str, object]]) -> Iterable[Mapping[str, object]]:
    if isinstance(cases, str | bytes | Tensor | np.ndarray) or not isinstance(cases, Iterable):
        raise TypeError(f"cases must be axes by name, or a sequence of configurations, got {type(cases).__name__}")
    return cases
