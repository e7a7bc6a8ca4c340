"""Graphs of DGL, which needs older versions of torch: of a stand-in with the methods of its graphs that are read."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graphseq as gs


class DGLGraph:
    """Edges are listed by source in their default order, and by number on request."""

    def __init__(self, source: list[int], target: list[int], num_nodes: int, *, kinds: int = 1, parts: int = 1) -> None:
        self._ends = torch.tensor(source, dtype=torch.int32), torch.tensor(target, dtype=torch.int32)
        self._nodes, self.is_homogeneous, self.batch_size = num_nodes, kinds == 1, parts
        self.ndata: dict[str, Tensor] = {}
        self.edata: dict[str, Tensor] = {}

    def num_nodes(self) -> int:
        return self._nodes

    def edges(self, order: str = "srcdst") -> tuple[Tensor, Tensor]:
        source, target = self._ends
        place = source.argsort() if order == "srcdst" else torch.arange(len(source))
        return source[place], target[place]


DGLGraph.__module__ = "dgl.heterograph"


def made(**options: int) -> DGLGraph:
    return DGLGraph([2, 0], [1, 1], 4, **options)


def test_features_follow_their_nodes_and_edges() -> None:
    graph = made()
    graph.ndata |= {
        "feat": torch.eye(4),
        "label": torch.arange(4),
        "train_mask": torch.tensor([True, False, True, True]),
    }
    graph.edata |= {
        "w": torch.tensor([5.0, 7.0]),
        "feat": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "kind": torch.tensor([8, 9]),
    }
    read = gs.from_graph(graph)
    assert read.edge_index.tolist() == [[2, 0], [1, 1]]
    assert read.edge_weight.tolist() == [5, 7]
    assert read.edge_attr.tolist() == [[1, 2], [3, 4]]
    assert (read.x.tolist(), read.y.tolist()) == (torch.eye(4).tolist(), [0, 1, 2, 3])
    assert (read.train_mask.tolist(), read.edge_kind.tolist()) == ([True, False, True, True], [8, 9])


def test_nodes_without_edges_and_features_are_kept() -> None:
    read = gs.from_graph(made())
    assert (read.num_nodes, read.x.tolist()) == (4, [[1.0]] * 4)
    assert gs.from_graph(made(), x=torch.zeros(4, 2)).x.shape == (4, 2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kinds": 2}, TypeError, r"several kinds of nodes or edges; one kind is dgl\.to_homogeneous"),
        ({"parts": 3}, ValueError, r"graph is a batch of 3 graphs; read each"),
    ],
)
def test_what_is_no_single_graph_of_one_kind_is_refused(
    options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        gs.from_graph(made(**options))


def test_two_features_that_would_be_one_are_refused() -> None:
    graph = made()
    graph.ndata |= {"x": torch.eye(4), "feat": torch.eye(4)}
    with pytest.raises(ValueError, match=r"graph\.ndata\['feat'\] would be x, which there is already"):
        gs.from_graph(graph)
    graph = made()
    graph.edata |= {"w": torch.ones(2), "weight": torch.ones(2)}
    with pytest.raises(ValueError, match=r"graph\.edata\['weight'\] would be edge_weight, which there is already"):
        gs.from_graph(graph)
