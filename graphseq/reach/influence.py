r"""How much each row's input moves an output, measured on the whole graph: exactly, or from a sample.

.. math:: I_{kv} = \left\| \frac{\partial\, out_k}{\partial\, x_v} \right\|_F
               = \Big(\sum_{c,f} \big(\partial\, out_{kc} / \partial\, x_{vf}\big)^2\Big)^{1/2}

A norm over all C × F channels: entries of different sign never cancel. It is zero for every input exactly where the row
is out of reach. Models are measured in evaluation mode and left as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.reach.hops import hop_distances
from graphseq.reach.jacobian import Jacobian, jacobian
from graphseq.reach.profile import sums_by_hop

_MOST_PAIRS = 2**28


class TooLargeError(ValueError):
    """The exact Jacobian is larger than was allowed for."""


def influence(
    model: Model | Encoder, graph: SpaceTimeGraph, *, outputs: Tensor | None = None, max_entries: int = 2**33
) -> Tensor:
    r"""The Frobenius norm of each block of the Jacobian, I_kv = ‖∂ out_k / ∂ x_v‖_F, exact up to rounding.

    Backward passes are batched, and outputs whose reach does not meet share a pass, so that a batch of graphs costs
    what its largest graph does. Every pass runs on the whole graph: nothing is cut out or normalised again.

    Args:
        model: a model, or an encoder, whose outputs are then the states of the target rows. Measured in evaluation
            mode, whatever mode it is in, and left as it was.
        graph: V rows. Features are read in the number type of the model's weights (float64 for what is below 1e-38);
            tokens as one-hot rows, so that F is the number of token kinds. With a transform, x_v is the input before
            it.
        outputs: which outputs, (K,), such as ``torch.tensor([0])``; without it, all: target rows, or graphs.
        max_entries: the most entries of the Jacobian to compute; outputs that share passes count once.

    Returns:
        (K, V), in the number type of the weights.

    Raises:
        TypeError: ``model`` is neither.
        TooLargeError: the Jacobian is larger than ``max_entries``; a ``ValueError`` that says how large it is.
        ValueError: an output that there is not, or a model that is random in evaluation mode too.

    Source: Xu et al., *Representation learning on graphs with jumping knowledge networks* (2018), definition 3.1,
    with a norm in the place of the sum of entries.

    Example:
        A linear layer on two joined rows: Â is ½ everywhere, so I = ½ ‖W‖.

        >>> import graphseq as gs, torch
        >>> gcn = gs.nn.GCN(1, 1, num_layers=1)
        >>> _ = gcn.convs[0].lin.weight.data.fill_(3.0)
        >>> influence(gcn, gs.from_sequence(torch.zeros(2, 1))).round(decimals=4).tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    with jacobian(model, graph, outputs) as measured:
        k, c, v, f = measured.shape
        if k * v > _MOST_PAIRS:
            raise TooLargeError(_too_large(measured, f"its {k} × {v} norms alone are above {_MOST_PAIRS}"))
        owner = measured.owners()
        if len(owner) * c * v * f > _checks.at_least("max_entries", max_entries, 1):
            work = f"its {len(owner) * c} backward passes give {len(owner) * c * v * f:.3g} of them"
            raise TooLargeError(_too_large(measured, f"{work}, above max_entries={max_entries}"))
        channels = torch.eye(c, device=measured.x.device)[:, None].expand(c, k, c)
        return _squares(measured, owner, channels).sqrt().to(measured.x.dtype)


@dataclass(frozen=True)
class ProfileEstimate:
    """What a sample of outputs says of the squared influence at each distance."""

    at: Tensor  #: hops, 0 … D
    value: Tensor  #: unbiased for the mean over outputs of the summed I_kv² at that distance, (D + 1,), float64
    error: Tensor  #: its standard error, estimated from the same draws, (D + 1,)
    samples: int  #: draws in all


@dataclass(frozen=True)
class Estimate:
    """What a sample says of the squared influence: a mean, and the standard error of that mean."""

    squared: Tensor  #: unbiased for I_kv², (K, V), float64
    error: Tensor  #: its standard error, estimated from the same draws, (K, V)
    samples: int  #: draws for each output

    @property
    def norm(self) -> Tensor:
        """√squared, (K, V): consistent for I_kv, and too small on average, as a root of a mean is."""
        return self.squared.sqrt()


def estimate_influence(
    model: Model | Encoder, graph: SpaceTimeGraph, *, samples: int = 16, seed: int = 0, outputs: Tensor | None = None
) -> Estimate:
    r"""An unbiased estimate of I_kv² for every row from ``samples`` backward passes an output, however many channels.

    .. math:: E\big[\| r^\top \partial out_k / \partial x_v \|^2\big] = \| \partial out_k / \partial x_v \|_F^2,
              \qquad r \in \{-1, 1\}^C \text{ uniform}

    The *square* is what is unbiased; so is any sum of squares. Where an output has one channel it is exact. Draws of
    one output are the same for all its rows, so errors of different rows are not independent.

    Args:
        model: as in :func:`influence`.
        graph: V rows.
        samples: draws for each output, at least 2.
        seed: of the draws.
        outputs: which outputs, (K,); without it, all.

    Raises:
        TypeError, ValueError: as :func:`influence`; and the table of K × V being too large to hold.

    Source: Hutchinson, *A stochastic estimator of the trace of the influence matrix* (1990), for the trace of J Jᵀ.

    Example:
        >>> import graphseq as gs, torch
        >>> model = gs.nn.Model(gs.nn.LSTM(1, 4), 1)
        >>> graph = gs.from_sequence(torch.zeros(3, 1))
        >>> bool(torch.allclose(estimate_influence(model, graph).norm.float(), influence(model, graph)))
        True
    """
    _checks.at_least("samples", samples, 2)
    g = torch.Generator().manual_seed(_checks.at_least("seed", seed, 0))
    with jacobian(model, graph, outputs) as measured:
        k, _, v, _ = measured.shape
        if k * v > _MOST_PAIRS:
            raise TooLargeError(f"the table of {k} × {v} estimates is above {_MOST_PAIRS}; ask fewer with outputs=…")
        owner = measured.owners()
        mean = spread = torch.zeros(k, v, dtype=torch.float64, device=measured.x.device)
        for done in range(1, samples + 1):
            once = _squares(measured, owner, _signs(measured, 1, k, g))
            away = once - mean
            mean = mean + away / done
            spread = spread + away * (once - mean)
    return Estimate(mean, (spread / (samples - 1) / samples).sqrt(), samples)


def estimate_by_hop(
    model: Model | Encoder, graph: SpaceTimeGraph, *, samples: int = 64, seed: int = 0, causal: bool = False
) -> ProfileEstimate:
    r"""An unbiased estimate of the squared influence by hop distance, from ``samples`` backward passes in all.

    .. math:: P_h = \frac{1}{K} \sum_k \sum_{v:\, d(k, v) = h} I_{kv}^2

    Each draw takes one of the K outputs and one direction of its channels, both at random: what a graph of a million
    rows has time for. It is what :func:`by_hop` gives on ``influence(model, graph) ** 2``.

    Args:
        model: as in :func:`influence`, with one output a row.
        graph: V rows.
        samples: draws, at least 2.
        seed: of the draws.
        causal: hops along time past → future only.

    Raises:
        TypeError, ValueError: as :func:`influence`; a model that pools rows; and influence from where no way leads.

    Source: as :func:`estimate_influence`.

    Example:
        >>> import graphseq as gs, torch
        >>> found = estimate_by_hop(gs.nn.GCN(1, 1, num_layers=1), gs.from_sequence(torch.zeros(9, 1)))
        >>> found.at.tolist(), bool((found.value[2:] == 0).all())
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], True)
    """
    _checks.at_least("samples", samples, 2)
    if isinstance(model, Model) and not isinstance(model.head, RowHead):
        raise ValueError("hops are counted from a row that is asked; this model pools all rows of a graph")
    g = torch.Generator().manual_seed(_checks.at_least("seed", seed, 0))
    asked = graph.target_rows.cpu()
    drawn = torch.randint(0, len(asked), (samples,), generator=g)
    draws: list[Tensor] = []
    with jacobian(model, graph, drawn) as measured:
        signs = _signs(measured, samples, 1, g)[:, 0]
        for some in torch.arange(samples, device=signs.device).split(measured.chunk):
            passes = torch.arange(len(some), device=signs.device)
            pulled = measured.pull(len(some), passes, some, signs[some])
            hops = hop_distances(graph, asked[drawn[some.cpu()]], causal=causal)
            draws.extend(sums_by_hop(_energy(pulled).cpu(), hops))
    sums = torch.nn.utils.rnn.pad_sequence(draws, batch_first=True)
    error = sums.std(dim=0) / samples**0.5
    return ProfileEstimate(torch.arange(sums.shape[1]), sums.mean(dim=0), error, samples)


def _squares(measured: Jacobian, owner: Tensor, directions: Tensor) -> Tensor:
    """Squared norms of the Jacobian's products with D directions (D, K, C) of each output, summed over D: (K, V)."""
    (k, _, v, _), d = measured.shape, len(directions)
    found = torch.zeros(k, v, dtype=torch.float64, device=owner.device)
    groups = [row[row >= 0].unique() for row in owner]
    for some in torch.arange(len(owner) * d, device=owner.device).split(measured.chunk):
        group, which = some // d, some % d
        members = [groups[i] for i in group.tolist()]
        sizes = torch.tensor([len(each) for each in members], device=owner.device)
        place = torch.arange(len(some), device=owner.device).repeat_interleave(sizes)
        output = torch.cat(members)
        energy = _energy(measured.pull(len(some), place, output, directions[which[place], output]))
        first = int(group[0])
        mine = owner[first : int(group[-1]) + 1]
        summed = energy.new_zeros(mine.shape).index_add_(0, group - first, energy)
        at, row = (mine >= 0).nonzero(as_tuple=True)
        found.index_put_((mine[at, row], row), summed[at, row], accumulate=True)
    return found


def _energy(gradients: Tensor) -> Tensor:
    """Squared norms over the last dimension, in float64: the square of a small float32 would be 0."""
    norm: Tensor = torch.linalg.vector_norm(gradients, dim=-1, dtype=torch.float64)
    return norm.square()


def _signs(measured: Jacobian, draws: int, outputs: int, generator: torch.Generator) -> Tensor:
    """Random signs, (draws, outputs, C)."""
    signs = torch.randint(0, 2, (draws, outputs, measured.shape[1]), generator=generator) * 2 - 1
    return signs.to(measured.x.device, measured.x.dtype)


def _too_large(measured: Jacobian, why: str) -> str:
    k, c, v, f = measured.shape
    size = k * c * v * f
    return (
        f"the exact Jacobian of {k} × {c} outputs in {v} × {f} inputs has {size:.3g} entries "
        f"({size * measured.x.element_size() / 2**30:.3g} GiB as {measured.x.dtype}); {why}. Ask fewer with outputs=…, "
        "raise max_entries where that is what stops it, or take estimate_influence (one pass an output and draw) or "
        "estimate_by_hop (one pass a draw)"
    )
