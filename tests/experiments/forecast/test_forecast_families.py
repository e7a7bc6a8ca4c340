"""The families: what a name stands for, and that a planted neighbourhood is found."""

from __future__ import annotations

from dataclasses import replace

import planted
import pytest
import torch
from torch_geometric.nn import SAGEConv

import graphseq as gs
from graphseq.baselines.forecast import Autoregression, GraphAutoregression
from graphseq.evaluation.predict import predict
from graphseq.experiments.forecast import models
from graphseq.experiments.forecast.data import Prepared, prepare
from graphseq.experiments.forecast.run import bound, errors, in_units
from graphseq.experiments.forecast.settings import FAMILIES, Settings
from graphseq.nn import WeightedSAGE

SETTINGS = Settings(
    *("", None, None, "refuse", FAMILIES, 1, (1,), 1, 0.8, 0.2, None, "file", 4, 5, 5, 4, 0.01, 0.0, False, 0.0, (0,))
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    file = planted.write_json(tmp_path_factory.mktemp("planted") / "ring.json", planted.signal(3000))
    return replace(SETTINGS, file=str(file))


@pytest.fixture(scope="module")
def prepared(settings: Settings) -> Prepared:
    return prepare(settings)


def mse(name: str, prepared: Prepared) -> float:
    return errors(in_units(prepared, predict(models.fitted(name, prepared.split.whole), prepared.split.test)))[0][0]


def test_a_graph_autoregression_finds_the_planted_coefficients(prepared: Prepared) -> None:
    model = models.fitted("graph autoregression", prepared.split.whole)
    assert isinstance(model, GraphAutoregression)
    assert model.weight[:2, 0].tolist() == pytest.approx([planted.OWN, planted.NEIGHBOURS], abs=0.03)
    assert mse("graph autoregression", prepared) == pytest.approx(planted.NOISE**2, rel=0.06)


def test_what_reads_neighbours_beats_what_does_not(prepared: Prepared) -> None:
    assert mse("graph autoregression", prepared) < 0.85 * mse("autoregression", prepared) < 0.85 * mse("mean", prepared)


def test_no_fitted_baseline_is_below_the_bound_of_its_kind(settings: Settings, prepared: Prepared) -> None:
    (found,), test = bound(settings), prepared.split.test
    assert found.answers == 5 * len(test)
    assert found.linear <= mse("autoregression", prepared)
    assert found.linear_graph <= mse("graph autoregression", prepared)
    y = test.windows(torch.arange(len(test))).y.double()
    assert found.variance == pytest.approx(float(((y - y.mean()) ** 2).mean()))
    assert isinstance(models.fitted("autoregression", test), Autoregression)


def test_the_mean_is_that_of_all_that_comes_before_the_test(prepared: Prepared) -> None:
    output = models.fitted("mean", prepared.split.whole)(prepared.split.test.windows(torch.tensor([0])))
    x = prepared.data.graph.x[: (prepared.split.test.first) * 5]
    assert output.flatten().tolist() == pytest.approx([float(x[5:].mean())] * 5)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_reads_the_oldest_row_of_its_node(name: str, prepared: Prepared) -> None:
    settings = replace(SETTINGS, lags=3)
    task = gs.tasks.Forecasting(prepared.data.graph, lags=3)
    graph, slopes = task.windows(torch.tensor([0])), []
    graph.x = graph.x.double().requires_grad_()
    for seed in range(8):  # of a few units, all may be dead for some weights
        torch.manual_seed(seed)
        model = models.trained(name, task, settings).double()
        (slope,) = torch.autograd.grad(model(graph)[0, 0], graph.x)
        slopes.append(float(slope[0].abs().sum()))
    assert max(slopes) > 0


@pytest.mark.parametrize(
    ("name", "sees"),
    [("LSTM", False), ("GRU", False), ("GCN-LSTM-state", True), ("GCN-LSTM", True), ("DAG-LSTM", True)],
)
def test_who_sees_a_neighbour(name: str, sees: bool, prepared: Prepared) -> None:
    task = gs.tasks.Forecasting(prepared.data.graph, lags=2)
    model, graph = models.trained(name, task, SETTINGS), task.windows(torch.tensor([0]))
    graph.x = graph.x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(graph)[0, 0], graph.x)
    assert (float(slope[1].abs().sum()) > 0) is sees, "row 1 is node 1, the neighbour of node 0, a time before"


def test_without_weights_it_is_pygs_sageconv() -> None:
    ours, pygs = WeightedSAGE(3, 4), SAGEConv(3, 4)
    weights = ours.state_dict()
    of = {"lin_l.weight": "lin_rel.weight", "lin_l.bias": "lin_rel.bias", "lin_r.weight": "lin_root.weight"}
    pygs.load_state_dict({name: weights[mine] for name, mine in of.items()})
    x, index = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor(planted.ring(5)).t()[:, :7]
    torch.testing.assert_close(ours(x, index), pygs(x, index))


def test_a_weighted_mean_by_hand() -> None:
    conv = WeightedSAGE(1, 1)
    with torch.no_grad():
        conv.lin_rel.weight.fill_(1.0)
        conv.lin_rel.bias.fill_(0.0)
        conv.lin_root.weight.fill_(10.0)
    x, index = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0, 1], [2, 2]])
    assert conv(x, index, torch.tensor([3.0, 1.0])).flatten().tolist() == pytest.approx([10.0, 20.0, 41.25])
