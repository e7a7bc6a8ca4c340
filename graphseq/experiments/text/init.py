"""Initial weights with which a recurrent network on one-hot characters learns faster than with torch's."""

from __future__ import annotations

import torch
from torch import nn

from graphseq.nn.recurrent.rnn import RNNBase

FROM_CHARACTER = 0.5
FROM_LAYER = 2.0


@torch.no_grad()
def scale(encoder: RNNBase) -> RNNBase:
    r"""Draw the weights of a recurrent network anew, in place, with scales that fit one-hot input.

    .. math::
        W^{(1)}_x \sim N(0, 0.5^2), \qquad W^{(l)}_x \sim N(0, 2^2 / H) \ (l > 1), \qquad
        W_h^\top W_h = I \text{ for each gate}, \qquad b_f = 1

    with H hidden units. A character is one-hot, so it reaches a unit by a single weight, and torch's scale of 1/√H
    lets little of it through: the more hidden units, the less. States of the layer below are well within ±1, hence the
    2. Biases are 0 but for the LSTM's forget gate, which begins open.

    Args:
        encoder: an RNN, GRU or LSTM.

    Returns:
        The same encoder.

    Raises:
        ValueError: it is another encoder.

    Source: orthogonal W_h: Saxe, McClelland and Ganguli (2014); b_f = 1: Gers et al. (2000), Jozefowicz et al. (2015);
    variance by the number of inputs: Glorot and Bengio (2010). The two constants were chosen on short trainings.

    Example:
        >>> import graphseq as gs
        >>> kernel = scale(gs.nn.LSTM(3, 8)).kernel
        >>> (kernel.bias_ih_l0 + kernel.bias_hh_l0).tolist()[7:17]
        [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    if not isinstance(encoder, RNNBase):
        raise ValueError(f"scaled weights are for RNN, GRU and LSTM, got {type(encoder).__name__}")
    kernel, size = encoder.kernel, encoder.hidden_channels
    for layer, (w_x, w_h, b_x, b_h) in enumerate(kernel.all_weights):
        nn.init.normal_(w_x, std=FROM_CHARACTER if layer == 0 else FROM_LAYER / size**0.5)
        for gate in w_h.split(size):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(b_x)
        nn.init.zeros_(b_h)
        if kernel.mode == "LSTM":
            b_x[size : 2 * size] = 1.0
    return encoder
