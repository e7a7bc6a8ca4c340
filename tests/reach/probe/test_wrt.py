"""Influence of what edges carry and of inner states, in all norms and both precisions, against the whole Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch_geometric.nn as pyg
from models import graph
from torch import Tensor, nn
from torch_geometric.data import Data, HeteroData

from graphseq.reach import Probe

NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "fro": torch.linalg.matrix_norm,
    "l1": lambda blocks: blocks.abs().sum(dim=(2, 3)),
    "max": lambda blocks: blocks.abs().amax(dim=(2, 3)),
    "spectral": lambda blocks: torch.linalg.svdvals(blocks)[..., 0],
}


class OfEdges(nn.Module):
    """Attention, sums and products with features of edges, then a convolution with their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                pyg.TransformerConv(3, 4, heads=2, edge_dim=2),
                pyg.GINEConv(nn.Linear(8, 8), edge_dim=2),
                pyg.NNConv(8, 4, nn.Linear(2, 32)),
                pyg.GCNConv(4, 5),
            ]
        )

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, edge_weight: Tensor) -> Tensor:
        return self.rest(x, 0, Data(edge_index=edge_index, edge_attr=edge_attr, edge_weight=edge_weight))

    def rest(self, h: Tensor, first: int, data: Data) -> Tensor:
        """The answers from what comes before a convolution."""
        for conv in self.convs[first:3]:
            h = conv(h, data.edge_index, data.edge_attr).tanh()
        return self.convs[3](h, data.edge_index, data.edge_weight)


@pytest.mark.parametrize("wrt", ["x", "edge_attr", "edge_weight", "convs.0", "convs.2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_input_in_every_norm(wrt: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = OfEdges().to(dtype)
    data = graph(7, 13, 1).apply(lambda value: value.to(dtype) if value.is_floating_point() else value)
    probe = Probe(model, data)
    if wrt.startswith("convs"):
        at = int(wrt[-1])
        value = probe.states[wrt]
        whole = torch.autograd.functional.jacobian(lambda h: model.rest(h.tanh(), at + 1, data), value)
    else:
        value = data[wrt]
        names = ("x", "edge_index", "edge_attr", "edge_weight")
        whole = torch.autograd.functional.jacobian(
            lambda given: model(**{name: given if name == wrt else data[name] for name in names}), value
        )
    blocks = whole.reshape(7, 5, len(value), -1).permute(0, 2, 1, 3).double()
    for norm, of_blocks in NORMS.items():
        tolerance = 1e-12 if dtype == torch.float64 else 1e-5
        found = probe.influence(wrt=wrt, norm=norm).double()
        torch.testing.assert_close(found, of_blocks(blocks), rtol=tolerance, atol=tolerance * 1e-2)


def test_one_kind_of_node_of_heterogeneous_data_is_measured_as_the_refusal_says() -> None:
    torch.manual_seed(0)
    data = HeteroData()
    data["author"].x, data["paper"].x = torch.randn(3, 2), torch.randn(4, 2)
    data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2], [0, 1, 3]])
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1], [1, 2]])
    data["paper", "by", "author"].edge_index = torch.tensor([[0, 1, 3], [0, 1, 2]])
    model = pyg.HeteroConv(
        {
            ("author", "writes", "paper"): pyg.SAGEConv(2, 2),
            ("paper", "cites", "paper"): pyg.SAGEConv(2, 2),
            ("paper", "by", "author"): pyg.SAGEConv(2, 2),
        }
    )
    with pytest.raises(TypeError, match=r"data is a HeteroData.*Probe\(model, Data\(x=data\['author'\].x, …\), call="):
        Probe(model, data)
    paper = Data(x=data["paper"].x, edge_index=data["paper", "cites", "paper"].edge_index)
    found = Probe(
        model,
        paper,
        call=lambda m, x: m({**data.x_dict, "paper": x}, data.edge_index_dict)["paper"],
    ).influence()
    whole = torch.autograd.functional.jacobian(
        lambda x: model({**data.x_dict, "paper": x}, data.edge_index_dict)["paper"], data["paper"].x
    )
    torch.testing.assert_close(found, whole.permute(0, 2, 1, 3).flatten(2).norm(dim=2), rtol=1e-5, atol=1e-7)
