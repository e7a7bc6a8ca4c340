"""The model of a training on a text, by the name of its family."""

from __future__ import annotations

from graphseq import seeding
from graphseq.growth import grow
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Encoder, Model
from graphseq.text.settings import Settings
from graphseq.text.starting import scale


def build(settings: Settings, classes: int) -> Model:
    """The untrained model, the same each time, for an alphabet of so many characters."""
    with seeding.forked(settings.seed, seeding.BUILD):
        view = grow if settings.model == "gcn-lstm-grown" else None
        model = Model(_encoder(settings, classes), classes, view=view)
        return (scale(model) if settings.start == "scaled" else model).to(settings.device)


def window(settings: Settings) -> int | None:
    """Rows that it reads again where it carries no state and sees without end: as many as in training."""
    return settings.length if settings.model == "gcn-lstm-grown" else None


def _encoder(settings: Settings, classes: int) -> Encoder:
    sizes = (classes, settings.hidden, settings.layers)
    match settings.model:
        case "lstm":
            return LSTM(*sizes)
        case "gru":
            return GRU(*sizes)
        case "rnn":
            return RNN(*sizes)
        case "gcn-lstm" | "gcn-lstm-grown":
            return GCNLSTM(*sizes)
        case "gcn":
            return GCN(*sizes, causal=True)
    raise ValueError(f"model must be a family that text can train, got {settings.model!r}")
