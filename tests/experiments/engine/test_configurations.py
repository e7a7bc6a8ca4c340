"""Configurations: one spelling whatever the order, nothing but plain data, grids in order, none twice."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphseq.experiments.engine.configs import expand, fit_into, key_of, plain, spell

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
configs = st.dictionaries(st.text(max_size=5), values, max_size=4)


def turned(value: Any) -> Any:
    """The same with the keys of all mappings in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(each) for each in value] if isinstance(value, list) else value


def typed(value: Any) -> Any:
    """With types beside the values, so that 1, 1.0 and True, and 0.0 and -0.0, are told apart."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return (type(value), value.hex() if isinstance(value, float) else value)


@given(configs)
def test_the_order_of_keys_changes_nothing(config: dict[str, Any]) -> None:
    assert key_of(turned(config)) == key_of(config)


@given(configs, configs)
def test_two_configurations_have_one_key_only_if_they_are_one(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (key_of(one) == key_of(other)) is (typed(one) == typed(other))


@given(configs)
def test_plain_data_stays_as_it_is(config: dict[str, Any]) -> None:
    assert typed(plain("cases", config)) == typed(config)


def test_a_key_is_the_hash_of_the_one_spelling() -> None:
    assert spell({"seed": 0, "lr": 0.001, "depths": (1, 2)}) == '{"depths":[1,2],"lr":0.001,"seed":0}'
    assert key_of({"seed": 0}) == sha256(b'{"seed":0}').hexdigest()


def test_axes_give_their_product_the_last_the_fastest() -> None:
    axes = {"model": ["RNN", "LSTM"], "length": range(3), "seed": (0,)}
    found = expand(axes)
    assert [tuple(config.values()) for config in found.values()] == list(product(*axes.values()))
    assert [key_of(config) for config in found.values()] == list(found)
    assert found == expand([dict(zip(axes, each, strict=True)) for each in product(*axes.values())])


def test_no_case_is_no_configuration() -> None:
    assert expand([]) == {}


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([{"lr": float("nan")}], r"cases\[0\]\['lr'\] is nan; numbers of a configuration must be finite"),
        ({"lr": [0.1, float("inf")]}, r"cases\['lr'\] is inf"),
        ([{"a": 1}, {"a": [torch.zeros(1)]}], r"cases\[1\]\['a'\]\[0\] must be plain data .*, got Tensor"),
        ([{"a": {1: 2}}], r"cases\[0\]\['a'\] has the key 1 \(int\); keys must be texts"),
        ([3], r"cases\[0\] must be a mapping"),
        ("LSTM", "cases must be axes by name, or a sequence"),
        (3, "cases must be axes by name, or a sequence"),
        ({"model": "LSTM"}, r"cases\['model'\] must be a sequence of values, got 'LSTM'"),
        ({"seed": 3}, r"cases\['seed'\] must be a sequence of values, got 3"),
        ({"seed": []}, r"cases\['seed'\] is empty"),
        ({"seed": [1, 0, 1]}, r'cases holds {"seed":1} twice'),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], r'cases holds {"a":1,"b":2} twice'),
    ],
)
def test_what_is_no_grid_is_refused(cases: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        expand(cases)


def test_configurations_that_a_function_does_not_take_are_refused() -> None:
    def run(length: int, *, seed: int) -> dict[str, object]:
        return {"length": length, "seed": seed}

    fit_into(run, [{"length": 1, "seed": 0}])
    fit_into(partial(run, seed=0), [{"length": 1}])
    with pytest.raises(TypeError, match=r'cannot be called with {"length":1}: missing a required argument: \'seed\''):
        fit_into(run, [{"length": 1, "seed": 0}, {"length": 1}])
    with pytest.raises(TypeError, match="unexpected keyword argument 'depth'"):
        fit_into(run, [{"length": 1, "seed": 0, "depth": 2}])
    with pytest.raises(TypeError, match="run must be a function of a configuration, got int"):
        fit_into(3, [])  # type: ignore[arg-type]
