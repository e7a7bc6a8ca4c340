"""Every encoder that the contract is held to. A new family joins by one line of ``FAMILIES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch_geometric.nn import ChebConv, GINConv, NNConv, SAGEConv, TAGConv

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, ForgettingGCNLSTM

D, H = 2, 16


def gin(in_channels: int, out_channels: int) -> GINConv:
    return GINConv(nn.Sequential(nn.Linear(in_channels, 16), nn.Tanh(), nn.Linear(16, out_channels)))


def edge_network(in_channels: int, out_channels: int) -> NNConv:
    return NNConv(in_channels, out_channels, nn.Sequential(nn.Linear(2, in_channels * out_channels), nn.Tanh()))


@dataclass(frozen=True)
class Family:
    """A name, and an encoder of so many input channels, which reads so many features of each edge."""

    name: str
    build: Callable[[int], Encoder]
    edge_channels: int = 0


def encoder_of(family: Family, in_channels: int = D, dtype: torch.dtype = torch.float64) -> Encoder:
    """A new encoder of a family, with the weights of seed 0."""
    torch.manual_seed(0)
    return family.build(in_channels).to(dtype)


FAMILIES = [
    Family("GCN-1", lambda d: GCN(d, H, 1)),
    Family("GCN-3", lambda d: GCN(d, H, 3)),
    Family("GCN-3-causal", lambda d: GCN(d, H, 3, causal=True)),
    Family("GCN-4-residual-norm", lambda d: GCN(d, H, 4, residual=True, norm=nn.LayerNorm)),
    Family("GCN-2-SAGE", lambda d: GCN(d, H, 2, conv=SAGEConv)),
    Family("GCN-2-GIN-causal", lambda d: GCN(d, H, 2, conv=gin, causal=True)),
    Family("GCN-2-TAG-causal", lambda d: GCN(d, H, 2, conv=lambda a, b: TAGConv(a, b, K=2), causal=True)),
    Family("Transformer-2", lambda d: gs.nn.Transformer(d, H, 2)),
    Family("Transformer-2-causal", lambda d: gs.nn.Transformer(d, H, 2, heads=2, causal=True)),
    Family("Bidirectional-LSTM", lambda d: gs.nn.Bidirectional(LSTM, d, H // 2)),
    Family("Bidirectional-GCNLSTM-2", lambda d: gs.nn.Bidirectional(GCNLSTM, d, H // 2, 2)),
    Family("RNN", lambda d: RNN(d, H)),
    Family("GRU", lambda d: GRU(d, H)),
    Family("LSTM", lambda d: LSTM(d, H)),
    Family("LSTM-2", lambda d: LSTM(d, H, 2)),
    Family("GCNLSTM", lambda d: GCNLSTM(d, H)),
    Family("GCNLSTM-2", lambda d: GCNLSTM(d, H, 2)),
    Family("GCNLSTM-SAGE", lambda d: GCNLSTM(d, H, conv=SAGEConv)),
    Family("GCNLSTM-Cheb", lambda d: GCNLSTM(d, H, conv=lambda a, b: ChebConv(a, b, K=3))),
    Family("GCNLSTM-peepholes", lambda d: GCNLSTM(d, H, peepholes=True)),
    Family("GCNLSTM-2-input", lambda d: GCNLSTM(d, H, 2, convolve="input")),
    Family("GCNLSTM-2-state-residual", lambda d: GCNLSTM(d, H, 2, convolve="state", residual=True)),
    Family("GCNLSTM-3-hops", lambda d: GCNLSTM(d, H, hops=3)),
    Family("GCNGRU", lambda d: gs.nn.GCNGRU(d, H)),
    Family("GCNGRU-2-state-SAGE", lambda d: gs.nn.GCNGRU(d, H, 2, convolve="state", conv=SAGEConv)),
    Family("GradientCheckpointed-LSTM-2", lambda d: gs.nn.GradientCheckpointed(LSTM(d, H, 2), 2)),
    Family("GradientCheckpointed-GCNLSTM", lambda d: gs.nn.GradientCheckpointed(GCNLSTM(d, H), 1)),
    Family("MLP", lambda d: MLP(d, H)),
    Family("GCN-4-jk", lambda d: GCN(d, H, 4, jk="cat")),
    Family("GCN-3-pairnorm", lambda d: GCN(d, H, 3, norm=gs.nn.PairNorm)),
    Family("GCNII-3", lambda d: gs.nn.GCNII(d, H, 3)),
    Family("Antisymmetric-3", lambda d: gs.nn.AntisymmetricGCN(d, H, 3)),
    Family("StateSpace-3-causal", lambda d: gs.nn.StateSpaceGCN(d, H, 3, causal=True)),
    Family("Wave-3", lambda d: gs.nn.WaveGCN(d, H, 3)),
    Family("MinPlus-2", lambda d: gs.nn.MinPlusGCN(d, H, 2)),
    Family("MinPlus-2-causal", lambda d: gs.nn.MinPlusGCN(d, H, 2, groups=2, causal=True)),
    Family("PathAttention-2", lambda d: gs.nn.PathAttention(d, H, 2)),
    Family("PathAttention-1-causal", lambda d: gs.nn.PathAttention(d, H, causal=True)),
    Family("LRU-2", lambda d: gs.nn.LRU(d, H, 2)),
    Family("MinGRU", lambda d: gs.nn.MinGRU(d, H)),
    Family("MinGRU-2", lambda d: gs.nn.MinGRU(d, H, 2)),
    Family("MinLSTM-2", lambda d: gs.nn.MinLSTM(d, H, 2)),
    Family("Forgetting-nodes", lambda d: ForgettingGCNLSTM(d, H, forget="nodes")),
    Family("Forgetting-edges", lambda d: ForgettingGCNLSTM(d, H, forget="edges")),
    Family("Forgetting-2-both", lambda d: ForgettingGCNLSTM(d, H, 2)),
    Family("Forgetting-accumulated", lambda d: ForgettingGCNLSTM(d, H, accumulate=True)),
]

# That read features of edges, so on graphs that have them alone.
EDGE_FAMILIES = [
    Family("GCN-2-NN", lambda d: GCN(d, H, 2, conv=edge_network), 2),
    Family("GCNLSTM-NN", lambda d: GCNLSTM(d, H, conv=edge_network), 2),
]
