"""Linear forecasts: what generated a series is found again, and the numbers that are known of real data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from randomgraphs import draw
from torch import Tensor

import graphseq as gs
from graphseq.baselines import forecast as forecasters
from graphseq.baselines.constant import Constant
from graphseq.baselines.forecast import Autoregression, Frequency, GraphAutoregression, Persistence, Recency
from graphseq.evaluation.metrics import average_precision
from graphseq.tasks import Forecasting, LinkPrediction, Split


def generated(own: list[float], neighbour: list[float], bias: float, edges: Tensor, steps: int = 60) -> Tensor:
    """x_t = b + Σ_k own_k x_(t-1-k) + neighbour_k x̄_(t-1-k), from a random beginning; means over in-neighbours."""
    g = torch.Generator().manual_seed(0)
    x = [torch.randn(4, generator=g, dtype=torch.float64) for _ in own]
    mean = torch.zeros(4, 4, dtype=torch.float64)
    mean[edges[1], edges[0]] = 1
    mean = mean / mean.sum(1, keepdim=True).clamp(min=1)
    while len(x) < steps:
        past = [x[-1 - k] for k in range(len(own))]
        x.append(bias + sum(a * p + b * (mean @ p) for a, b, p in zip(own, neighbour, past, strict=True)))
    return torch.stack(x)[..., None]


RING = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])


def test_an_autoregression_is_found_again() -> None:
    graph = gs.from_signal(generated([0.5, -0.8], [0.0, 0.0], 0.3, RING), RING)
    model = Autoregression.fit(Forecasting(graph, lags=2))
    torch.testing.assert_close(
        model.weight[:, 0], torch.tensor([0.5, 0, -0.8, 0], dtype=torch.float64), rtol=0, atol=1e-9
    )
    torch.testing.assert_close(model.bias, torch.tensor([0.3], dtype=torch.float64), rtol=0, atol=1e-9)


def test_a_network_autoregression_is_found_again_and_the_own_past_is_not_enough() -> None:
    graph = gs.from_signal(generated([0.5, -0.6], [0.3, -0.2], 0.1, RING), RING)
    task = Forecasting(graph, lags=2)
    model, own = GraphAutoregression.fit(task), Autoregression.fit(task)
    expected = torch.tensor([0.5, 0.3, 0, 0, -0.6, -0.2, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(model.weight[:, 0], expected, rtol=0, atol=1e-8)
    graph = task.windows(torch.arange(len(task)))
    assert task.loss(model(graph), graph.y) < 1e-15
    assert task.loss(own(graph), graph.y) > 1e-5


def past_by_hand(graph: gs.SpaceTimeGraph, lags: int, neighbours: bool) -> Tensor:
    """What is shown of each asked row's past, from dictionaries."""
    times = sorted(set(graph.time.tolist()))
    rows = {
        (n, times.index(t)): r for r, (n, t) in enumerate(zip(graph.node.tolist(), graph.time.tolist(), strict=True))
    }
    spatial = graph.topology.spatial
    edges = list(zip(*spatial.edge_index.tolist(), spatial.edge_weight.tolist(), strict=True))
    out = []
    for row in graph.target_rows.tolist():
        shown = []
        for k in range(lags):
            at = rows.get((graph.node[row].item(), times.index(graph.time[row].item()) - k))
            width = 2 * (1 + neighbours)
            if at is None:
                shown += [0.0] * (width + neighbours) + [1.0]
                continue
            shown += graph.x[at].tolist()
            if neighbours:
                told = [(w, graph.x[u]) for u, v, w in edges if v == at]
                total = sum(w for w, _ in told)
                shown += (sum(w * x for w, x in told) / total).tolist() if told else [0.0, 0.0]
                shown += [0.0 if told else 1.0]
            shown += [0.0]
        out.append(shown)
    return torch.tensor(out, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [Autoregression, GraphAutoregression])
def test_a_forecast_is_its_equation_where_nodes_come_and_go(kind: type[Autoregression], seed: int) -> None:
    graph, lags = draw(seed, times=6, directed=True, weighted=True), 3
    shown = past_by_hand(graph, lags, kind is GraphAutoregression)
    g = torch.Generator().manual_seed(seed)
    weight, bias = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((shown.shape[1], 2), (2,)))
    out = kind(weight, bias, lags=lags)(graph)
    torch.testing.assert_close(out, shown @ weight + bias, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [Autoregression, GraphAutoregression])
@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_a_long_recording_is_fitted_part_by_part_to_the_same_weights(
    kind: type[Autoregression], ridge: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(80, 4, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    task = Forecasting(gs.from_signal(x, RING), lags=3, channels=2)
    whole = kind.fit(task, ridge=ridge)
    monkeypatch.setattr(forecasters, "_MOST", 0)
    monkeypatch.setattr(forecasters, "BATCH", 7)
    torch.testing.assert_close(kind.fit(task, ridge=ridge).state_dict(), whole.state_dict())


def test_a_ridge_shrinks_as_the_closed_form_says() -> None:
    """One lag of one node: w = Σ x y / (Σ x² + λ), all less their means."""
    values = torch.tensor([1.0, 3.0, 2.0, 5.0, 4.0, 6.0], dtype=torch.float64)
    task = Forecasting(gs.from_sequence(values[:, None]), lags=1)
    x, y = values[:-1] - values[:-1].mean(), values[1:] - values[1:].mean()
    for ridge in (0.0, 2.5):
        model = Autoregression.fit(task, ridge=ridge)
        torch.testing.assert_close(model.weight[0, 0], (x @ y) / (x @ x + ridge), rtol=0, atol=1e-12)
        assert float(model.bias[0] + model.weight[0, 0] * values[:-1].mean()) == pytest.approx(values[1:].mean().item())


def test_what_absence_tells_has_a_weight_of_its_own() -> None:
    """x_2 = x_1 / 2 + x_0 / 4, and where a node was away at time 0, as every second was, x_1 / 2 + 3."""
    x = torch.randn(2, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    away = torch.arange(12) % 2 == 0
    x = torch.cat([x, (x[1] / 2 + torch.where(away, 3, x[0] / 4))[None]])
    there = torch.stack([~away, away | True, away | True])
    time, node = there.nonzero().t()
    model = Autoregression.fit(Forecasting(gs.SpaceTimeGraph(x[there][:, None], node, time), lags=2))
    expected = torch.tensor([0.5, 0, 0.25, 3], dtype=torch.float64)
    torch.testing.assert_close(model.weight[:, 0], expected, rtol=0, atol=1e-12)


def test_persistence_is_the_last_value() -> None:
    graph = draw(0)
    graph.target = torch.arange(graph.num_nodes) % 2 == 0
    assert torch.equal(Persistence(2)(graph), graph.x[::2])
    with pytest.raises(ValueError, match="channels=3, but x has shape"):
        Persistence(3)(graph)


def test_who_met_last_and_who_met_most_put_pairs_in_order() -> None:
    """0 wrote thrice to 1 long ago, and once to 2 just now; it writes to 2 again."""
    table = torch.tensor([[0, 1, 0], [0, 1, 0], [0, 1, 0], [1, 0, 1], [0, 2, 2], [0, 2, 3]]).float()
    task = LinkPrediction(gs.from_events(table, window=1), lags=1)
    graph = task.windows(torch.tensor([len(task) - 1]))
    assert (graph.edge_label_index.tolist(), graph.y.tolist()) == ([[0, 0], [2, 1]], [1, 0])
    recency, frequency = gs.predict(Recency(), task).output[-2:], gs.predict(Frequency(), task).output[-2:]
    torch.testing.assert_close(recency, torch.tensor([[0, 1], [0, 1 / 3]]))
    torch.testing.assert_close(frequency, torch.tensor([[0.0, 2.0], [0.0, 4.0]]).log().nan_to_num(neginf=0))
    assert average_precision(recency[:, 1], graph.y) == 1.0
    assert average_precision(frequency[:, 1], graph.y) == 0.5


def test_what_does_not_fit_is_named() -> None:
    task = Forecasting(gs.from_sequence(torch.randn(9, 2)), lags=2)
    model = Autoregression.fit(task)
    with pytest.raises(ValueError, match="fitted to 6 numbers an asked row, but this graph has 4"):
        model(gs.from_sequence(torch.zeros(3, 1)))
    with pytest.raises(ValueError, match=r"weight must have shape \(lags·P, C\)"):
        Autoregression(torch.zeros(3, 1), torch.zeros(1), lags=2)
    with pytest.raises(ValueError, match="ridge must be a finite number above 0"):
        Autoregression.fit(task, ridge=-1)
    with pytest.raises(TypeError, match=r"task must be a graphseq.tasks.Forecasting, got Adding"):
        Autoregression.fit(gs.tasks.Adding(5))  # type: ignore[arg-type]
    graph = gs.SpaceTimeGraph(
        torch.zeros(2, 1), torch.arange(2), torch.zeros(2).long(), torch.tensor([[0], [1]]), torch.tensor([-1.0])
    )
    with pytest.raises(ValueError, match=r"edge_weight\[0\] is -1"):
        GraphAutoregression(torch.zeros(4, 1), torch.zeros(1), lags=1)(graph)


@pytest.fixture(scope="module")
def chickenpox() -> Split[Forecasting]:
    """Weekly cases in 20 counties of Hungary, standardised: a fifth of 517 windows to fit to, the rest to judge by."""
    if "GRAPHSEQ_DATA" not in os.environ:
        pytest.skip("GRAPHSEQ_DATA names no folder with the recordings")
    path = Path(os.environ["GRAPHSEQ_DATA"]) / "graphs" / "chickenpox.json"
    if not path.exists():
        pytest.skip(f"there is no {path.name} in GRAPHSEQ_DATA")
    read = json.loads(path.read_text())
    graph = gs.from_signal(torch.tensor(read["FX"])[..., None], torch.tensor(read["edges"]).t())
    return Forecasting(graph, lags=4).split(train=0.2)


@pytest.mark.parametrize("kind", [Autoregression, GraphAutoregression])
def test_columns_that_follow_from_each_other_up_to_rounding_do_no_harm(kind: type[Autoregression]) -> None:
    """The phases of a season at several lags span two dimensions, and float32 adds noise in the others."""
    noise = torch.randn(60, 4, 1, generator=torch.Generator().manual_seed(0))
    plain = gs.from_signal(noise, torch.tensor([[0, 1, 2], [1, 2, 3]]))
    tasks = [Forecasting(graph, lags=4) for graph in (plain, gs.add_seasonal_features(plain, 24))]
    fits = [kind.fit(task) for task in tasks]
    errors = []
    for fit, task in zip(fits, tasks, strict=True):
        found = gs.predict(fit, task)
        errors.append(float((found.output - found.y).double().square().mean()))
    assert errors[1] < errors[0], "what is fitted to more features is nearer to what it is fitted to"
    assert float(fits[1].weight.abs().max()) < 10


def test_chickenpox_has_as_many_windows_as_are_known(chickenpox: Split[Forecasting]) -> None:
    assert [len(part) for part in chickenpox] == [83, 20, 414]
    assert len(chickenpox.whole) == 103
    assert len(chickenpox.test.windows(torch.arange(414)).y) == 414 * 20


@pytest.mark.parametrize(
    ("make", "known"),
    [
        (lambda _: Constant(torch.zeros(1)), 1.0069),
        (lambda split: Autoregression.fit(split.whole), 0.7044),
        (lambda split: GraphAutoregression.fit(split.whole), 0.6997),
    ],
    ids=["zero", "own past", "own and neighbours' past"],
)
def test_chickenpox_errors_are_those_that_are_known(
    chickenpox: Split[Forecasting], make: Callable[[Split[Forecasting]], torch.nn.Module], known: float
) -> None:
    result = gs.predict(make(chickenpox), chickenpox.test)
    assert float(((result.output - result.y).double() ** 2).mean()) == pytest.approx(known, abs=5e-5)
