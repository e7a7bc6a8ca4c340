"""Batches of graphs are measured without a table of all rows by all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
import torch_geometric.nn as pyg
from models import graph
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq.reach import Probe


class Largest(TorchFunctionMode):
    """The most entries of a tensor that any function of torch returns within the block."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping | None = None
    ) -> Any:
        """Call the function, and note the size of its result, unless that is a view of something smaller."""
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.layout == torch.strided:
            held = result.untyped_storage().nbytes() // result.element_size()
            self.entries = max(self.entries, min(held, result.numel()))
        return result


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lin = pyg.GCNConv(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.lin(pyg.global_mean_pool(self.conv(x, edge_index).tanh(), batch))


def _loss(out: Tensor, y: Tensor) -> Tensor:
    return (out[:, 0] - y).square().mean()


MEASURES: dict[str, Callable[[Probe], object]] = {
    "influence": lambda probe: probe.influence(),
    "spectral": lambda probe: probe.influence(norm="spectral"),
    "receptive_field": lambda probe: probe.receptive_field(2),
    "over_layers": lambda probe: probe.over_layers("dirichlet", "limit", "mad", "mad_gap", "rank", "rank_collapse"),
    "state_gradients": lambda probe: probe.state_gradients(_loss, y=torch.zeros(16)),
    "attribution": lambda probe: probe.attribution(0, points=4),
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pooled_model_is_measured_without_a_table_of_rows_by_rows(measure: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    members = [Data(x=each.x.to(dtype), edge_index=each.edge_index) for each in (graph(300, 600, s) for s in range(16))]
    probe = Probe(Pooled().to(dtype), Batch.from_data_list(members))
    with Largest() as largest:
        MEASURES[measure](probe)
    assert 0 < largest.entries < 4800 * 4800 / 20


def test_ours_too() -> None:
    torch.manual_seed(0)
    members = [
        gs.from_graph(Data(x=each.x, edge_index=each.edge_index)) for each in (graph(300, 600, s) for s in range(16))
    ]
    model = gs.nn.Model(gs.nn.GCN(3, 4, 1), 2, pool="mean").double()
    with Largest() as largest:
        assert Probe(model, Batch.from_data_list(members)).influence().shape == (16, 4800)
    assert 0 < largest.entries < 4800 * 4800 / 20
