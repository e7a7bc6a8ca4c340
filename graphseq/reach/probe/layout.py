"""The axes of a tensor of sequences, found from what the layers of a model are given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphseq.reach.probe import taps
from graphseq.reach.probe.rows import LAYOUTS
from graphseq.reach.probe.still import still

_ORDERS = ("BTF", "TBF", "BFT")
_ORDERED = (nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.Conv1d)


def axes_of(model: object, x: Tensor, layout: str | None, run: Callable[[], object]) -> str:
    """Find what the axes of a tensor of sequences are: "BTF" unless a layer is given them in another order.

    A layer says its own order, by ``batch_first`` or as a convolution over time; its input is compared with x, which a
    model may have transposed on the way.

    Args:
        model: a sequence model.
        x: (B, T, F), (T, F), or tokens (B, T), (T,), in the order in which the model reads them.
        layout: the axes, where the user says them.
        run: calls the model.

    Raises:
        ValueError: another number of axes, layers that contradict each other, or as many sequences as steps where that
            hides the order.
    """
    dims, is_tokens = x.dim(), not x.is_floating_point()
    if layout is not None:
        if layout not in LAYOUTS or len(layout) != dims:
            fitting = ", ".join(axes for axes in LAYOUTS if len(axes) == dims)
            raise ValueError(f"layout must name the {dims} axes of x, one of {fitting or 'none'}; got {layout!r}")
        return layout
    if dims not in ((1, 2) if is_tokens else (2, 3)):
        wanted = "tokens (B, T) or (T,)" if is_tokens else "(B, T, F) or (T, F)"
        raise ValueError(f"data must be {wanted}, got {tuple(x.shape)} of {x.dtype}")
    if dims == (1 if is_tokens else 2):
        first = model[0] if isinstance(model, nn.Sequential) and len(model) else model
        return "T" if is_tokens else ("FT" if isinstance(first, nn.Conv1d) else "TF")
    found = _seen(model, x, run)
    if len(found) > 1:
        raise ValueError(
            f"the model's layers do not agree, or cannot say, what the axes of x {tuple(x.shape)} are: "
            f"{' or '.join(sorted(found))}; say it by layout='BTF'"
        )
    order = next(iter(found), "BTF")
    return order.replace("F", "") if is_tokens else order


def _seen(model: object, x: Tensor, run: Callable[[], object]) -> set[str]:
    """The orders of x that fit what the layers of a model are given, or none where no layer says anything."""
    given: list[tuple[str, Tensor]] = []

    def look(module: nn.Module, name: str, inputs: tuple[object, ...], output: object) -> None:
        tensor = taps.first_tensor(inputs)
        if tensor is not None and not tensor.is_nested and tensor.dim() == 3:
            given.append((_order(module), tensor))

    modules = model.named_modules() if isinstance(model, nn.Module) else ()
    names = [name for name, module in modules if isinstance(module, _ORDERED)]
    if not names:
        return set()
    with still(model), torch.no_grad(), taps.hooked(model, names, look):
        run()
    fitting = [_fitting(order, tensor, x) for order, tensor in given]
    known = [orders for orders in fitting if orders]
    agreed = set.intersection(*known) if known else set()
    if known and not agreed:
        return set.union(*known)
    first = [order for order, tensor in given if tensor.shape == x.shape and torch.equal(tensor, x)]
    if first:
        return {first[0]}
    all_batch_first = all(order == "BTF" for order, _ in given)
    return {"BTF"} if "BTF" in agreed and all_batch_first else agreed


def _order(module: nn.Module) -> str:
    if isinstance(module, nn.Conv1d):
        return "BFT"
    attention = getattr(module, "self_attn", module)
    return "BTF" if attention.batch_first else "TBF"


def _fitting(order: str, tensor: Tensor, x: Tensor) -> set[str]:
    """The orders of x under which its sequences and steps are those that a layer is given."""
    sizes = dict(zip(order, tensor.shape, strict=True))
    orders = _ORDERS if x.dim() == 3 else ("BTF", "TBF")
    found = set()
    for candidate in orders:
        own = dict(zip(candidate if x.dim() == 3 else candidate[:2], x.shape, strict=True))
        if own["B"] == sizes["B"] and own["T"] == sizes["T"] and (candidate != "BFT" or own["F"] == sizes["F"]):
            found.add(candidate)
    return found
