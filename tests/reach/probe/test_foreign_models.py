"""Models as others write them, against the whole Jacobian: influence, profiles by hop, ranges and receptive fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from models import batch, graph
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch_geometric.data import Data

from graphseq.reach import Probe

F64 = torch.float64


@dataclass
class Case:
    """A model, its data, itself as a function of x, and what a probe must be told."""

    model: Callable[..., Any]
    data: Data | Tensor
    call: Callable[[Tensor], Tensor]
    told: dict[str, Any] = field(default_factory=dict)


def plain(nodes: int = 9, edges: int = 18) -> Data:
    data = graph(nodes, edges, 1)
    del data.edge_weight, data.edge_attr
    return data


def joined() -> Data:
    data = batch()
    del data.edge_weight, data.edge_attr
    return data


def u_net() -> Case:
    model, data = pyg.GraphUNet(3, 8, 4, depth=2).double(), plain()
    return Case(model, data, lambda x: model(x, data.edge_index))


class Pooling(nn.Module):
    """Convolution, top rows by a score, convolution, mean."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.first, self.pool, self.second = pyg.GraphConv(3, 8), pool, pyg.GraphConv(8, 4)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        h, edge_index, _, batch, *_ = self.pool(self.first(x, edge_index).relu(), edge_index, batch=batch)
        return pyg.global_mean_pool(self.second(h, edge_index).tanh(), batch)


def sag_pooling() -> Case:
    model, data = Pooling(pyg.SAGPooling(8, 0.5)).double(), joined()
    return Case(model, data, lambda x: model(x, data.edge_index, data.batch))


def top_k_pooling() -> Case:
    model, data = Pooling(pyg.TopKPooling(8, 0.7)).double(), joined()
    return Case(model, data, lambda x: model(x, data.edge_index, data.batch))


def jumping() -> Case:
    model, data = pyg.GIN(3, 8, 3, 4, jk="lstm").double(), plain()
    return Case(model, data, lambda x: model(x, data.edge_index))


def principal_neighbours() -> Case:
    data = graph(9, 18, 1)
    histogram = torch.bincount(torch.bincount(data.edge_index[1], minlength=9))
    model = pyg.PNA(3, 4, 2, 2, aggregators=["mean", "max", "std"], scalers=["identity"], deg=histogram, edge_dim=2)
    model = model.double()
    return Case(model, data, lambda x: model(x, data.edge_index, edge_attr=data.edge_attr))


class Far(nn.Module):
    """Transformer layers over the graph, each followed by a virtual node."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.mean = nn.Linear(3, 8), nn.Linear(8, 8)
        self.convs = nn.ModuleList(pyg.GPSConv(8, pyg.GINConv(nn.Linear(8, 8)), heads=2) for _ in range(2))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        h = self.enter(x)
        for conv in self.convs:
            h = conv(h, edge_index, batch)
            h = h + self.mean(pyg.global_mean_pool(h, batch))[batch]
        return h


def virtual_node() -> Case:
    model, data = Far().double(), joined()
    return Case(model, data, lambda x: model(x, data.edge_index, data.batch))


class Causal(nn.Module):
    """Convolutions with dilations, cut at the end so that no step reads a later one."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(3, 3, 3, dilation=2**i, padding=2 * 2**i) for i in range(3))

    def forward(self, x: Tensor) -> Tensor:
        h = x.mT
        for conv in self.convs:
            h = h + conv(h)[..., : h.shape[-1]].relu()
        return h.mT


def dilated() -> Case:
    model = Causal().double()
    return Case(model, torch.randn(2, 12, 3, dtype=F64), model.forward)


class Scan(nn.Module):
    """A selective scan: a recurrence by hand, whose decay and input depend on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.gates, self.step = nn.Linear(3, 6), nn.Linear(6, 8), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        u = self.enter(x)
        b, c = self.gates(u).chunk(2, dim=-1)
        decay = F.softplus(self.step(u))
        h, found = u.new_zeros(len(x), 6, 4), []
        for t in range(x.shape[1]):
            h = h * torch.exp(-decay[:, t, :, None]) + (decay[:, t] * u[:, t])[..., None] * b[:, t, None]
            found.append((h * c[:, t, None]).sum(-1))
        return torch.stack(found, dim=1)


def selective_scan() -> Case:
    model = Scan().double()
    return Case(model, torch.randn(2, 7, 3, dtype=F64), model.forward)


def both_ways() -> Case:
    model = nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True).double()
    return Case(model, torch.randn(2, 6, 3, dtype=F64), lambda x: model(x)[0])


def function_of_edges() -> Case:
    weight, data = torch.randn(3, 4, dtype=F64), plain()

    def mean(x: Tensor, edge_index: Tensor) -> Tensor:
        return x.new_zeros(len(x), 4).index_add(0, edge_index[1], (x @ weight).tanh()[edge_index[0]])

    return Case(mean, data, lambda x: mean(x, data.edge_index))


class Recomputed(nn.Module):
    """Two convolutions, the first of which is computed again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = pyg.GCNConv(3, 8), pyg.GCNConv(8, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h = checkpoint(lambda x: self.first(x, edge_index).tanh(), x, use_reentrant=False)
        return self.second(h, edge_index)


def checkpointed() -> Case:
    model, data = Recomputed().double(), plain()
    return Case(model, data, lambda x: model(x, data.edge_index))


def scripted() -> Case:
    layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    return Case(torch.jit.script(layers), torch.randn(2, 5, 3, dtype=F64), layers.forward)


def heads_of_a_dictionary() -> Case:
    data, conv = plain(), pyg.SAGEConv(3, 4).double()
    return Case(
        nn.ModuleDict({"conv": conv}),
        data,
        lambda x: conv(x, data.edge_index),
        {
            "call": lambda model, x: {"node": model["conv"](x, data.edge_index)},
            "output": lambda out: out["node"],
        },
    )


CASES = (
    *(u_net, sag_pooling, top_k_pooling, jumping, principal_neighbours, virtual_node, dilated, selective_scan),
    *(both_ways, function_of_edges, checkpointed, scripted, heads_of_a_dictionary),
)


def _ever_read(case: Case, x: Tensor, probe: Probe, output: int) -> Tensor:
    """The rows at which the Jacobian of an answer is not zero at the data or at any of many points around them."""
    found = torch.zeros(probe.num_rows, dtype=torch.bool)
    g = torch.Generator().manual_seed(0)
    for draw in range(40):
        point = x + min(draw, 1) * (1 + draw % 3) * torch.randn(x.shape, generator=g, dtype=F64)
        leaf = point.requires_grad_()
        out = case.call(leaf).reshape(probe.num_outputs, -1)[output]
        (gradient,) = torch.autograd.grad((out * torch.randn(out.shape, generator=g, dtype=F64)).sum(), leaf)
        found |= (gradient.reshape(probe.num_rows, -1) != 0).any(dim=1)
    return found.nonzero()[:, 0]


@pytest.mark.filterwarnings("ignore:Sparse (invariant checks|CSR tensor support):UserWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_model_of_others_is_measured_as_its_whole_jacobian_says(make: Callable[[], Case]) -> None:
    torch.manual_seed(0)
    case = make()
    probe = Probe(case.model, case.data, **case.told)
    found = {norm: probe.influence(norm=norm) for norm in ("fro", "l1", "max", "spectral")}
    x = case.data.x if isinstance(case.data, Data) else case.data
    if isinstance(case.model, nn.Module):
        case.model.eval()
    whole = torch.autograd.functional.jacobian(case.call, x)
    blocks = whole.reshape(probe.num_outputs, probe.out_channels, probe.num_rows, -1).permute(0, 2, 1, 3)
    l1 = blocks.abs().sum(dim=(2, 3))
    expected = {
        "fro": torch.linalg.matrix_norm(blocks),
        "l1": l1,
        "max": blocks.abs().amax(dim=(2, 3)),
        "spectral": torch.linalg.svdvals(blocks)[..., 0],
    }
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)
    for output in (0, probe.num_outputs - 1):
        field = probe.receptive_field(output)
        assert torch.equal(field.rows, _ever_read(case, x, probe, output)), field.why
    if probe.kind == "graph":
        return
    hops = probe.hops()
    profile = probe.by_hop(samples=1000, norm="l1")
    sums = torch.stack([(l1 * (hops == hop)).sum(dim=1).mean() for hop in profile.at])
    torch.testing.assert_close(profile.value, sums, rtol=1e-10, atol=1e-14)
    assert profile.no_path == pytest.approx(float((l1 * (hops < 0)).sum(dim=1).mean()), abs=1e-14)
    near = l1 * (hops >= 0)
    torch.testing.assert_close(
        probe.range().node, (near * hops).sum(dim=1) / near.sum(dim=1), rtol=1e-10, atol=1e-14, equal_nan=True
    )
