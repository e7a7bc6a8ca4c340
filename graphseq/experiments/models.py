"""The models of all experiments by name. A name means the same network in every command, table, figure and benchmark.

A new model is one entry of :data:`MODELS`. The names can be read without loading torch: an entry builds its encoder
through names of graphseq that load on first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from math import gcd
from typing import TYPE_CHECKING, Any

import graphseq as gs

if TYPE_CHECKING:
    from torch import nn

    from graphseq.data.graph import SpaceTimeGraph
    from graphseq.nn.encoder import Encoder
    from graphseq.nn.heads import Head
    from graphseq.nn.model import Model
    from graphseq.nn.recurrent.rnn import RNNBase
    from graphseq.tasks.base import Task
    from graphseq.tasks.characters import Characters
    from graphseq.tasks.forecast import Forecasting

    Transform = Callable[[SpaceTimeGraph], SpaceTimeGraph]


@dataclass(frozen=True)
class Options:
    """The options from which an entry builds its encoder.

    Attributes:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        causal: no row may depend on a later one. Recurrences never do; stacks of convolutions then read edges from past
            to future only.
        gate_penalty: weight of the mean gate in the loss, see :class:`graphseq.nn.ForgettingGCNLSTM`.
    """

    in_channels: int
    hidden_channels: int
    num_layers: int
    causal: bool = False
    gate_penalty: float = 0.0

    @property
    def sizes(self) -> tuple[int, int, int]:
        """F, H and L, in the order in which every encoder takes them."""
        return self.in_channels, self.hidden_channels, self.num_layers


@dataclass(frozen=True)
class Entry:
    """A model of the registry.

    Attributes:
        encoder: builds the encoder.
        num_layers: L by default.
        layers_are_hops: every layer is a graph convolution over space and time, so that L layers see L hops.
        transform: gives the transform of the data before the encoder, ``None`` where it reads them as they are.
        rows: the rows that the transform makes of a sequence of so many.
        start: first weights of :data:`STARTS` that are recommended for long memory.
        takes_gate_penalty: whether its loss has a penalty on gates.
    """

    encoder: Callable[[Options], Encoder]
    num_layers: int = 1
    layers_are_hops: bool = False
    transform: Callable[[], Transform] | None = None
    rows: Callable[[int], int] = int
    start: str = "torch"
    takes_gate_penalty: bool = False


def _stack(encoder: Callable[[Options], Encoder]) -> Entry:
    return Entry(encoder, num_layers=2, layers_are_hops=True)


MODELS: dict[str, Entry] = {
    "0-hop": Entry(lambda o: gs.nn.MLP(*o.sizes), num_layers=2),
    "GCN": _stack(lambda o: gs.nn.GCN(*o.sizes, causal=o.causal)),
    "SAGE": _stack(lambda o: gs.nn.GCN(*o.sizes, causal=o.causal, conv=gs.nn.WeightedSAGE)),
    "GCNII": _stack(lambda o: gs.nn.GCNII(*o.sizes, causal=o.causal)),
    "A-DGN": _stack(lambda o: gs.nn.AntisymmetricGCN(*o.sizes, causal=o.causal)),
    "MP-SSM": _stack(lambda o: gs.nn.StateSpaceGCN(*o.sizes, causal=o.causal)),
    "Wave": _stack(lambda o: gs.nn.WaveGCN(*o.sizes, causal=o.causal)),
    "Min-plus": Entry(
        lambda o: gs.nn.MinPlusGCN(*o.sizes, causal=o.causal, groups=gcd(4, o.hidden_channels)), num_layers=2
    ),
    "Path-attention": Entry(lambda o: gs.nn.PathAttention(*o.sizes, causal=o.causal)),
    "RNN": Entry(lambda o: gs.nn.RNN(*o.sizes), start="latch"),
    "GRU": Entry(lambda o: gs.nn.GRU(*o.sizes)),
    "LSTM": Entry(lambda o: gs.nn.LSTM(*o.sizes), start="chrono"),
    "LRU": Entry(lambda o: gs.nn.LRU(*o.sizes)),
    "MinGRU": Entry(lambda o: gs.nn.MinGRU(*o.sizes)),
    "MinLSTM": Entry(lambda o: gs.nn.MinLSTM(*o.sizes)),
    "Transformer": Entry(
        lambda o: gs.nn.Transformer(*o.sizes, causal=o.causal, heads=gcd(4, o.hidden_channels)), num_layers=2
    ),
    "GCN-GRU": Entry(lambda o: gs.nn.GCNGRU(*o.sizes)),
    "GCN-LSTM": Entry(lambda o: gs.nn.GCNLSTM(*o.sizes), start="chrono"),
    "GCN-LSTM-state": Entry(lambda o: gs.nn.GCNLSTM(*o.sizes, convolve="state"), start="chrono"),
    "GCN-LSTM-grown": Entry(
        lambda o: gs.nn.GCNLSTM(*o.sizes),
        transform=lambda: gs.transforms.grow,
        rows=lambda n: n * (n + 1) // 2,
    ),
    "GCN-LSTM-forgetting": Entry(
        lambda o: gs.nn.ForgettingGCNLSTM(*o.sizes, gate_penalty=o.gate_penalty), takes_gate_penalty=True
    ),
    "DAG-LSTM": Entry(lambda o: gs.nn.DAGLSTM(*o.sizes), transform=lambda: gs.transforms.unroll_time),
}
"""Encoders by name. "GCN-LSTM" has the convolutions of its class and reads the data as they are."""


@dataclass(frozen=True)
class Start:
    """Initial weights other than those that an encoder's own class draws.

    Attributes:
        models: names of the models that they are made for.
        function: returns the function that sets them, in place.
    """

    models: tuple[str, ...]
    function: Callable[[], Callable[[Any], object]]  # of an encoder of one of ``models``, which the types cannot say


def _scaled() -> Callable[[RNNBase], object]:
    from graphseq.experiments.text.init import scale  # noqa: PLC0415 - brings torch, which names do without

    return scale


def _kaiming_open() -> Callable[[RNNBase], object]:
    return lambda encoder: gs.nn.forget_bias_(gs.nn.kaiming_(encoder))  # type: ignore[type-var]


TORCH = "torch"
"""The name of initial weights as an encoder's own class draws them."""

RECOMMENDED = "recommended"
"""The name of the first weights that a model's entry recommends for long memory, see :attr:`Entry.start`."""

_RECURRENT = ("RNN", "GRU", "LSTM")
_LSTMS = ("LSTM", "GCN-LSTM", "GCN-LSTM-state", "GCN-LSTM-grown")
STARTS: dict[str, Start] = {
    "orthogonal": Start(_RECURRENT, lambda: gs.nn.orthogonal_),
    "scaled": Start(_RECURRENT, _scaled),
    "kaiming": Start(_RECURRENT, lambda: gs.nn.kaiming_),
    "kaiming-forget-bias": Start(("LSTM",), _kaiming_open),
    "identity": Start(("RNN",), lambda: gs.nn.identity_),
    "latch": Start(("RNN",), lambda: partial(gs.nn.identity_, gain=2.0)),
    "spread-latch": Start(("RNN", "LSTM"), lambda: partial(gs.nn.latch_, low=0, high=9)),
    "chrono": Start(_LSTMS, lambda: partial(gs.nn.chrono_, longest=1000)),
    "forget-bias": Start(_LSTMS, lambda: gs.nn.forget_bias_),
}


def _constant(task: Task) -> nn.Module:
    from graphseq.baselines.constant import Constant  # noqa: PLC0415 - these bring torch, which names do without

    return Constant.of(task)


def _bigram(task: Characters) -> nn.Module:
    from graphseq.baselines.constant import Bigram  # noqa: PLC0415

    return Bigram(task)


def _mean(task: Forecasting) -> nn.Module:
    import torch  # noqa: PLC0415

    from graphseq.baselines.constant import Constant  # noqa: PLC0415

    return Constant(task.best_constant(task.windows(torch.arange(len(task))).y))


def _persistence(task: Forecasting) -> nn.Module:
    from graphseq.baselines.forecast import Persistence  # noqa: PLC0415

    return Persistence(task.out_channels)


def _autoregression(task: Forecasting) -> nn.Module:
    from graphseq.baselines.forecast import Autoregression  # noqa: PLC0415

    return Autoregression.fit(task)


def _graph_autoregression(task: Forecasting) -> nn.Module:
    from graphseq.baselines.forecast import GraphAutoregression  # noqa: PLC0415

    return GraphAutoregression.fit(task)


BASELINES: dict[str, Callable[[Any], nn.Module]] = {
    "constant": _constant,
    "unigram": _constant,
    "bigram": _bigram,
    "mean": _mean,
    "persistence": _persistence,
    "autoregression": _autoregression,
    "graph autoregression": _graph_autoregression,
}
"""Baselines by name, each fitted to a task at once. Bigrams are of a text, the last four of a recording over time."""


def find(name: str, names: Iterable[str] = MODELS) -> tuple[str, int | None]:
    """Take a model's name apart into that of its entry and its number of layers, if the name says one.

    Args:
        name: such as "GCN", or "GCN-4" for four layers; capitals, and what joins the words, do not matter.
        names: the entries to choose from.

    Returns:
        The name as the registry spells it, and the number of layers or ``None``.

    Raises:
        ValueError: there is no such model, or it would have 0 layers.

    Example:
        >>> find("GCN-4"), find("gcn_lstm"), find("0-hop")
        (('GCN', 4), ('GCN-LSTM', None), ('0-hop', None))
    """
    known = {_plain(known): known for known in names}
    if _plain(name) in known:
        return known[_plain(name)], None
    base, _, depth = name.rpartition("-")
    if _plain(base) in known and depth.isdecimal():
        if int(depth) < 1:
            raise ValueError(f"{name}: a model has 1 layer or more")
        return known[_plain(base)], int(depth)
    near = get_close_matches(_plain(name), known, n=3) or get_close_matches(_plain(base), known, n=3)
    if near:
        raise ValueError(f"there is no model {name!r}; did you mean {' or '.join(known[key] for key in near)}?")
    raise ValueError(f"there is no model {name!r}; models are {', '.join(known.values())}")


def _plain(name: str) -> str:
    return name.casefold().replace("-", " ").replace("_", " ")


def build_encoder(
    name: str,
    in_channels: int,
    hidden_channels: int,
    *,
    num_layers: int | None = None,
    causal: bool = False,
    gate_penalty: float = 0.0,
) -> Encoder:
    """An untrained encoder of the registry.

    Args:
        name: see :func:`find`.
        in_channels: F.
        hidden_channels: H.
        num_layers: L; without it that of the name, or of the entry.
        causal: see :class:`Options`.
        gate_penalty: see :class:`Options`.

    Raises:
        ValueError: an unknown name, two numbers of layers, a penalty for a model without gates to penalise.

    Example:
        >>> build_encoder("GCN-3", in_channels=2, hidden_channels=8).num_layers
        3
    """
    known, depth = find(name)
    entry = MODELS[known]
    if depth is not None and num_layers is not None:
        raise ValueError(f"{name} says how many layers it has, so num_layers={num_layers} must be left out")
    if gate_penalty and not entry.takes_gate_penalty:
        raise ValueError(f"gate_penalty={gate_penalty} is for a model that forgets, not for {name}")
    if num_layers is None:
        num_layers = entry.num_layers if depth is None else depth
    return entry.encoder(Options(in_channels, hidden_channels, num_layers, causal, gate_penalty))


def transform_of(name: str) -> Transform | None:
    """The transform of the data before the encoder, or ``None``."""
    transform = MODELS[find(name)[0]].transform
    return None if transform is None else transform()


def build(
    name: str,
    task: Task,
    hidden_channels: int,
    *,
    num_layers: int | None = None,
    gate_penalty: float = 0.0,
    start: str = TORCH,
    head: Callable[[int, int], Head] | None = None,
) -> Model:
    """An untrained model of the registry for a task.

    Args:
        name: see :func:`find`.
        task: its channels, and whether a model of it must be causal.
        hidden_channels: H.
        num_layers: see :func:`build_encoder`.
        gate_penalty: see :func:`build_encoder`.
        start: initial weights, of :data:`STARTS`, or "torch".
        head: see :class:`graphseq.nn.Model`.

    Raises:
        ValueError: as for :func:`build_encoder`; initial weights for another model.

    Example:
        >>> import graphseq as gs
        >>> model = build("GCN-LSTM-grown", gs.tasks.Palindrome(5), 8)
        >>> model.transform.__name__
        'grow'
    """
    encoder = build_encoder(
        name, task.in_channels, hidden_channels, num_layers=num_layers, causal=task.causal, gate_penalty=gate_penalty
    )
    start_from(encoder, name, start)
    return gs.nn.Model(encoder, task.out_channels, transform=transform_of(name), head=head)


def starts_for(model: str, starts: Iterable[str]) -> tuple[str, ...]:
    """The first weights, among ``starts``, that are made for a model; torch's where none is.

    Args:
        model: the name of an entry or of a baseline, as the registry spells it.
        starts: names of :data:`STARTS`, "torch", or "recommended" for those of the model's entry.

    Example:
        >>> starts_for("RNN", ["recommended", "torch"]), starts_for("GCN", ["recommended", "chrono"])
        (('latch', 'torch'), ('torch',))
    """
    recommended = MODELS[model].start if model in MODELS else TORCH
    named = [recommended if start == RECOMMENDED else start for start in starts]
    fitting = [start for start in named if start == TORCH or model in STARTS[start].models]
    return tuple(dict.fromkeys(fitting)) or (TORCH,)


def start_from(encoder: Encoder, name: str, start: str) -> None:
    """Set the initial weights of an encoder, in place.

    Args:
        encoder: as :func:`build_encoder` made it.
        name: of its model.
        start: of :data:`STARTS`, or "torch" to leave them as they are.

    Raises:
        ValueError: an unknown start, or one for other models.
    """
    if start == TORCH:
        return
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join([TORCH, *STARTS])}; got {start!r}")
    if find(name)[0] not in STARTS[start].models:
        *others, last = STARTS[start].models
        models = f"{', '.join(others)} and {last}" if others else last
        raise ValueError(f"start {start!r} is for {models}, not for {name}")
    STARTS[start].function()(encoder)


def spelled(names: Sequence[str], known: Iterable[str] = (*BASELINES, *MODELS)) -> tuple[str, ...]:
    """Names as the registry spells them.

    Args:
        names: see :func:`find`.
        known: the names to choose from.

    Raises:
        ValueError: an unknown name, or one that comes twice.

    Example:
        >>> spelled(["lstm", "gcn-4"])
        ('LSTM', 'GCN-4')
    """
    known = tuple(known)
    names_spelled = [
        base if depth is None else f"{base}-{depth}" for base, depth in (find(name, known) for name in names)
    ]
    if len(set(names_spelled)) != len(names_spelled):
        raise ValueError(f"a model is named twice: {', '.join(names)}")
    return tuple(names_spelled)
