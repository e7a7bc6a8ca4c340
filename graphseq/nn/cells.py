r"""The equations of recurrent cells, from the pre-activations of their gates to the new state.

A pre-activation is the sum of a term from the input and a term from the state. In a recurrent network both terms are
linear maps, in a GCN-LSTM both are graph convolutions; the functions here are the same for both. ``σ`` is the logistic
function and ``⊙`` the elementwise product.
"""

from __future__ import annotations

from torch import Tensor


def rnn_cell(gates: Tensor) -> Tensor:
    r"""Vanilla cell: h = tanh(W_hx x + W_hh h + b), from the pre-activation (…, H) → (…, H).

    Source: Elman, *Finding structure in time* (1990).
    """
    return gates.tanh()


def gru_cell(from_input: Tensor, from_state: Tensor, h: Tensor) -> Tensor:
    r"""Gated recurrent unit, with the reset gate applied after the state map: (…, 3H), (…, 3H), (…, H) → (…, H).

    .. math:: r = σ(a_r + s_r), \quad z = σ(a_z + s_z), \quad n = \tanh(a_n + r ⊙ s_n), \quad
              h' = (1 - z) ⊙ n + z ⊙ h

    Source: Cho et al., *Learning phrase representations using RNN encoder-decoder* (2014), eq. 5 to 8; the gate order
    r, z, n and the place of the reset gate are torch's.
    """
    a_r, a_z, a_n = from_input.chunk(3, dim=-1)
    s_r, s_z, s_n = from_state.chunk(3, dim=-1)
    z = (a_z + s_z).sigmoid()
    n = (a_n + (a_r + s_r).sigmoid() * s_n).tanh()
    return n + z * (h - n)


def lstm_cell(gates: Tensor, c: Tensor, peepholes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""Long short-term memory: pre-activations (…, 4H) and cell state (…, H) → h and c, (…, H) each.

    .. math:: i = σ(a_i + w_i ⊙ c), \quad f = σ(a_f + w_f ⊙ c), \quad g = \tanh(a_g), \quad
              c' = f ⊙ c + i ⊙ g, \quad o = σ(a_o + w_o ⊙ c'), \quad h' = o ⊙ \tanh(c')

    Args:
        gates: the four pre-activations a, in torch's order i, f, g, o.
        c: the cell state.
        peepholes: w_i, w_f, w_o, (3, H); ``None`` for no peepholes.

    Source: Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000); peepholes: Gers, Schraudolph
    and Schmidhuber, *Learning precise timing with LSTM recurrent networks* (2002).
    """
    i, f, g, o = gates.chunk(4, dim=-1)
    if peepholes is not None:
        i, f = i + peepholes[0] * c, f + peepholes[1] * c
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    if peepholes is not None:
        o = o + peepholes[2] * c
    return o.sigmoid() * c.tanh(), c
