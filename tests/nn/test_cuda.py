"""On a CUDA device every encoder computes what it computes on the processor, and trains and resumes as there."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from families import FAMILIES, D, Family
from randomgraphs import draw, join, with_x
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph, reach

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
each_dtype = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-4)])


def encoder_of(family: Family, dtype: torch.dtype) -> gs.nn.Encoder:
    torch.manual_seed(0)
    return family.build(D).to(dtype).eval()


def batch(dtype: torch.dtype) -> SpaceTimeGraph:
    graph = join([draw(1), draw(2, nodes=1, times=1), draw(3, nodes=2, times=6), draw(4, directed=True)])
    return with_x(graph, graph.x.to(dtype))


def states_and_gradients(encoder: gs.nn.Encoder, graph: SpaceTimeGraph) -> list[Tensor]:
    graph = with_x(graph, graph.x.clone().requires_grad_())
    states = encoder(graph)
    (states * torch.linspace(-1, 1, states.numel(), device=states.device).view_as(states)).sum().backward()
    weights = [parameter.grad for _, parameter in sorted(encoder.named_parameters()) if parameter.grad is not None]
    return [each.detach().cpu() for each in (states, graph.x.grad, *weights)]


@each_dtype
@each_family
def test_states_and_gradients_are_those_of_the_processor(
    family: Family, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    encoder, graph = encoder_of(family, dtype), batch(dtype)
    expected = states_and_gradients(deepcopy(encoder), graph)
    for found, there in zip(states_and_gradients(encoder.cuda(), graph.to("cuda")), expected, strict=True):
        torch.testing.assert_close(found, there, rtol=tolerance, atol=tolerance)


@each_family
def test_a_graph_on_the_processor_and_a_model_on_the_device_are_refused_by_name(family: Family) -> None:
    model = gs.nn.Model(family.build(D), 2).cuda()
    with pytest.raises((ValueError, RuntimeError), match=r"cuda"):
        model(batch(torch.float32))


@pytest.mark.parametrize("name", ["GCN-3", "LSTM", "GCNLSTM", "MinGRU", "Wave-3", "Forgetting-2-both"])
def test_a_resumed_run_equals_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    task = gs.tasks.Transfer(3)

    def trained(steps: list[int], path: Path) -> tuple[list[float], list[Tensor]]:
        torch.manual_seed(0)
        model = gs.nn.Model(family.build(task.in_channels), task.out_channels)
        for step in steps:
            history = gs.fit(
                model,
                task,
                steps=step,
                batch_size=8,
                optimizer="Adam",
                device="cuda",
                checkpoint_path=path,
                resume=True,
                stop_threshold=None,
            )
        return history.loss, [weight.detach().cpu() for weight in model.parameters()]

    (whole, weights), (pieces, others) = trained([8], tmp_path / "a.pt"), trained([3, 8], tmp_path / "b.pt")
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=1e-6)
    for one, other in zip(weights, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_bfloat16_trains_on_the_device() -> None:
    task = gs.tasks.Transfer(3)
    for encoder in (gs.nn.GCN(10, 16, 3), gs.nn.LSTM(10, 16), gs.nn.GCNLSTM(10, 16)):
        model = gs.nn.Model(encoder, task.out_channels)
        history = gs.fit(model, task, steps=5, batch_size=8, device="cuda", precision="bfloat16")
        assert all(map(torch.tensor(history.loss).isfinite().tolist().__getitem__, range(5)))


def test_diagnostics_on_the_device_equal_those_on_the_processor() -> None:
    task = gs.tasks.Transfer(4)
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCN(task.in_channels, 8, 4), task.out_channels)
    graph, there = (task.batch(2, torch.Generator().manual_seed(0)) for _ in range(2))
    there = there.to("cuda")
    expected, receptive_field = reach.influence(model.double(), graph), model.reach(graph)
    diagnosis = gs.diagnose(model.float(), task)
    model.cuda()
    assert gs.diagnose(model, task).finding == diagnosis.finding
    torch.testing.assert_close(reach.influence(model.double(), there).cpu(), expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(model.reach(there).cpu(), receptive_field)
    assert gs.evaluate(model.float(), task, samples=20, device="cuda").samples == 20


def test_a_forecast_and_its_predictions_on_the_device() -> None:
    signal = gs.from_signal(torch.randn(30, 4, 1), torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]))
    split = gs.tasks.Forecasting(signal, lags=3).split(0.6, 0.2)
    model = gs.nn.Model(gs.nn.GCNLSTM(1, 8), 1)
    gs.fit(model, split.train, steps=3, batch_size=4, device="cuda", stop_threshold=None)
    there = gs.predict(model, split.test, device="cuda").output
    torch.testing.assert_close(there.cpu(), gs.predict(model.cpu(), split.test).output.cpu(), rtol=1e-3, atol=1e-3)


def test_an_ensemble_trains_on_the_device() -> None:
    task = gs.tasks.Transfer(2)
    models = [gs.nn.Model(gs.nn.GCN(task.in_channels, 8, 2), task.out_channels) for _ in range(2)]
    histories = gs.fit_ensemble(models, task, seeds=range(2), steps=3, batch_size=4, device="cuda", stop_threshold=None)
    assert [history.steps for history in histories] == [3, 3]
