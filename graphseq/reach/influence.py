r"""The influence of each row's input on an output, computed on the whole graph, exactly or by sampling.

.. math:: I_{kv} = \left\| \frac{\partial\, out_k}{\partial\, x_v} \right\|_F
               = \Big(\sum_{c,f} \big(\partial\, out_{kc} / \partial\, x_{vf}\big)^2\Big)^{1/2}

It is a norm over all C × F channels, so that entries of different sign do not cancel. Outside the receptive field it is
exactly zero. Models are measured in evaluation mode and left unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq._prompt import short_repr
from graphseq.reach.jacobian import Jacobian
from graphseq.reach.probe import intervals
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.norms import MOST_PAIRS, TooLargeError, over_directions, reduced
from graphseq.reach.probe.probe import Probe
from graphseq.reach.profile import sums_by_hop


@checked_but("model")
def influence(
    model: Callable[..., object], graph: object, *, outputs: Tensor | None = None, max_entries: int = 2**33
) -> Tensor:
    r"""Compute the Frobenius norm of each block of the Jacobian, I_kv = ‖∂ out_k / ∂ x_v‖_F, exact up to rounding.

    Backward passes are batched, and outputs of disjoint receptive fields share a pass, so that a batch of graphs costs
    as much as its largest graph. Every pass runs on the whole graph, without cutting out or renormalising subgraphs.

    Args:
        model: any model that :class:`~graphseq.reach.Probe` takes, such as one of this library, of PyG, or an
            ``nn.LSTM``; of an encoder, the outputs are the states of the target rows. Measured in evaluation mode and
            left unchanged.
        graph: its data, V rows. Features are cast to the dtype of the model's weights (use float64 for values below
            1e-38). Tokens of an encoder of this library are one-hot rows, so that F is the number of distinct tokens;
            of other models, the output of their embedding. With a transform, x_v is the input before it.
        outputs: the outputs, (K,), such as ``torch.tensor([0])``; ``None`` for all: target rows, or graphs.
        max_entries: the most entries of the Jacobian to compute; outputs that share passes count once.

    Returns:
        (K, V), in the dtype of the weights.

    Raises:
        TypeError: ``model`` cannot be called, or data of another type.
        TooLargeError: the Jacobian is larger than ``max_entries``; a ``ValueError`` that states its size.
        ValueError: an output that does not exist, or a model that is random in evaluation mode.

    Source: Xu et al., *Representation learning on graphs with jumping knowledge networks* (2018), definition 3.1,
    with a norm in place of the sum of entries.

    Example:
        A linear layer on two adjacent rows: all entries of Â are ½, so I = ½ ‖W‖.

        >>> import graphseq as gs, torch
        >>> gcn = gs.nn.GCN(1, 1, num_layers=1)
        >>> _ = gcn.convs[0].lin.weight.data.fill_(3.0)
        >>> influence(gcn, gs.from_sequence(torch.zeros(2, 1))).round(decimals=4).tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    check_data("graph", model, graph)
    return Probe(model, graph).influence(outputs=outputs, max_entries=max_entries)


@short_repr
@dataclass(frozen=True)
class ProfileEstimate:
    """An estimate of the squared influence by distance, from a sample of outputs.

    Returned by :func:`graphseq.reach.estimate_by_hop`.
    """

    at: Tensor  #: hops, 0 … D
    value: Tensor  #: unbiased estimate of the mean over outputs of Σ I_kv² at that distance, (D + 1,), float64
    error: Tensor  #: its standard error, estimated from the same draws, (D + 1,)
    samples: int  #: the number of draws
    no_path: float = 0.0  #: the same estimate of the rows from which no path leads to the output

    @checked_arguments
    def interval(self, ci: float = 0.95) -> tuple[Tensor, Tensor]:
        """The ends of an interval for each value, (D + 1,) each, from Student's distribution of it or of its logarithm.

        Measured, intervals of 64 draws or more cover at 93 to 96 % for 95 %, unless few outputs have most influence.
        """
        half = intervals.quantile(ci, self.samples - 1) * self.error
        return intervals.ends(self.value, half)


@short_repr
@dataclass(frozen=True)
class Estimate:
    """An estimate of the squared influence, and its standard error.

    Returned by :func:`graphseq.reach.estimate_influence`.
    """

    squared: Tensor  #: unbiased estimate of I_kv², (K, V), float64
    error: Tensor  #: its standard error, estimated from the same draws, (K, V)
    samples: int  #: the number of draws for each output

    @property
    def norm(self) -> Tensor:
        """√squared, (K, V): a consistent estimate of I_kv, biased downwards as a root of a mean is."""
        return self.squared.sqrt()

    @checked_arguments
    def interval(self, ci: float = 0.95) -> tuple[Tensor, Tensor]:
        """The ends of an interval for each I_kv, (K, V) each, that covers it at least at this confidence.

        They are those of χ² of as many degrees of freedom as draws, which hold for every Jacobian; with one output
        channel the estimate is exact, and they are the value itself. Measured for 95 %: 95 to 100 %, at 8 draws and at
        64, with 2 to 64 channels. (Twice the standard error covers at 82 to 92 % with 8 to 16 draws.)
        """
        low, high = intervals.of_squares(self.squared, self.error, self.samples, ci)
        return low.sqrt(), high.sqrt()


@checked_but("model")
def estimate_influence(
    model: Callable[..., object], graph: object, *, samples: int = 16, seed: int = 0, outputs: Tensor | None = None
) -> Estimate:
    r"""Estimate I_kv² for every row without bias, by ``samples`` backward passes an output for any number of channels.

    .. math:: E\big[\| r^\top \partial out_k / \partial x_v \|^2\big] = \| \partial out_k / \partial x_v \|_F^2,
              \qquad r \in \{-1, 1\}^C \text{ uniform}

    The *square* is unbiased, and so is any sum of squares. With one output channel it is exact. All rows of an output
    share its draws, so the errors of different rows are not independent.

    Args:
        model: as in :func:`influence`.
        graph: V rows.
        samples: the number of draws for each output, at least 2.
        seed: of the draws.
        outputs: the outputs, (K,); ``None`` for all.

    Raises:
        TypeError, ValueError: as :func:`influence`; also where a table of K × V does not fit.

    Source: Hutchinson, *A stochastic estimator of the trace of the influence matrix* (1990), for the trace of J Jᵀ.

    Example:
        >>> import graphseq as gs, torch
        >>> model = gs.nn.Model(gs.nn.LSTM(1, 4), 1)
        >>> graph = gs.from_sequence(torch.zeros(3, 1))
        >>> bool(torch.allclose(estimate_influence(model, graph).norm.float(), influence(model, graph)))
        True
    """
    _checks.at_least("samples", samples, 2)
    check_data("graph", model, graph)
    g = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
    with Probe(model, graph).jacobian(outputs) as measured:
        k, _, v, _ = measured.shape
        if k * v > MOST_PAIRS:
            raise TooLargeError(
                f"the table of {k} × {v} estimates is above {MOST_PAIRS}; choose fewer outputs with outputs=…"
            )
        owner = measured.owners()
        mean = deviations = torch.zeros(k, v, dtype=torch.float64, device=measured.x.device)
        for count in range(1, samples + 1):  # Welford's update of a mean and its sum of squared deviations
            sample = over_directions(measured, owner, _signs(measured, 1, k, g))
            delta = sample - mean
            mean = mean + delta / count
            deviations = deviations + delta * (sample - mean)
    return Estimate(mean, (deviations / (samples - 1) / samples).sqrt(), samples)


@checked_but("model")
def estimate_by_hop(
    model: Callable[..., object], graph: object, *, samples: int = 64, seed: int = 0, causal: bool = False
) -> ProfileEstimate:
    r"""Estimate the squared influence by hop distance without bias, from ``samples`` backward passes in total.

    .. math:: P_h = \frac{1}{K} \sum_k \sum_{v:\, d(k, v) = h} I_{kv}^2

    Each draw takes one of the K outputs and one direction of its channels, both at random, so that it is feasible on a
    graph of a million rows. Its expectation is :func:`by_hop` of ``influence(model, graph) ** 2``.

    Args:
        model: as in :func:`influence`, with one output a row.
        graph: V rows.
        samples: the number of draws, at least 2.
        seed: of the draws.
        causal: hops along time past → future only.

    Raises:
        TypeError, ValueError: as :func:`influence`; also for a model that pools rows.

    Source: as :func:`estimate_influence`.

    Example:
        >>> import graphseq as gs, torch
        >>> estimate = estimate_by_hop(gs.nn.GCN(1, 1, num_layers=1), gs.from_sequence(torch.zeros(9, 1)))
        >>> estimate.at.tolist(), bool((estimate.value[2:] == 0).all())
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], True)
    """
    _checks.at_least("samples", samples, 2)
    check_data("graph", model, graph)
    probe = Probe(model, graph)
    if probe.output_rows is None:
        raise ValueError("hops are counted from a target row; model pools all rows of a graph")
    g = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
    outputs = torch.randint(0, probe.num_outputs, (samples,), generator=g)
    profiles: list[Tensor] = []
    no_path: list[Tensor] = []
    with probe.jacobian(outputs) as measured:
        signs = _signs(measured, samples, 1, g)[:, 0]
        for chunk in torch.arange(samples, device=signs.device).split(measured.chunk):
            passes = torch.arange(len(chunk), device=signs.device)
            gradients = measured.pull(len(chunk), passes, chunk, signs[chunk])
            hops = probe.hops(outputs[chunk.cpu()], causal=causal)
            sums, rest = sums_by_hop(reduced(gradients).cpu(), hops)
            profiles.extend(sums)
            no_path.append(rest)
    sums = torch.nn.utils.rnn.pad_sequence(profiles, batch_first=True)
    error = sums.std(dim=0) / samples**0.5
    mean, elsewhere = sums.mean(dim=0), float(torch.cat(no_path).mean())
    return ProfileEstimate(torch.arange(sums.shape[1]), mean, error, samples, elsewhere)


def _signs(measured: Jacobian, draws: int, outputs: int, generator: torch.Generator) -> Tensor:
    """Random signs, (draws, outputs, C)."""
    signs = torch.randint(0, 2, (draws, outputs, measured.shape[1]), generator=generator) * 2 - 1
    return signs.to(measured.x.device, measured.x.dtype)
