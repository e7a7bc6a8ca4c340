"""A published score of forecasts, (N, 1) against (N,), under which a perfect forecast is worse than a constant.

The comparison trains and tests ten models on five recordings with that difference, which torch broadcasts to (N, N).
Its best scores are .985, .975, .419, .538 and .508; a perfect forecast would have the scores below.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from graphseq.evaluation import mse

Values = NDArray[np.float64]


def standardised(values: Values) -> Values:
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def in_order(content: dict[str, dict[str, list[float]]]) -> Values:
    return np.array([content[key]["y"] for key in sorted((key for key in content if key.isdigit()), key=int)])


READ: dict[str, Callable[[dict], Values]] = {
    "chickenpox": lambda content: np.array(content["FX"])[8:],
    "montevideo_bus": lambda content: standardised(np.array([node["y"] for node in content["nodes"]], float).T)[4:],
    "twitter_tennis_rg17": lambda content: np.log1p(in_order(content)),
    "twitter_tennis_uo17": lambda content: np.log1p(in_order(content)),
    "england_covid": lambda content: standardised(np.array(content["y"], float))[8:],
}
"""The answers as the published loaders prepare them: T × N, after the lags of their windows."""


@pytest.mark.parametrize(
    ("name", "perfect", "constant"),
    [
        ("chickenpox", 1.685, 1.039),
        ("montevideo_bus", 1.803, 1.005),
        ("twitter_tennis_rg17", 0.794, 0.414),
        ("twitter_tennis_uo17", 1.046, 0.532),
        ("england_covid", 0.792, 1.355),
    ],
)
def test_a_perfect_forecast_has_a_score_far_above_zero(name: str, perfect: float, constant: float) -> None:
    if "GRAPHSEQ_DATA" not in os.environ:
        pytest.skip("GRAPHSEQ_DATA names no folder with data")
    path = Path(os.environ["GRAPHSEQ_DATA"]) / "graphs" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"there is no {path.name} in GRAPHSEQ_DATA")
    y = torch.from_numpy(READ[name](json.loads(path.read_text())))
    before, test = y.split([int(0.8 * len(y)), len(y) - int(0.8 * len(y))])
    scores = [(answers[:, None] - answers).square().mean() for answers in test]
    assert float(torch.stack(scores).mean()) == pytest.approx(perfect, abs=6e-4)
    # Twice the variance within a time, which says nothing of the forecast.
    assert torch.stack(scores).mean() == pytest.approx(2 * float(test.var(dim=1, correction=0).mean()))
    assert float((test - before.mean()).square().mean()) == pytest.approx(constant, abs=6e-4)
    with pytest.raises(ValueError, match="shape"):
        mse(test[0][:, None], test[0])
