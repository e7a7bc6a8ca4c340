"""Changes to make after a diagnosis, the most promising first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from graphseq.nn.model import Model
from graphseq.reach.diagnosis.amounts import gap
from graphseq.reach.diagnosis.evidence import Evidence, Structure
from graphseq.reach.diagnosis.expressivity import WALK_LENGTH


@dataclass(frozen=True)
class Advice:
    """A change of the model, the data or the training that is expected to help.

    Returned by :func:`graphseq.diagnose`, as ``advice``.

    Attributes:
        action: a word for programs: "layers", "encoder", "direction", "rewire", "width", "train", "attach",
            "initialise", "activation", "features", "data", "labels" or "none".
        text: the change in words and numbers.
        arguments: its numbers and names, by name.
    """

    action: str
    text: str
    arguments: dict[str, object] = field(default_factory=dict)


_GAP = 0.3  # of skill between training data and data held out, from which a copy overfits


def advise(finding: str, e: Evidence, model: nn.Module) -> tuple[Advice, ...]:
    """The changes that would help against a finding, the first of which the benchmark follows."""
    is_ours = isinstance(model, Model)
    makers: dict[str, Callable[[Evidence], tuple[Advice, ...]]] = {
        "under-reaching": _against_under_reaching,
        "over-smoothing": _against_over_smoothing,
        "over-squashing": lambda e: _against_over_squashing(e, is_ours),
        "vanishing gradient": _against_vanishing,
        "capacity": _for_capacity,
        "undertrained": lambda e: (_training(e),),
    }
    return makers[finding](e) if finding in makers else _SIMPLE[finding]


_AGAIN = Advice(
    "initialise",
    "initialise again, with the default weights of the layers or smaller ones, and add a norm "
    "(torch.nn.LayerNorm) between layers",
)
_SIMPLE: dict[str, tuple[Advice, ...]] = {
    "solved": (Advice("none", "none: the problem is solved"),),
    "no sign of a long-range problem": (
        Advice("none", "none in depth or reach: look for better features, more data, or noise in the answers"),
    ),
    "exploding gradient": (_AGAIN,),
    "dead path": (
        Advice(
            "attach",
            "find what stops the gradient: .detach(), torch.no_grad(), units that are saturated or dead (initialise "
            "these again)",
        ),
    ),
    "overfitting": (
        Advice("data", "more training data; failing that, a narrower model, weight decay, dropout and early stopping"),
    ),
    "limited expressivity": (
        Advice(
            "features",
            "features that messages cannot compute: return probabilities of random walks or eigenvectors of the "
            "Laplacian (torch_geometric.transforms.AddRandomWalkPE, AddLaplacianEigenvectorPE), or counts of rings; "
            "more layers or a wider state do not help",
            {"walk_length": WALK_LENGTH},
        ),
    ),
    "unlearnable as measured": (
        Advice("labels", "check that answers belong to their inputs, and that the inputs hold what the answers need"),
    ),
    "inconclusive": (
        Advice("train", "train longer, and diagnose again with more steps and more data held out", {"steps": 600}),
    ),
}


def _against_under_reaching(e: Evidence) -> tuple[Advice, ...]:
    s = e.structure
    needed = s.hops_needed
    if e.readers is not None and e.readers.best.hops > needed:
        needed = e.readers.best.hops
    many = f"{needed} layer{'s' * (needed != 1)}"
    if s.mixes:
        return (_for_paths(s, needed, e.layers),)
    if s.recurrent and s.along_time:
        later = "read the sequence both ways (bidirectional=True), since rows that are needed are later than the answer"
        return (Advice("direction", later, {"both_ways": True}),)
    if s.along_time:
        past = "one recurrent layer (GRU, LSTM), which reads all steps"
        return (Advice("encoder", past, {"family": "GRU", "num_layers": 1}),)
    return (Advice("encoder", f"a GCN of {many}, which reads other nodes", {"family": "GCN", "num_layers": needed}),)


def _for_paths(s: Structure, needed: int, layers: str) -> Advice:
    """More layers where these reach the needed rows, else paths on which messages can come from them."""
    is_against = s.against > 0.5
    if s.hops_reached < needed and not is_against and layers:
        more = int(needed - s.hops_reached) if s.hops_reached >= 0 else needed
        of_them = f"num_layers={needed}" if layers == "num_layers" else f"{needed} {layers} in all"
        text = f"{more} more layer{'s' * (more != 1)}: {of_them}"
        if s.per_layer > 1:
            text = f"a receptive field of {needed} hops: {math.ceil(needed / s.per_layer)} layers"
        return Advice("layers", text, {"num_layers": math.ceil(needed / s.per_layer)})
    if s.hops_reached < needed and not is_against:
        gcn = f"an encoder of {needed} layers, such as GCN(…, num_layers={needed}): this one has none to add"
        return Advice("encoder", gcn, {"family": "GCN", "num_layers": needed})
    if s.along_time:
        both = "read temporal edges both ways (causal=False), since rows that are needed are later than the answer"
        return Advice("direction", both, {"both_ways": True})
    if is_against:
        both = (
            "edges in both directions (torch_geometric.transforms.ToUndirected, gs.transforms.to_undirected), or a "
            "convolution for each direction (torch_geometric.nn.DirGNNConv), since the rows that are needed lie "
            "against the direction of the edges; more layers do not help"
        )
        return Advice("direction", both, {"both_ways": True})
    paths = "edges from the rows that are needed to the answer (gs.reach.rewire), a virtual node, or attention"
    return Advice("rewire", paths, {"hops": needed, "num_layers": max(1, needed)})


def _against_over_smoothing(e: Evidence) -> tuple[Advice, ...]:
    needed = max(1, e.structure.hops_needed)
    count = f"num_layers={needed}" if e.layers != "convolutions" else f"{needed}"
    fewer = f"fewer layers: {count} reach all that is needed, and the others only smooth"
    keeping = Advice("encoder", "layers that keep rows distinct: residual=True, or an initial residual (GCNII)")
    return Advice("layers", fewer, {"num_layers": needed}), keeping


def _against_over_squashing(e: Evidence, is_ours: bool) -> tuple[Advice, ...]:
    hops = max(1, e.structure.hops_needed)
    layers = math.ceil(1.3 * hops)
    wave = Advice(
        "encoder",
        f"a wave over depth, which keeps its amplitude: WaveGCN(…, num_layers={layers})",
        {"family": "WaveGCN", "num_layers": layers},
    )
    near = Advice(
        "rewire",
        f"edges to the rows {hops} hops away (rewiring), a virtual node or attention, and as few layers as then reach "
        "them",
        {"hops": hops, "num_layers": 2},
    )
    return (wave, near) if is_ours else (near, wave)


def _against_vanishing(e: Evidence) -> tuple[Advice, ...]:
    lag = max(2, e.structure.hops_needed)
    if not e.structure.recurrent:
        return (
            Advice(
                "activation",
                "ReLU in place of saturating units, residual connections, and a norm (torch.nn.LayerNorm)",
                {"activation": "relu", "residual": True},
            ),
        )
    orthogonal = Advice(
        "initialise",
        f"a recurrence that keeps its state over {lag} steps: an orthogonal recurrent weight (gs.nn.orthogonal_) in an "
        f"RNN, a forget bias of ln {lag} = {math.log(lag):.1f} in an LSTM (gs.nn.forget_bias_)",
        {"spoilt": "orthogonal", "forget_bias": math.log(lag)},
    )
    direct = Advice("encoder", "attention, which reads every step at once", {"family": "Transformer", "num_layers": 1})
    return orthogonal, direct


def _for_capacity(e: Evidence) -> tuple[Advice, ...]:
    width = e.memory.width if e.memory is not None else e.structure.width
    wider = max(4 * width, e.memory.numbers if e.memory is not None else 0, 32)
    return (Advice("width", f"a larger state: hidden_channels={wider} (now {width})", {"hidden_channels": wider}),)


def _training(e: Evidence) -> Advice:
    rate, trial = 1e-2, e.trial
    steps = 600
    if trial is not None:
        rate = trial.lr
        if e.skill(trial.best.heldout.value) >= 0.9:
            steps = max(trial.steps, 100)
    if trial is not None and gap(e)[0] > _GAP and len(trial.heldout) > 2:
        at = max(range(1, len(trial.heldout)), key=lambda n: trial.heldout[n])
        steps = round(trial.steps * at / (len(trial.heldout) - 1))
        text = f"train it: Adam at a rate of {rate:g}, and stop at the best score on data held out, here after {steps}"
        return Advice("train", f"{text} of {trial.steps} steps; more training data", {"steps": steps, "lr": rate})
    return Advice("train", f"train it: Adam at a rate of {rate:g}, {steps} steps or more", {"steps": steps, "lr": rate})
