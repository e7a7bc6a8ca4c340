"""Initialisations of recurrent networks for long lags. Each function changes an encoder in place and returns it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq.nn.recurrent.gated import GatedLayer
from graphseq.nn.recurrent.gcn_lstm import GCNLSTM
from graphseq.nn.recurrent.rnn import LSTM, RNN, RNNBase

R = TypeVar("R", bound=RNNBase)
L = TypeVar("L", RNN, LSTM)
M = TypeVar("M", LSTM, GCNLSTM)
_LATCH_SCALE, _LATCH_GATES = 0.05, 2.0  # the size of an input weight of a latch, and the bias of its gates in an LSTM


@torch.no_grad()
@checked_but("encoder")
def orthogonal_(encoder: R, *, gain: float = 1.0, generator: torch.Generator | None = None) -> R:
    r"""Set the recurrent matrix of every layer, or each gate's block of it, to an orthogonal one, and all biases to 0.

    .. math:: W_{hh} = g\,Q, \qquad Q^\top Q = I, \qquad b = 0

    Q preserves norms, so that the linear part of the recurrence neither shrinks nor amplifies gradients; its rotation
    is random.

    Args:
        encoder: an :class:`~graphseq.nn.RNN`, :class:`~graphseq.nn.GRU` or :class:`~graphseq.nn.LSTM`.
        gain: g, above 0.
        generator: the generator to draw Q with; torch's default where ``None``.

    Raises:
        TypeError: another encoder.
        ValueError: a gain of 0 or below.

    Source: Saxe et al., *Exact solutions to the nonlinear dynamics of learning in deep linear neural networks* (2014);
    for recurrent networks Henaff, Szlam and LeCun, *Recurrent orthogonal networks and long-memory tasks* (2016).

    Example:
        >>> import graphseq as gs, torch
        >>> weight = orthogonal_(gs.nn.RNN(3, 8)).kernel.weight_hh_l0
        >>> torch.allclose(weight @ weight.T, torch.eye(8), atol=1e-5)
        True
    """
    kernel = _kernel(encoder, RNNBase, "RNN, GRU or LSTM")
    gain = _checks.positive("gain", gain)
    for layer in range(kernel.num_layers):
        for block in _gates(kernel, "weight_hh", layer):
            nn.init.orthogonal_(block, gain, generator=generator)
        _zero_biases(kernel, layer)
    return encoder


@torch.no_grad()
@checked_but("encoder")
def kaiming_(encoder: R, *, generator: torch.Generator | None = None) -> R:
    r"""Draw both matrices of every layer, or each gate's block of them, with He's variance, and set all biases to 0.

    .. math:: W_{hx} \sim N(0, 2/F), \qquad W_{hh} \sim N(0, 2/H), \qquad b = 0

    Torch draws both from :math:`U(-1/\sqrt H, 1/\sqrt H)` for any F, so that few features give small pre-activations.
    For one feature the standard deviation of W_hx here is :math:`\sqrt{6 H}` times as large.

    Args:
        encoder: an :class:`~graphseq.nn.RNN`, :class:`~graphseq.nn.GRU` or :class:`~graphseq.nn.LSTM`.
        generator: the generator to draw the weights with; torch's default where ``None``.

    Raises:
        TypeError: another encoder.

    Source: He et al., *Delving deep into rectifiers* (2015), eq. 10, there for rectifiers.

    Example:
        >>> import graphseq as gs, torch
        >>> kernel = kaiming_(gs.nn.LSTM(1, 500), generator=torch.Generator().manual_seed(0)).kernel
        >>> round(kernel.weight_ih_l0.var().item(), 1), round(500 * kernel.weight_hh_l0.var().item(), 2)
        (2.0, 2.0)
    """
    kernel = _kernel(encoder, RNNBase, "RNN, GRU or LSTM")
    for layer in range(kernel.num_layers):
        for name in ("weight_ih", "weight_hh"):
            for block in _gates(kernel, name, layer):
                nn.init.kaiming_normal_(block, generator=generator)
        _zero_biases(kernel, layer)
    return encoder


@torch.no_grad()
@checked_but("encoder")
def identity_(encoder: RNN, *, gain: float = 1.0) -> RNN:
    r"""Set the recurrent matrix of every layer to g times the identity, and all biases to 0; units latch if g > 1.

    .. math:: W_{hh} = g\,I, \qquad b = 0

    Each unit is initially independent of the others, h ← tanh(g h + W x). With g = 1 its state decays slowly, like
    :math:`1/\sqrt{2t}`. With g > 1 it has two stable states and, from zero, moves to the one that its first input
    favours; after that, inputs smaller than :func:`graphseq.reach.theory.latch_threshold` cannot flip it. With torch's
    initial W_hx, one-hot rows give inputs of at most :math:`1/\sqrt H`, below that threshold at g = 2 for H ≥ 4.

    Args:
        encoder: an :class:`~graphseq.nn.RNN`.
        gain: g, above 0.

    Raises:
        TypeError: another encoder.
        ValueError: a gain of 0 or below.

    Source: Le, Jaitly and Hinton, *A simple way to initialize recurrent networks of rectified linear units* (2015), for
    the identity; Bengio, Simard and Frasconi, *Learning long-term dependencies with gradient descent is difficult*
    (1994), section III, for tanh units of gain above 1 that latch.

    Example:
        >>> import graphseq as gs
        >>> identity_(gs.nn.RNN(3, 2), gain=2.0).kernel.weight_hh_l0.tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    kernel = _kernel(encoder, RNN, "RNN")
    gain = _checks.positive("gain", gain)
    for layer in range(kernel.num_layers):
        weight: Tensor = getattr(kernel, f"weight_hh_l{layer}")
        nn.init.eye_(weight).mul_(gain)
        _zero_biases(kernel, layer)
    return encoder


@torch.no_grad()
@checked_but("encoder")
def spread_biases_(encoder: RNN, low: float, high: float, *, generator: torch.Generator | None = None) -> RNN:
    r"""Draw the biases of the first layer so that its units change sign at points uniform in the range of the inputs.

    .. math:: b_i = -\sum_k W_{ik}\, x_{ik}, \qquad x_{ik} \sim U(\mathrm{low}, \mathrm{high})

    With biases near zero, an input that is never negative, such as a digit as one number, gives each unit one sign
    only. With these biases equally many units change sign between any two neighbouring values. Torch's second bias is
    set to 0.

    Args:
        encoder: an :class:`~graphseq.nn.RNN`.
        low: the least value of an input.
        high: the greatest value of an input, above ``low``.
        generator: the generator to draw x with; torch's default where ``None``.

    Raises:
        TypeError: another encoder.
        ValueError: ``high`` not above ``low``.

    Source: Steinwart, *A sober look at neural network initializations* (2019), for rectifiers and their kinks.

    Example:
        >>> import graphseq as gs
        >>> kernel = spread_biases_(gs.nn.RNN(1, 8), 0, 9).kernel
        >>> turns = -kernel.bias_ih_l0 / kernel.weight_ih_l0[:, 0]
        >>> bool((turns > -1e-4).all() and (turns < 9.0001).all())
        True
    """
    kernel = _kernel(encoder, RNN, "RNN")
    low, high = (_checks.between(name, end, -1e30, 1e30) for name, end in (("low", low), ("high", high)))
    if not low < high:
        raise ValueError(f"high must be above low, got low={low} and high={high}")
    weight: Tensor = kernel.weight_ih_l0  # type: ignore[assignment]
    at = torch.empty_like(weight).uniform_(low, high, generator=generator)
    bias: Tensor = kernel.bias_ih_l0  # type: ignore[assignment]
    bias.copy_(-(weight * at).sum(dim=1))
    _zero_second_bias(kernel, 0)
    return encoder


@torch.no_grad()
@checked_but("encoder")
def latch_(encoder: L, low: float, high: float, *, gain: float = 64.0, generator: torch.Generator | None = None) -> L:
    r"""Make every unit of the first layer a latch that keeps for ever on which side of a point the first input was.

    .. math:: h_t = \tanh\big(g\,h_{t-1} + s\,(x_t - \theta)\big), \qquad
        \theta \sim U(\mathrm{low}, \mathrm{high}), \quad s = \pm\tfrac{1}{20}

    for one feature; W_hx has the entries ±1/20, each sign as likely, the biases are those of :func:`spread_biases_`,
    and W_hh = g I. In an :class:`~graphseq.nn.LSTM` the candidate of the cell is this unit, and its three gates have
    the bias 2 and no weights, so that each is σ(2) = .88 open at first. Since the points θ are spread, the signs of all
    units together tell the first number, as a thermometer does, and a linear head can read it. Other layers stay.

    Whatever follows in [low, high], a unit keeps its sign if the first input is far enough from its point,

    .. math:: |x_1 - \theta| > \frac{\mathrm{high} - \mathrm{low}}{g - 1} \;\text{(RNN)}, \qquad
        |x_1 - \theta| > \frac{\mathrm{high} - \mathrm{low}}{g \gamma^2 + \gamma - 1}
        \;\text{(LSTM, }\gamma = \sigma(2))

    to first order in s (high - low) / g: the unit, linear near 0, then grows faster than the inputs can pull it back,
    and once it is saturated they are too small to flip it (:func:`graphseq.reach.theory.latch_threshold`).

    Args:
        encoder: an :class:`~graphseq.nn.RNN` or :class:`~graphseq.nn.LSTM`.
        low: the least value of an input.
        high: the greatest value of an input, above ``low``.
        gain: g, from 4 to 10,000; the greater, the closer to θ a first input may be, and the smaller the gradient.
        generator: the generator to draw signs and points with; torch's default where ``None``.

    Raises:
        TypeError: another encoder.
        ValueError: ``high`` not above ``low``, inputs that could flip a saturated unit, or a gain out of its range.

    Source: Bengio, Simard and Frasconi, *Learning long-term dependencies with gradient descent is difficult* (1994),
    section III, for units that latch; the bound is derived here.

    Example:
        >>> import graphseq as gs, torch
        >>> encoder = latch_(gs.nn.RNN(1, 100), 0, 9, generator=torch.Generator().manual_seed(0))
        >>> digits = torch.cat([torch.tensor([[4.0]]), 9.0 * (torch.rand(999, 1) > 0.5)])
        >>> states = encoder(gs.from_sequence(digits))
        >>> bool(((states[0] > 0) == (states[-1] > 0)).float().mean() > 0.9)
        True
    """
    kernel = _kernel(encoder, (RNN, LSTM), "RNN or LSTM")
    low, high = (_checks.between(name, end, -1e30, 1e30) for name, end in (("low", low), ("high", high)))
    if not low < high:
        raise ValueError(f"high must be above low, got low={low} and high={high}")
    gain = _checks.between("gain", gain, 4, 1e4)
    is_lstm = isinstance(encoder, LSTM)
    pull, hold = _LATCH_SCALE * kernel.input_size * (high - low), _held_by(gain, gated=is_lstm)
    if pull >= hold:
        raise ValueError(
            f"inputs from low={low} to high={high} pull by up to {pull:.3g}, and a unit of gain={gain} holds against "
            f"{hold:.3g}; scale the inputs down, or take a greater gain"
        )
    unit = slice(2 * kernel.hidden_size, 3 * kernel.hidden_size) if is_lstm else slice(None)
    weight: Tensor = kernel.weight_ih_l0  # type: ignore[assignment]
    state: Tensor = kernel.weight_hh_l0  # type: ignore[assignment]
    bias: Tensor = kernel.bias_ih_l0  # type: ignore[assignment]
    for parameter in (weight, state):
        parameter.zero_()
    bias.fill_(_LATCH_GATES)
    _zero_second_bias(kernel, 0)
    shape = weight[unit].shape
    weight[unit] = _LATCH_SCALE * (2.0 * torch.randint(2, shape, generator=generator).to(weight) - 1)
    at = torch.empty_like(weight[unit]).uniform_(low, high, generator=generator)
    bias[unit] = -(weight[unit] * at).sum(dim=1)
    state[unit] = gain * torch.eye(kernel.hidden_size).to(state)
    return encoder


@torch.no_grad()
@checked_but("encoder")
def chrono_(encoder: M, longest: float, *, generator: torch.Generator | None = None) -> M:
    r"""Draw the biases of an LSTM's forget and input gates so that its units have time constants up to a longest one.

    .. math:: b_f \sim \log U(1, T - 1), \qquad b_i = -b_f

    A forget gate of bias b has a time constant of about 1 + e^b steps. Torch's second biases are set to 0. One draw
    gives an LSTM and a GCN-LSTM the same biases.

    Args:
        encoder: an :class:`~graphseq.nn.LSTM`, or a :class:`~graphseq.nn.GCNLSTM` with ``GCNConv`` gates.
        longest: T, the longest lag of the task, in steps, above 2.
        generator: the generator to draw the biases with; torch's default where ``None``.

    Raises:
        TypeError: another encoder, or other gates.
        ValueError: a time of 2 steps or below.

    Source: Tallec and Ollivier, *Can recurrent neural networks warp time?* (2018), the chrono initialisation.

    Example:
        >>> import graphseq as gs
        >>> i, f, g, o = chrono_(gs.nn.LSTM(3, 8), longest=1000).kernel.bias_ih_l0.chunk(4)
        >>> bool((f == -i).all() and f.min() >= 0 and f.max() <= 6.91)
        True
    """
    longest = _checks.positive("longest", longest)
    _checks.between("longest", longest, 0, 1e30)
    if longest <= 2:
        raise ValueError(f"longest must be above 2 steps, got {longest}")
    for bias_x, bias_h in _biases(encoder):
        bias_h.zero_()
        i, f, _, _ = bias_x.chunk(4)
        f.uniform_(1, longest - 1, generator=generator).log_()
        i.copy_(-f)
    return encoder


@torch.no_grad()
@checked_but("encoder")
def forget_bias_(encoder: M, bias: float = 1.0) -> M:
    r"""Set the bias of an LSTM's forget gates, b_f = ``bias`` in every unit; all other parameters are unchanged.

    Torch keeps two biases a gate, which are added; the second one of the forget gate is set to 0.

    Args:
        encoder: an :class:`~graphseq.nn.LSTM`, or a :class:`~graphseq.nn.GCNLSTM` with ``GCNConv`` gates.
        bias: b_f; the time constant of a unit is about 1 + e^b steps.

    Raises:
        TypeError: another encoder, other gates, or a bias that is not a number.
        ValueError: a bias beyond ±100, where the gate is saturated.

    Source: Gers, Schmidhuber and Cummins, *Learning to forget* (2000), section 3; Jozefowicz et al., *An empirical
    exploration of recurrent network architectures* (2015), for 1.

    Example:
        >>> import graphseq as gs
        >>> forget_bias_(gs.nn.LSTM(3, 2), 3.0).kernel.bias_ih_l0.chunk(4)[1].tolist()
        [3.0, 3.0]
    """
    bias = _checks.between("bias", bias, -100, 100)
    for bias_x, bias_h in _biases(encoder):
        bias_x.chunk(4)[1].fill_(bias)
        bias_h.chunk(4)[1].zero_()
    return encoder


def _biases(encoder: LSTM | GCNLSTM) -> Iterator[tuple[Tensor, Tensor]]:
    """The two biases of each layer of an LSTM, of the input map and of the state map, gates i, f, g, o, (4 H) each."""
    if isinstance(encoder, GCNLSTM):
        for layer in cast("list[GatedLayer]", list(encoder.layers)):
            if not layer.is_plain:
                raise TypeError(f"encoder must have GCNConv gates, got {type(layer.conv_x).__name__}")
            yield layer.weights()[2:]
        return
    kernel = _kernel(encoder, LSTM, "LSTM or GCNLSTM")
    for number in range(kernel.num_layers):
        yield getattr(kernel, f"bias_ih_l{number}"), getattr(kernel, f"bias_hh_l{number}")


def _held_by(gain: float, *, gated: bool) -> float:
    """The input that a saturated latch withstands, as reach.theory.latch_threshold; gates make its gain smaller."""
    if gated:
        gain *= torch.tensor(_LATCH_GATES).sigmoid().item() ** 2
    return math.sqrt(gain * (gain - 1)) - math.atanh(math.sqrt(1 - 1 / gain))


def _kernel(encoder: object, kind: type[RNNBase] | tuple[type[RNNBase], ...], names: str) -> nn.RNNBase:
    if not isinstance(encoder, kind):
        raise TypeError(f"encoder must be a graphseq.nn {names}, got {type(encoder).__name__}")
    return encoder.kernel


def _gates(kernel: nn.RNNBase, name: str, layer: int) -> tuple[Tensor, ...]:
    """The blocks of a weight or bias, H rows for each gate: i, f, g, o for an LSTM."""
    whole: Tensor = getattr(kernel, f"{name}_l{layer}")
    return torch.split(whole, kernel.hidden_size)


def _zero_biases(kernel: nn.RNNBase, layer: int) -> None:
    nn.init.zeros_(getattr(kernel, f"bias_ih_l{layer}"))
    _zero_second_bias(kernel, layer)


def _zero_second_bias(kernel: nn.RNNBase, layer: int) -> None:
    nn.init.zeros_(getattr(kernel, f"bias_hh_l{layer}"))
