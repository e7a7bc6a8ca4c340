"""Conversion of PyG Temporal's ``GConvLSTM`` to a GCN-LSTM that computes the same function."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch_geometric.nn import ChebConv

from graphseq import seeding
from graphseq._arguments import checked_arguments
from graphseq.nn.recurrent.gcn_lstm import GCNLSTM

_GATES = ("i", "f", "c", "o")  # PyG Temporal's names, in torch's order; its c is torch's g


@checked_arguments
def from_gconv_lstm(state: Mapping[str, Tensor]) -> GCNLSTM:
    r"""Build a GCN-LSTM with Chebyshev gates and peepholes from the weights of PyG Temporal's ``GConvLSTM``, K = 2.

    .. math:: a = \sum_{k<2} T_k(\tilde L)\, X_t W_x^{(k)} + \sum_{k<2} T_k(\tilde L)\, H_{t-1} W_h^{(k)} + b,
              \qquad T_0 = I, \quad T_1 = \tilde L = -D^{-1/2} A D^{-1/2}

    with λ_max = 2, PyG Temporal's choice for normalised Laplacians. K = 1 reads no neighbours and K > 2 reads more than
    one hop a step, so that neither is a one-hop convolution.

    Args:
        state: the ``state_dict()`` of a ``GConvLSTM(F, H, 2)``, with or without its biases.

    Returns:
        An encoder whose states equal H of the ``GConvLSTM`` after each step, up to rounding, in the dtype of the
        weights.

    Raises:
        ValueError: weights that are not those of a ``GConvLSTM``, or of one with another K than 2.

    Source: Seo et al. (2016), as implemented in PyG Temporal.

    Example:
        >>> import torch
        >>> weights = {f"conv_{s}_{g}.lins.{k}.weight": torch.ones(1, 1) for s in "xh" for g in "ifco" for k in (0, 1)}
        >>> peepholes = {f"w_c_{g}": torch.ones(1, 1) for g in "ifo"} | {f"b_{g}": torch.ones(1, 1) for g in "ifco"}
        >>> from_gconv_lstm(weights | peepholes).layers[0].peepholes.tolist()
        [[1.0], [1.0], [1.0]]
    """
    missing = [name for name in _names() if name not in state]
    if missing:
        raise ValueError(f"state must be the state_dict() of a GConvLSTM of K = 2; it has no {missing[0]}")
    if "conv_x_i.lins.2.weight" in state:
        raise ValueError("state is that of a GConvLSTM of K > 2, whose gates read more than one hop; K must be 2")
    first = state["conv_x_i.lins.0.weight"]
    hidden, inputs = first.shape
    with seeding.forked(
        0, seeding.BUILD
    ):  # initial weights, which are replaced, take nothing of torch's random numbers
        encoder = GCNLSTM(inputs, hidden, conv=lambda a, b: ChebConv(a, b, K=2), peepholes=True).to(first)
    encoder.layers[0].load_state_dict(_renamed(state, first.new_zeros(hidden)))
    return encoder


def _names() -> list[str]:
    convs = [f"conv_{side}_{gate}.lins.{k}.weight" for side in "xh" for gate in _GATES for k in (0, 1)]
    return [*convs, *(f"w_c_{gate}" for gate in "ifo"), *(f"b_{gate}" for gate in _GATES)]


def _renamed(state: Mapping[str, Tensor], zero: Tensor) -> dict[str, Tensor]:
    """The weights concatenated over gates; the third bias of each gate is added to that of the input map."""
    renamed = {
        f"conv_{side}.lins.{k}.weight": torch.cat([state[f"conv_{side}_{gate}.lins.{k}.weight"] for gate in _GATES])
        for side in "xh"
        for k in (0, 1)
    }
    for side in "xh":
        renamed[f"conv_{side}.bias"] = torch.cat([state.get(f"conv_{side}_{gate}.bias", zero) for gate in _GATES])
    renamed["conv_x.bias"] = renamed["conv_x.bias"] + torch.cat([state[f"b_{gate}"].flatten() for gate in _GATES])
    renamed["peepholes"] = torch.cat([state[f"w_c_{gate}"] for gate in "ifo"])
    return renamed
