"""The receptive fields of PyG's convolutions, each declared from its arguments, and those that are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.nn import aggr

from graphseq.nn.conv_pattern import ConvReach, Dropped, Flow

# Parameters of forward that convolve can give, by name.
GIVEN = ("edge_weight", "edge_attr", "batch")

_OF_OTHER_DATA = {
    "DNAConv": "reads the states of all layers, (V, L, H)",
    "HypergraphConv": "reads incidences of hyperedges",
    "MeshCNNConv": "reads the edges of a mesh",
    "RGCNConv": "reads types of edges",
    "FastRGCNConv": "reads types of edges",
    "CuGraphRGCNConv": "reads types of edges",
    "RGATConv": "reads types of edges",
    "PANConv": "gives a matrix beside its states",
    "WLConv": "gives colours, which have no gradient",
    "FusedGATConv": "reads edges in compressed form",
}
# Aggregations that pad the messages of all rows to the largest number, in which a row's result depends on the others.
_PADDED = (
    aggr.LSTMAggregation,
    aggr.GRUAggregation,
    aggr.LCMAggregation,
    aggr.MLPAggregation,
    aggr.SetTransformerAggregation,
    aggr.SortAggregation,
    aggr.PatchTransformerAggregation,
    aggr.GraphMultisetTransformer,
)


def declared(conv: nn.Module) -> ConvReach | None:
    """The receptive field of a known convolution, or ``None``.

    Raises:
        TypeError: a convolution of another kind of data.
        ValueError: a convolution that keeps its first edges, or whose rows depend on the rest of a batch.
    """
    check_call(conv)
    said = getattr(conv, "conv_reach", None)
    if isinstance(said, ConvReach):
        return said
    for kind, declare in _KINDS.items():
        if isinstance(conv, kind) and _computes_as(conv, kind):
            reach: ConvReach | None = declare(conv)
            if reach is None:
                return None
            return replace(reach, flow="out") if getattr(conv, "flow", None) == "target_to_source" else reach
    return None


def check_call(conv: nn.Module) -> None:
    """Check that ``conv`` is called as conv(x, edge_index), and that a row depends on no other graph of a batch."""
    name = type(conv).__name__
    for kind in type(conv).__mro__:
        if kind.__name__ in _OF_OTHER_DATA and kind.__module__.startswith("torch_geometric"):
            raise TypeError(f"conv must be a convolution conv(x, edge_index); {name} {_OF_OTHER_DATA[kind.__name__]}")
    names = _parameters(conv)
    positional = [p.name for p in names if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    further = [p.name for p in names[2:] if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    further = [each for each in further if each not in GIVEN and each not in ("args", "kwargs")]
    takes_edges = len(positional) >= 2 and not any(part in positional[1] for part in ("batch", "dict", "pos", "hyper"))
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in names)
    if further or not (takes_edges or takes_any):
        raise TypeError(
            f"conv must be a convolution conv(x, edge_index), with edge_weight, edge_attr or batch by name; {name} is "
            f"called with ({', '.join(p.name for p in names)})"
        )
    for part in conv.modules():
        _check_part(part)


def _check_part(part: nn.Module) -> None:
    name = type(part).__name__
    if isinstance(part, pyg.MessagePassing) and getattr(part, "cached", False) is True:
        raise ValueError(f"conv: {name} with cached=True keeps the edges of its first call; use cached=False")
    if isinstance(part, pyg.ChebConv) and part.normalization is None:
        raise ValueError(
            "conv: ChebConv with normalization=None divides by the largest degree of the whole batch; use 'sym' or 'rw'"
        )
    if isinstance(part, pyg.EGConv) and part.add_self_loops and "symnorm" not in part.aggregators:
        raise ValueError(
            "conv: EGConv without the aggregator 'symnorm' adds self-loops up to the last row that has an edge in the "
            "batch; use 'symnorm' among the aggregators, or add_self_loops=False"
        )
    if isinstance(part, pyg.GPSConv) and part.attn_type != "multihead":
        raise ValueError(
            f"conv: GPSConv with attn_type={part.attn_type!r} counts the padding of a batch, so that a row depends on "
            "its batch mates; use attn_type='multihead'"
        )
    if isinstance(part, pyg.FeaStConv) and not part.add_self_loops:
        raise ValueError("conv: FeaStConv with add_self_loops=False needs an edge in every snapshot; leave it True")
    if isinstance(part, pyg.ClusterGCNConv) and not part.add_self_loops:
        raise ValueError("conv: ClusterGCNConv with add_self_loops=False needs a self-loop at every row; leave it True")
    if isinstance(part, pyg.FiLMConv) and part.num_relations > 1:
        raise TypeError(f"conv: FiLMConv with num_relations={part.num_relations} reads types of edges")
    if isinstance(part, _PADDED):
        raise ValueError(f"conv: {name} pads, so that a row depends on its batch mates; use another aggr")


def _parameters(conv: nn.Module) -> list[inspect.Parameter]:
    return list(inspect.signature(conv.forward).parameters.values())


def _computes_as(conv: nn.Module, kind: type[nn.Module]) -> bool:
    """True if a subclass computes what the kind does."""
    names = ("forward", "message", "aggregate", "update", "message_and_aggregate", "propagate")
    return all(getattr(type(conv), name, None) is getattr(kind, name, None) for name in names)


def _upto(hops: int, **options: Any) -> ConvReach:
    return ConvReach(hops, powers=tuple(range(hops + 1)), **options)


def _neighbours(own: bool, own_from: int | None = None, **options: Any) -> ConvReach:
    """One hop without self-loops, and the row itself always, or from a number of neighbours on, or never."""
    options = {"loops": False} | options
    return _upto(1, **options) if own else ConvReach(1, own_from=own_from, **options)


def _normalised(conv: Any, hops: int, powers: tuple[int, ...]) -> ConvReach:
    """Walks by ``gcn_norm``, which without self-loops divides by a degree that may be 0."""
    normalises, loops = getattr(conv, "normalize", True), getattr(conv, "add_self_loops", False)
    dropped: Dropped | None = "source" if normalises else None
    loops = bool(loops and normalises)
    return ConvReach(hops, powers=powers, loops=loops, dropped=dropped, reads_edge_weight=True)


def _gcn(conv: Any) -> ConvReach:
    return _normalised(conv, 1, (1,))


def _cheb(conv: Any) -> ConvReach:
    dropped: Dropped | None = "target" if conv.normalization == "sym" else None
    return _upto(len(conv.lins) - 1, loops=False, dropped=dropped, reads_edge_weight=True)


def _appnp(conv: Any) -> ConvReach:
    walks = () if conv.alpha == 1 else (conv.K,) if conv.alpha == 0 else tuple(range(1, conv.K + 1))
    powers = tuple(sorted({*walks, *([] if conv.alpha == 0 else [0])}))
    return _normalised(conv, max(powers), powers)


def _ssg(conv: Any) -> ConvReach:
    walks = () if conv.alpha == 1 else tuple(range(1, conv.K + 1))
    powers = (*([] if conv.alpha == 0 else [0]), *walks)
    return _normalised(conv, max(powers), powers)


def _simple(conv: Any) -> ConvReach:
    return _neighbours(conv.combine_root is not None, reads_edge_weight=True)


def _attention(conv: Any) -> ConvReach:
    """Attention over in-neighbours; without self-loops a row's own query counts where there are two to choose from."""
    reads = getattr(conv, "edge_dim", None) is not None
    if getattr(conv, "add_self_loops", False):
        return ConvReach(1, reads_edge_attr=reads)
    own = getattr(conv, "root_weight", False) is True or getattr(conv, "res", None) is not None
    return _neighbours(own, 2, reads_edge_attr=reads)


def _rooted(conv: Any) -> ConvReach:
    return _neighbours(bool(conv.root_weight))


def _rooted_with_features(conv: Any) -> ConvReach:
    return _neighbours(bool(conv.root_weight), reads_edge_attr=True)


def _gated(conv: Any) -> ConvReach:
    return _neighbours(bool(conv.root_weight), 1, reads_edge_attr=conv.edge_dim is not None)


def _weighted(_: Any) -> ConvReach:
    return _neighbours(True, reads_edge_weight=True)


def _unweighted(_: Any) -> ConvReach:
    return _neighbours(True)


def _cluster(_: Any) -> ConvReach:
    return _upto(1)


def _egc(conv: Any) -> ConvReach:
    dropped = "source" if not conv.add_self_loops and list(conv.aggregators) == ["symnorm"] else None
    return _neighbours(False, 1, loops=bool(conv.add_self_loops), dropped=dropped)


def _pdn(conv: Any) -> ConvReach:
    return replace(_normalised(conv, 1, (1,)), reads_edge_weight=False, reads_edge_attr=True)


def _antisymmetric(conv: Any) -> ConvReach | None:
    phi = declared(conv.phi)
    if phi is None or phi.is_global:
        return None
    powers = {0}
    for _ in range(conv.num_iters):
        powers = {p + q for p in powers for q in {0, *(phi.powers or (phi.hops,))}}
    return replace(phi, hops=max(powers), powers=tuple(sorted(powers)), own_from=None)


def _both_ways(conv: Any) -> ConvReach | None:
    inner = declared(conv.conv_in)
    if inner is None or inner.is_global or inner.flow != "in":
        return None
    powers = {*(inner.powers or (inner.hops,)), *([0] if conv.lin is not None else [])}
    flow: Flow = "in" if conv.alpha == 0 else "out" if conv.alpha == 1 else "both"
    return replace(inner, powers=tuple(sorted(powers)), flow=flow, reads_edge_weight=False, reads_edge_attr=False)


def _gps(conv: Any) -> ConvReach | None:
    inner = ConvReach(0) if conv.conv is None else declared(conv.conv)
    return None if inner is None else replace(inner, is_global=True, reads_batch=True)


_KINDS: dict[type[nn.Module], Callable[[Any], ConvReach | None]] = {
    pyg.GCNConv: _gcn,
    pyg.LGConv: _gcn,
    pyg.SGConv: lambda conv: _normalised(conv, conv.K, (conv.K,)),
    pyg.TAGConv: lambda conv: _normalised(conv, conv.K, tuple(range(conv.K + 1))),
    pyg.ARMAConv: lambda conv: _normalised(conv, conv.num_layers, tuple(range(conv.num_layers + 1))),
    pyg.MixHopConv: lambda conv: _normalised(conv, max(conv.powers), tuple(sorted(conv.powers))),
    pyg.APPNP: _appnp,
    pyg.SSGConv: _ssg,
    pyg.ChebConv: _cheb,
    pyg.GatedGraphConv: lambda conv: _upto(conv.num_layers, loops=False, reads_edge_weight=True),
    pyg.SimpleConv: _simple,
    pyg.GraphConv: _weighted,
    pyg.LEConv: _weighted,
    pyg.WLConvContinuous: _weighted,
    pyg.SAGEConv: _rooted,
    pyg.GINConv: _unweighted,
    pyg.MFConv: _unweighted,
    pyg.ClusterGCNConv: _cluster,
    pyg.EdgeConv: lambda _: _neighbours(False, 1),
    pyg.FeaStConv: lambda _: ConvReach(1),
    pyg.AGNNConv: _attention,
    pyg.EGConv: _egc,
    pyg.GATConv: _attention,
    pyg.GATv2Conv: _attention,
    pyg.SuperGATConv: _attention,
    pyg.TransformerConv: _attention,
    pyg.ResGatedGraphConv: _gated,
    pyg.GINEConv: lambda _: _neighbours(True, reads_edge_attr=True),
    pyg.NNConv: _rooted_with_features,
    pyg.GMMConv: _rooted_with_features,
    pyg.SplineConv: _rooted_with_features,
    pyg.CGConv: lambda conv: _neighbours(True, reads_edge_attr=conv.dim > 0),
    pyg.GENConv: lambda conv: _neighbours(True, reads_edge_attr=hasattr(conv, "lin_edge")),
    pyg.GeneralConv: lambda conv: _neighbours(True, reads_edge_attr=hasattr(conv, "lin_edge")),
    pyg.PNAConv: lambda conv: _neighbours(True, reads_edge_attr=conv.edge_dim is not None),
    pyg.FiLMConv: _unweighted,
    pyg.PDNConv: _pdn,
    pyg.AntiSymmetricConv: _antisymmetric,
    pyg.DirGNNConv: _both_ways,
    pyg.GPSConv: _gps,
}
