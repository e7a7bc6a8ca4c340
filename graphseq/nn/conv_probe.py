"""The receptive field of a convolution that declares none, measured from its Jacobian on a small graph."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from graphseq import seeding
from graphseq.data.adjacency import Adjacency
from graphseq.nn.conv_pattern import ConvReach

_KEPT: WeakKeyDictionary[nn.Module, ConvReach] = WeakKeyDictionary()
_LENGTHS = (12, 40, 120)  # of the path; a convolution may read fewer hops than the longest has
_DRAWS = 3  # points at which a Jacobian is taken, since a ReLU may be 0 at one


def measured(conv: nn.Module) -> ConvReach:
    """The receptive field of a convolution, measured once and kept as long as the module lives.

    Raises:
        TypeError: the module cannot be called as conv(x, edge_index), or gives something other than one row each.
        ValueError: rows of another graph are heard, or the pattern is none that a :class:`ConvReach` can say.
    """
    reach = _KEPT.get(conv)
    if reach is None:
        with seeding.forked(0, seeding.BUILD), torch.inference_mode(False), torch.enable_grad():
            reach = _KEPT[conv] = _measure(conv)
    return reach


def _measure(conv: nn.Module) -> ConvReach:
    generic = _generic(conv)
    takes = {name: name in inspect.signature(conv.forward).parameters for name in ("edge_weight", "edge_attr", "batch")}
    options: dict[str, Any] = {f"reads_{name}": taken for name, taken in takes.items()}
    channels, features = _widths(generic, takes["edge_attr"])
    for length in _LENGTHS:
        probe = _Probe(length)
        found = _pattern(generic, probe, channels, features)
        together = probe.graph[:, None] == probe.graph
        if bool((found & ~together).any()):
            raise ValueError(
                f"conv: {_name(conv)} lets a row hear rows of other graphs in its batch; let it take batch, the graph "
                "of each row"
            )
        if torch.equal(found[probe.apart], together[probe.apart]):
            return replace(ConvReach(0, is_global=True), **options)
        hops = _distances(found, length)
        if max(map(abs, hops), default=0) < length - 3:
            return _fitted(conv, found, probe, hops, options)
    raise ValueError(f"conv: {_name(conv)} reads {length - 3} hops or more; declare it in an attribute conv_reach")


class _Probe:
    """A directed path with rows that nothing leads to, a reader of two rows, and rows apart; and a second graph."""

    def __init__(self, length: int) -> None:
        path = torch.arange(length)
        fork = torch.tensor([[length, length + 1], [length + 2, length + 2]])
        pair = torch.tensor([[length + 4, length + 5], [length + 5, length + 4]])  # of the second graph
        self.edge_index = torch.cat([torch.stack([path[:-1], path[1:]]), fork, pair], dim=1)
        self.apart = torch.tensor([length + 3, length + 6])
        self.num_rows = length + 7
        self.graph = (torch.arange(self.num_rows) > length + 3).long()
        self.adjacency = Adjacency(self.edge_index, None, self.num_rows)


def _fitted(conv: nn.Module, found: Tensor, probe: _Probe, hops: list[int], options: dict[str, Any]) -> ConvReach:
    """The first of all descriptions with these walks that has the pattern that was found."""
    flow = "in" if min(hops, default=0) >= 0 else "out" if max(hops) <= 0 else "both"
    powers = tuple(sorted({abs(hop) for hop in hops})) or (0,)
    for dropped, own_from in product((None, "source", "target"), (None, 1, 2)):
        settings: dict[str, Any] = {"flow": flow, "dropped": dropped, "own_from": own_from, **options}
        own = {0} if own_from is not None else set()
        walks = tuple(sorted(set(powers) - own)) or powers
        reach = ConvReach(max(powers), powers=walks, loops=False, **settings)
        if torch.equal(torch.from_numpy(reach.pattern(probe.adjacency).toarray()), found):
            return reach
    raise ValueError(
        f"conv: {_name(conv)} reads rows in a way that its kind does not tell; declare it in an attribute conv_reach, "
        "a graphseq.nn.ConvReach"
    )


def _distances(found: Tensor, length: int) -> list[int]:
    """Steps back along the path to the rows that are read, of rows in its middle: the ends may differ."""
    readers, sources = found[1 : length - 1, 1 : length - 1].nonzero().t()
    return sorted((readers - sources).unique().tolist())


def _generic(conv: nn.Module) -> nn.Module:
    """A copy in evaluation mode, of float64, whose weights are at no special point such as 0."""
    twin = copy.deepcopy(conv).cpu().double().eval()
    with torch.no_grad():
        for weight in twin.parameters():
            if not isinstance(weight, nn.parameter.UninitializedParameter):
                weight.add_(0.1 * torch.randn_like(weight))
    return twin


def _pattern(conv: nn.Module, probe: _Probe, channels: int, features: int | None) -> Tensor:
    total = torch.zeros(probe.num_rows, probe.num_rows, dtype=torch.bool)
    for _ in range(_DRAWS):
        x = torch.randn(probe.num_rows, channels, dtype=torch.float64, requires_grad=True)
        out = _call(conv, x, probe, features)
        for row, state in enumerate(out @ torch.randn(out.shape[1], dtype=torch.float64)):
            if state.requires_grad:
                (gradient,) = torch.autograd.grad(state, x, retain_graph=True, materialize_grads=True)
                total[row] |= gradient.abs().sum(dim=1) > 0
    return total


def _call(conv: nn.Module, x: Tensor, probe: _Probe, features: int | None) -> Tensor:
    out = conv(x, probe.edge_index, **_given(conv, probe, features))
    if not isinstance(out, Tensor) or out.dim() != 2 or len(out) != len(x):
        came = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise TypeError(f"conv must give one row a row of x, ({len(x)}, H); {_name(conv)} gave {came}")
    return out


def _widths(conv: nn.Module, takes_features: bool) -> tuple[int, int | None]:
    """Input channels with which the convolution can be called, and features of an edge where it takes them."""
    probe, error = _Probe(_LENGTHS[0]), Exception()
    features = [None, *_candidates(conv, ("edge_dim", "dim"))] if takes_features else [None]
    for channels, width in product(_candidates(conv, ("in_channels", "channels")), features):
        x = torch.randn(probe.num_rows, channels, dtype=torch.float64)
        try:
            with torch.no_grad():
                conv(x, probe.edge_index, **_given(conv, probe, width))
        except Exception as reason:
            error = reason
        else:
            return channels, width
    raise TypeError(f"conv: {_name(conv)} could not be called as conv(x, edge_index): {error}") from error


def _given(conv: nn.Module, probe: _Probe, width: int | None) -> dict[str, Tensor]:
    parameters, given = inspect.signature(conv.forward).parameters, {}
    if "batch" in parameters:
        given["batch"] = probe.graph
    if "edge_weight" in parameters and parameters["edge_weight"].default is inspect.Parameter.empty:
        given["edge_weight"] = torch.rand(probe.edge_index.shape[1], dtype=torch.float64)
    if width is not None:
        given["edge_attr"] = torch.rand(probe.edge_index.shape[1], width, dtype=torch.float64)
    return given


def _candidates(conv: nn.Module, names: tuple[str, ...]) -> list[int]:
    """Widths that the module names, then those of its parts and weights, then small ones."""
    found: list[int] = []
    for part in conv.modules():
        for name in (*names, "in_features"):
            value = getattr(part, name, None)
            value = value[0] if isinstance(value, tuple) and value else value
            found += [value] if isinstance(value, int) and not isinstance(value, bool) and value > 0 else []
    found += [size for weight in conv.parameters() if _has_shape(weight) for size in weight.shape]
    # Of one channel a norm or an attention may be constant, so one is tried last.
    return list(dict.fromkeys([*(size for size in found if size > 1), 4, 2, 3, 8, 16, 1]))


def _has_shape(weight: Tensor) -> bool:
    return not isinstance(weight, nn.parameter.UninitializedParameter)


def _name(conv: nn.Module) -> str:
    return type(conv).__name__
