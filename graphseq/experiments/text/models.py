"""The model of a training on a text."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn.functional import dropout

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.models import build_encoder, start_from, transform_of
from graphseq.experiments.text.settings import Settings
from graphseq.nn import Model
from graphseq.nn.heads import RowHead
from graphseq.nn.recurrent.rnn import RNNBase


class DroppedHead(RowHead):
    r"""A linear map of each target row's state, with dropout in training: P = (H ⊙ m) W + b.

    Each entry of m is 0 with probability p, else 1 / (1 - p); in evaluation all are 1.

    Args:
        in_channels: H.
        out_channels: C.
        share: p.

    Source: Srivastava et al. (2014); where it goes in a recurrent network: Zaremba, Sutskever and Vinyals (2014).
    """

    def __init__(self, in_channels: int, out_channels: int, share: float) -> None:
        super().__init__(in_channels, out_channels)
        self.share = share

    def forward(self, states: Tensor, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C), in the order of the target rows."""
        return super().forward(dropout(states, self.share, self.training), graph)


def build(settings: Settings, classes: int) -> Model:
    """Return the untrained model for an alphabet of ``classes`` characters, a function of the settings alone."""
    with seeding.forked(settings.seed, seeding.BUILD):
        head = partial(DroppedHead, share=settings.dropout) if settings.dropout else None
        encoder = build_encoder(settings.model, classes, settings.hidden, num_layers=settings.layers, causal=True)
        model = Model(encoder, classes, transform=transform_of(settings.model), head=head)
        if settings.dropout:
            if not isinstance(encoder, RNNBase):
                raise ValueError(f"dropout is for RNN, GRU and LSTM, got {type(encoder).__name__}")
            encoder.kernel.dropout = settings.dropout  # between its layers, where it has more than one
        start_from(encoder, settings.model, settings.start)
        return model.to(settings.device)


def window(settings: Settings) -> int | None:
    """Return the rows that a model with an unlimited past but no recurrent state reads again: those of training."""
    return settings.length if settings.model == "GCN-LSTM-grown" else None
