"""The cost of a training in multiply-adds, counted from the sizes of the model."""

from __future__ import annotations

from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.nn.recurrent.rnn import RNNBase


def multiply_adds(model: Model, characters: int) -> int:
    r"""Return the multiply-adds of the training of a recurrent network on a number of characters.

    .. math:: 3 N \Big( \sum_{l=1}^L g\,(d_l H + H^2) + H C \Big), \qquad d_1 = C, \quad d_{l > 1} = H

    with N the characters read, that is steps × batch × window, g the linear maps of a cell (4 for an LSTM, 3 for a GRU,
    1 for an RNN), C the alphabet, and 3 for the forward pass and the two products of the same size that each matrix has
    in the backward pass, for the gradient of its input and for its own. One-hot characters are counted as if they were
    multiplied out, and their gradient as if it were computed. Sums, gates, the loss and the optimiser are left out:
    none of them is a product of two sizes for each character.

    Args:
        model: a recurrent network with one output a row.
        characters: N.

    Raises:
        ValueError: another model.

    Source: Kaplan et al., *Scaling laws for neural language models* (2020), section 2.1, where a multiply-add is two
    operations.

    Example:
        >>> import graphseq as gs
        >>> multiply_adds(gs.nn.Model(gs.nn.LSTM(3, 8), 3), characters=10)  # 30 (4 (3·8 + 8·8) + 8·3)
        11280
    """
    if not isinstance(model.encoder, RNNBase) or not isinstance(model.head, RowHead):
        raise ValueError(f"multiply-adds are counted for RNN, GRU and LSTM, got {type(model.encoder).__name__}")
    matrices = [weight for layer in model.encoder.kernel.all_weights for weight in layer[:2]]
    return 3 * characters * sum(weight.numel() for weight in (*matrices, model.head.lin.weight))
