"""The models of ``recordings.py``: our families, linear ones, and PyG Temporal's cells as their examples run them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.typing import SparseTensor
from torch_geometric.utils import coalesce, remove_self_loops

import graphseq as gs
from graphseq.experiments.models import MODELS, build

FAMILIES = (
    "0-hop", "RNN", "GRU", "LSTM", "LRU", "MinGRU", "MinLSTM", "Transformer",
    "GCN", "SAGE", "GCNII", "A-DGN", "MP-SSM", "Wave", "Min-plus",
    "GCN-GRU", "GCN-LSTM", "GCN-LSTM-state", "GCN-LSTM-forgetting", "DAG-LSTM",
)  # fmt: skip
ON_GRAPHS = ("GCN-LSTM", "GConvGRU")
"""Those that are trained again with shuffled edges and without any."""
HIDDEN = 16
PEER_HIDDEN = 32


def ours(name: str, task: gs.tasks.Forecasting) -> nn.Module:
    """Return a family of ours; stacks of convolutions have four layers."""
    return build(name, task, HIDDEN, num_layers=4 if MODELS[name].layers_are_hops else None)


class OnLinear(nn.Module):
    """The forecasts of an autoregression, which stays as it is, with those of a model added, which begin at 0.

    Args:
        model: gives (K, 1), by a last linear layer.
        linear: the autoregression.
    """

    def __init__(self, model: nn.Module, linear: nn.Module) -> None:
        super().__init__()
        self.model, self.linear = model, linear
        *_, last = (part for part in model.modules() if isinstance(part, nn.Linear))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        """Forecasts (K, 1)."""
        with torch.no_grad():
            base: Tensor = self.linear(graph)
        output: Tensor = base + self.model(graph)
        return output


class Peer(nn.Module):
    """A cell of PyG Temporal on windows: the last p values of each node are its features, and no state is carried.

    That is how the cells' own examples call them. The edges are those of the window's last time, as the published
    snapshots have those of theirs; a linear layer reads the ReLU of the cell's output.

    Args:
        cell: the cell.
        call: gives the states (V, H) of (cell, x (V, p·F), edge_index, edge_weight).
        hidden: H.
        lags: p.
    """

    def __init__(self, cell: nn.Module, call: Callable[..., Tensor], hidden: int, lags: int) -> None:
        super().__init__()
        self.cell, self.call, self.lags = cell, call, lags
        self.lin = nn.Linear(hidden, 1)

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        """Forecasts (K, 1)."""
        last = graph.time == self.lags - 1
        nodes = int(last.sum())
        # Every node is present at every time, and rows are sorted by window, time and node.
        windows = int(graph.batch.max()) + 1
        x = graph.x.view(windows, self.lags, nodes // windows, -1).transpose(1, 2).reshape(nodes, -1)
        spatial = graph.topology.spatial
        between = last[spatial.edge_index[0]]
        place = last.cumsum(0) - 1
        index = place[spatial.edge_index[:, between]]
        weight = torch.ones(index.shape[1]) if spatial.edge_weight is None else spatial.edge_weight[between]
        states = self.call(self.cell, x, index, weight / weight.mean().clamp(min=1e-9))
        output: Tensor = self.lin(states.relu())
        return output


def _class(module: str, name: str) -> Callable[..., nn.Module]:
    """Return a class of PyG Temporal, whose import needs torch_sparse only for the name of a type."""
    stub = types.ModuleType("torch_sparse")
    stub.__dict__["SparseTensor"] = SparseTensor
    sys.modules.setdefault("torch_sparse", stub)
    if "torch_geometric_temporal" not in sys.modules:  # its __init__ imports what only other parts of it need
        found = importlib.util.find_spec("torch_geometric_temporal")
        if found is None or not found.submodule_search_locations:
            raise ImportError(
                "torch_geometric_temporal is not installed: pip install --no-deps torch-geometric-temporal"
            )
        root = found.submodule_search_locations[0]
        for package, folder in (("", ""), (".nn", "/nn"), (".nn.recurrent", "/nn/recurrent")):
            empty = types.ModuleType(f"torch_geometric_temporal{package}")
            empty.__path__ = [root + folder]
            sys.modules[empty.__name__] = empty
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(importlib.import_module(f"torch_geometric_temporal.nn.recurrent.{module}"), name)


def _state(cell: nn.Module, x: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    output = cell(x, index, weight)
    return output[0] if isinstance(output, tuple) else output


def _typed(cell: nn.Module, x: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    return cell(x, index, torch.zeros(index.shape[1], dtype=torch.long))[0]


def _dense(cell: nn.Module, x: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    # The cell takes the size of the graph from its edges, divides by degrees, and needs each pair of nodes once: a loop
    # at every node gives each a degree.
    index, weight = remove_self_loops(index, weight)
    loops = torch.arange(len(x)).repeat(2, 1)
    index, weight = torch.cat([index, loops], dim=1), torch.cat([weight, torch.ones(len(x))])
    states: Tensor = cell(x, *coalesce(index, weight))
    return states


class _Widened(nn.Module):
    """EvolveGCN-O maps features to as many features: a linear layer gives it H, and its weight evolves once."""

    def __init__(self, in_channels: int, cell: Any) -> None:
        super().__init__()
        self.lin, self.cell = nn.Linear(in_channels, PEER_HIDDEN), cell

    def forward(self, x: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        """States (V, H)."""
        self.cell.reinitialize_weight()
        states: Tensor = self.cell(self.lin(x), index, weight)
        return states


def _cheb(module: str, name: str, hops: int) -> Callable[[int, int], tuple[nn.Module, Callable[..., Tensor]]]:
    return lambda features, lags: (_class(module, name)(features, PEER_HIDDEN, hops), _state)


def _a3tgcn(features: int, lags: int) -> tuple[nn.Module, Callable[..., Tensor]]:
    cell = _class("attentiontemporalgcn", "A3TGCN")(features // lags, PEER_HIDDEN, lags)
    by_period = lambda cell, x, index, weight: cell(x.view(len(x), lags, -1).transpose(1, 2), index, weight)  # noqa: E731
    return cell, by_period


def _dygrae(features: int, lags: int) -> tuple[nn.Module, Callable[..., Tensor]]:
    return _class("dygrae", "DyGrEncoder")(PEER_HIDDEN, 1, "mean", PEER_HIDDEN, 1), _state


PEERS: dict[str, Callable[[int, int], tuple[nn.Module, Callable[..., Tensor]]]] = {
    "GConvGRU": _cheb("gconv_gru", "GConvGRU", 2),
    "GConvLSTM": _cheb("gconv_lstm", "GConvLSTM", 2),
    "GCLSTM": _cheb("gc_lstm", "GCLSTM", 2),
    "DCRNN": lambda f, p: (_class("dcrnn", "DCRNN")(f, PEER_HIDDEN, 2), _dense),
    "TGCN": lambda f, p: (_class("temporalgcn", "TGCN")(f, PEER_HIDDEN), _state),
    "A3TGCN": _a3tgcn,
    "LRGCN": lambda f, p: (_class("lrgcn", "LRGCN")(f, PEER_HIDDEN, 1, 1), _typed),
    "DyGrEncoder": _dygrae,
    "EvolveGCN-O": lambda f, p: (_Widened(f, _class("evolvegcno", "EvolveGCNO")(PEER_HIDDEN)), _state),
}
"""Cells of PyG Temporal by name, with the way to call each. Chebyshev filters have K = 2: with 1 they read no edge."""


def peer(name: str, task: gs.tasks.Forecasting) -> Peer:
    """Return a cell of PyG Temporal with a linear layer."""
    cell, call = PEERS[name](task.in_channels * task.lags, task.lags)
    return Peer(cell, call, PEER_HIDDEN, task.lags)


BASELINES: dict[str, Callable[[gs.tasks.Forecasting], nn.Module]] = {
    "constant": lambda task: gs.baselines.Constant(task.best_constant(task.windows(torch.arange(len(task))).y)),
    "persistence": lambda task: gs.baselines.Persistence(1),
    "autoregression": gs.baselines.Autoregression.fit,
    "graph autoregression": partial(gs.baselines.GraphAutoregression.fit),
}
