"""The benchmark of the min-plus model: what its ablations are, and where the wave over depth is."""

from __future__ import annotations

import math

import networkx as nx
import pytest
import torch
from scripts import ROOT, load

import graphseq as gs


@pytest.fixture(autouse=True)
def beside_its_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it is run by its path."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def path(rows: int) -> gs.SpaceTimeGraph:
    x = torch.rand(rows, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return gs.from_graph(nx.path_graph(rows), x=x)


def test_a_fixed_depth_is_the_model_where_it_is_enough_and_only_there() -> None:
    script = load(ROOT / "benchmarks" / "longrange_ablations.py")
    limited = script.ablated(script.FixedDepth)(2, 8, 1).double()
    whole = gs.nn.MinPlusGCN(2, 8, 1, mean=False).double()
    whole.load_state_dict(limited.state_dict())
    torch.testing.assert_close(limited(path(17)), whole(path(17)), rtol=0, atol=1e-10)
    assert (limited(path(40)) - whole(path(40))).abs().max().item() > 1e-3


def test_equal_costs_at_each_step_are_one_cost_for_all() -> None:
    script = load(ROOT / "benchmarks" / "longrange_ablations.py")
    own = script.ablated(script.OwnCosts)(2, 8, 1).double()
    whole = gs.nn.MinPlusGCN(2, 8, 1, mean=False).double()
    with torch.no_grad():
        own.blocks[0].log_cost.copy_(whole.blocks[0].log_cost.expand_as(own.blocks[0].log_cost))
    state = own.state_dict() | {"blocks.0.log_cost": whole.blocks[0].log_cost}
    whole.load_state_dict(state)
    torch.testing.assert_close(own(path(40)), whole(path(40)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["mean, no minimum", "GRU over depth"])
def test_the_others_see_forty_hops(name: str) -> None:
    script = load(ROOT / "benchmarks" / "longrange_model.py")
    graph = path(60)
    x = graph.x.clone().requires_grad_()
    out = script.MODELS[name](2, 8, 1).double()(graph.replace(x=x))
    (slope,) = torch.autograd.grad(out[0].sum(), x)
    assert bool((slope[:41].abs().sum(1) > 0).all())


def test_a_pulse_is_where_the_group_velocity_says() -> None:
    script = load(ROOT / "benchmarks" / "longrange_waves.py")
    assert script.front(0, 3.0) == script.LAYERS
    assert float(script.velocities(0, 3.0).max()) == pytest.approx(1, abs=1e-3)
    assert float(script.velocities(0, 2.0).max()) == pytest.approx(math.sqrt(2 / 3), abs=1e-4)
    for legs in (1, 2):  # the front is the long side of an Airy function, a few rows ahead
        ahead = script.front(legs, 2.0) - script.LAYERS * float(script.velocities(legs, 2.0).max())
        assert 0 < ahead < 5


def test_the_quick_form_of_attention_along_paths_is_the_model() -> None:
    script = load(ROOT / "benchmarks" / "longrange_match.py")
    task = gs.tasks.NeighborsMatch(3)
    model = gs.nn.Model(gs.nn.PathAttention(task.in_channels, 16), task.out_channels).double()
    graph = task.batch(5, torch.Generator().manual_seed(0))
    x = graph.x.double()
    rows = x.view(5, 15, 16)
    query, keys, values = rows[:, 0, :8].argmax(1), rows[:, 7:, :8].argmax(2), rows[:, 7:, 8:].argmax(2)
    quick = script.root_outputs(model, query, keys, values)
    torch.testing.assert_close(quick, model(graph.replace(x=x)), rtol=0, atol=1e-12)
