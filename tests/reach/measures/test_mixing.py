"""Pairwise mixing against second derivatives by hand, loops of ``torch.func.hessian``, and sums of single nodes."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GCNConv
from torch_geometric.utils import from_networkx

from graphseq.reach import TooLargeError
from graphseq.reach.measures import pairwise_mixing

F64 = torch.float64


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(1))


def test_a_quadratic_form_mixes_by_its_matrix() -> None:
    a = draw(4, 4)
    found = pairwise_mixing(lambda x: x[:, 0] @ a @ x[:, 0], draw(4, 1))
    torch.testing.assert_close(found, (a + a.T).abs())


def test_a_sum_over_nodes_mixes_no_pair() -> None:
    found = pairwise_mixing(lambda x: x.sin().sum(dim=0), draw(3, 2))
    assert bool((found - found.diagonal().diag() == 0).all())
    torch.testing.assert_close(found.diagonal(), draw(3, 2).sin().abs().amax(dim=1))


@pytest.mark.parametrize("reduce", ["max", "sum"])
def test_it_is_the_reduced_hessian_of_a_gcn(reduce: str) -> None:
    data = from_networkx(nx.path_graph(5))
    torch.manual_seed(0)
    first, second = GCNConv(2, 3).double(), GCNConv(3, 2).double()

    def readout(x: Tensor) -> Tensor:
        return second(first(x, data.edge_index).tanh(), data.edge_index).tanh().mean(dim=0)

    x = draw(5, 2)
    hessian = torch.func.hessian(readout)(x).abs()  # (C, V, F, V, F)
    expected = hessian.amax(dim=(0, 2, 4)) if reduce == "max" else hessian.sum(dim=(0, 2, 4))
    found = pairwise_mixing(readout, x, reduce=reduce)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected)
    assert found[0, 4] > 0  # both are within two hops of the middle


def test_linear_and_constant_outputs_mix_nothing() -> None:
    for function in (lambda x: x.sum(), lambda x: torch.ones(2), lambda x: (x * 2).mean(dim=0)):
        assert bool((pairwise_mixing(function, draw(3, 2)) == 0).all())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TooLargeError, match=r"1 Hessians of 4 × 4 have 16 entries, above max_entries=15"):
        pairwise_mixing(lambda x: x.square().sum(), draw(4, 1), max_entries=15)
    with pytest.raises(ValueError, match=r"the output of one graph, a number or \(C,\), got \(3, 2\)"):
        pairwise_mixing(lambda x: x, draw(3, 2))
    with pytest.raises(ValueError, match=r"x must be floating and \(V, F\), got torch.int64"):
        pairwise_mixing(lambda x: x.sum(), torch.ones(2, 1, dtype=torch.long))
    with pytest.raises(TypeError, match="function must return a tensor, got float"):
        pairwise_mixing(lambda x: 1.0, draw(2, 1))  # type: ignore[arg-type,return-value]
