"""Any measure of the states of a model, layer by layer or step by step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.over_layers import NAMED, Measure
from graphseq.reach.probe.probe import Probe


@checked_but("model")
def over_layers(model: Callable[..., object], graph: object, measure: str | Measure) -> Tensor:
    """Compute a measure of the states after each layer, features first, or after each time step of a recurrence.

    Args:
        model: a model, measured on the graph that its transform returns, or an encoder; or any other model that
            :class:`~graphseq.reach.Probe` takes, whose states are what its layers, norms and pooling modules return
            with one line a row. In evaluation mode, and left unchanged.
        graph: its data, V rows. Features are cast to the dtype of the model's weights, and tokens to one-hot rows.
        measure: a function of states and their graph, such as :func:`~graphseq.reach.dirichlet_energy` or
            :func:`~graphseq.reach.mad`. For layers it is called with states (V, ·) and the whole graph; for steps with
            the recurrent state (R, S) of the R nodes present at that time, and the snapshot of that time. A function
            of states alone, such as :func:`~graphseq.reach.effective_rank`, is called with them alone.

    Returns:
        One number for each state, in float64: L + 1 for L layers, more where an encoder maps its features before the
        first layer or its states after the last (see ``encoder.trace``), or T.

    Raises:
        TypeError: a model that cannot be called, or data of another type.
        ValueError: a graph that does not fit the model.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> ring = gs.from_graph(nx.cycle_graph(6), x=torch.eye(6))
        >>> gcn = gs.nn.GCN(6, 8, num_layers=4)
        >>> over_layers(gcn, ring, lambda states, graph: float(states.shape[1])).tolist()
        [6.0, 8.0, 8.0, 8.0, 8.0]
    """
    check_data("graph", model, graph)
    if isinstance(measure, str):
        _checks.one_of("measure", measure, NAMED)
    (values,) = Probe(model, graph).over_layers(measure).values.values()
    return values
