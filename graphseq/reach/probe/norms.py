"""Norms of the blocks of a Jacobian, computed by batched backward passes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.jacobian import Jacobian

Norm = Literal["fro", "l1", "max", "spectral"]
NORMS = ("fro", "l1", "max", "spectral")
MOST_PAIRS = 2**28


class TooLargeError(ValueError):
    """The exact Jacobian is larger than the limit.

    Raised by :func:`graphseq.reach.layer_jacobians`.
    """


def norms(measured: Jacobian, norm: str, max_entries: int) -> Tensor:
    """Compute a norm of each block of the Jacobian, (K, V), in the precision of the model.

    Args:
        measured: the Jacobian.
        norm: one of ``NORMS``.
        max_entries: the most entries to compute; outputs that share passes count once.

    Raises:
        TooLargeError: more entries than that, or a table of K × V that does not fit.
    """
    _checks.one_of("norm", norm, NORMS)
    k, c, v, f = measured.shape
    if k * v > MOST_PAIRS:
        raise TooLargeError(too_large(measured, f"its {k} × {v} norms alone are above {MOST_PAIRS}"))
    owner = measured.owners()
    if len(owner) * c * v * f > _checks.at_least("max_entries", max_entries, 1, 2**62):
        work = f"its {len(owner) * c} backward passes compute {len(owner) * c * v * f:.3g} of them"
        raise TooLargeError(too_large(measured, f"{work}, above max_entries={max_entries}"))
    if norm == "spectral":
        return _spectral(measured, owner).to(measured.x.dtype)
    channels = torch.eye(c, device=measured.x.device)[:, None].expand(c, k, c)
    sums = over_directions(measured, owner, channels, norm)
    return (sums.sqrt() if norm == "fro" else sums).to(measured.x.dtype)


def _spectral(measured: Jacobian, owner: Tensor) -> Tensor:
    """The largest singular value of each block (C, F), over the passes of one group of outputs at a time: (K, V)."""
    k, c, v, _ = measured.shape
    found = torch.zeros(k, v, dtype=torch.float64, device=owner.device)
    for owners in owner:
        outputs, rows = owners[owners >= 0].unique(), (owners >= 0).nonzero()[:, 0]
        lines = []
        for channels in torch.arange(c, device=owner.device).split(measured.chunk):
            direction = torch.nn.functional.one_hot(channels, c).repeat_interleave(len(outputs), dim=0)
            member = torch.arange(len(channels), device=owner.device).repeat_interleave(len(outputs))
            lines.append(measured.pull(len(channels), member, outputs.repeat(len(channels)), direction)[:, rows])
        blocks = torch.cat(lines).double().transpose(0, 1)
        found[owners[rows], rows] = torch.linalg.matrix_norm(blocks, ord=2)
    return found


def over_directions(measured: Jacobian, owner: Tensor, directions: Tensor, norm: str = "fro") -> Tensor:
    """The Jacobian's products with D directions (D, K, C) of each output, each row reduced to a number, over D: (K, V).

    With "fro" they are sums of squares, with "l1" sums of absolute values, with "max" the largest.
    """
    (k, _, v, _), d = measured.shape, len(directions)
    found = torch.zeros(k, v, dtype=torch.float64, device=owner.device)
    groups = [row[row >= 0].unique() for row in owner]
    for chunk in torch.arange(len(owner) * d, device=owner.device).split(measured.chunk):
        group, draw = chunk // d, chunk % d
        members = [groups[i] for i in group.tolist()]
        sizes = torch.tensor([len(outputs) for outputs in members], device=owner.device)
        index = torch.arange(len(chunk), device=owner.device).repeat_interleave(sizes)
        output = torch.cat(members)
        value = reduced(measured.pull(len(chunk), index, output, directions[draw[index], output]), norm)
        first = int(group[0])
        owners = owner[first : int(group[-1]) + 1]
        line = (group - first)[:, None].expand_as(value)
        joined = value.new_zeros(owners.shape).scatter_reduce_(0, line, value, "amax" if norm == "max" else "sum")
        at, row = (owners >= 0).nonzero(as_tuple=True)
        place = (owners[at, row], row)
        if norm == "max":
            found[place] = torch.maximum(found[place], joined[at, row])
        else:
            found.index_put_(place, joined[at, row], accumulate=True)
    return found


def reduced(gradients: Tensor, norm: str = "fro") -> Tensor:
    """Each row's entries as one number, in float64: the square of a small float32 would be 0."""
    order = {"fro": 2, "l1": 1, "max": torch.inf}[norm]
    value: Tensor = torch.linalg.vector_norm(gradients, ord=order, dim=-1, dtype=torch.float64)
    return value.square() if norm == "fro" else value


def too_large(measured: Jacobian, why: str) -> str:
    """The message for a Jacobian that is too large."""
    k, c, v, f = measured.shape
    size = k * c * v * f
    return (
        f"the exact Jacobian of {k} × {c} outputs in {v} × {f} inputs has {size:.3g} entries "
        f"({size * measured.x.element_size() / 2**30:.3g} GiB as {measured.x.dtype}); {why}. Choose fewer outputs with "
        "outputs=…, raise max_entries where that is the limit, or use estimate_influence (one pass an output and draw) "
        "or estimate_by_hop (one pass a draw)"
    )
