"""The check that an :class:`~graphseq.nn.Encoder` keeps the contract of encoders."""

from __future__ import annotations

from collections.abc import Callable, Collection

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.nn.encoder import Encoder
from graphseq.testing import encoder_checks, reach_checks, trace_checks  # noqa: F401 - they fill the suite
from graphseq.testing.encoder_case import ENCODER_SUITE, EncoderCase
from graphseq.testing.graphs import Graphs


@checked_arguments
def check_encoder(
    build: Callable[[int], Encoder],
    *,
    acyclic: bool = False,
    edge_channels: int = 0,
    exclude: Collection[str] = (),
) -> None:
    """Check that an encoder keeps the contract of :class:`graphseq.nn.Encoder`, on small random graphs.

    Among the facts that are checked:

    - a batch gives the states of its graphs one by one, and no input changes a state of another graph;
    - the order of rows and the numbers of nodes do not matter, of time only the order;
    - ``reach`` is exactly the pattern of the Jacobian, and ``causal`` says whether later inputs change earlier states;
    - tokens are read as one-hot features, and what does not fit is refused by name;
    - every parameter gets a gradient, and nothing is kept from one call to the next;
    - ``trace`` ends in the states and has their gradients.

    The encoder is checked in evaluation mode, in float64.

    Args:
        build: from F to a new encoder, whose initial weights come from torch's generator.
        acyclic: check it on directed acyclic graphs, for an encoder that reads no others.
        edge_channels: D; check it on graphs with features of edges, for an encoder that reads them.
        exclude: names of checks to leave out, as messages give them.

    Raises:
        AssertionError: a check failed; the message says what was expected of the encoder.
        TypeError: ``build`` does not return an encoder.
        ValueError: a name in ``exclude`` that is none of the checks.

    Example:
        >>> import graphseq as gs, torch
        >>> class RowWise(gs.nn.Encoder):
        ...     def __init__(self, in_channels):
        ...         super().__init__(in_channels, 8, causal=True)
        ...         self.lin = torch.nn.Linear(in_channels, 8)
        ...     def encode(self, graph, x):
        ...         return self.lin(x).tanh()
        ...     def reach(self, graph, rows):
        ...         return torch.eye(graph.num_nodes, dtype=torch.bool)[rows]
        >>> gs.testing.check_encoder(RowWise)

        A reach that is too small is found:

        >>> class Blind(gs.nn.GCN):
        ...     def reach(self, graph, rows):
        ...         return torch.eye(graph.num_nodes, dtype=torch.bool)[rows]
        >>> gs.testing.check_encoder(lambda in_channels: Blind(in_channels, 8, 1))
        Traceback (most recent call last):
        AssertionError: Blind declares too small a reach: the input of row 5 changes the state of row 0, but reach() \
says that it cannot (check reach_is_the_pattern_of_the_jacobian[0-dynamic]; to leave it out: \
exclude=['reach_is_the_pattern_of_the_jacobian'])
    """
    ENCODER_SUITE.run(EncoderCase(build, Graphs(acyclic, _checks.at_least("edge_channels", edge_channels, 0))), exclude)
