"""Encoders that break the contract in one place each are found, and the message says which place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GATv2Conv

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCN, GRU, Encoder, Trace
from graphseq.testing import ENCODER_SUITE, EncoderCase
from graphseq.testing.graphs import Graphs


def attentive(in_channels: int, out_channels: int) -> GATv2Conv:
    return GATv2Conv(in_channels, out_channels, edge_dim=3)


class RowWise(Encoder):
    """One layer of a row's own features, which keeps the contract."""

    def __init__(self, in_channels: int, hidden_channels: int = 8) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.lin = torch.nn.Linear(in_channels, hidden_channels)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return self.lin(x).tanh()

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        return torch.eye(graph.num_nodes, dtype=torch.bool)[rows]


class Blind(GCN):
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        return torch.eye(graph.num_nodes, dtype=torch.bool)[rows]


class Boastful(RowWise):
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        return torch.ones(len(rows), graph.num_nodes, dtype=torch.bool)


class Unordered(GCN):
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        return super().reach(graph, rows.sort().values)


class Centred(RowWise):
    """Subtracts the mean over all rows, of whatever graph: it leaks between the graphs of a batch."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        states = super().encode(graph, x)
        return states - states.mean(dim=0)


class Overhearing(RowWise):
    """Reads the features of all edges of a batch."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) + graph.topology.spatial.edge_attr.mean()


class Numbered(RowWise):
    """Adds to each state the number of its row."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) + torch.arange(len(x), dtype=x.dtype)[:, None]


class Timed(RowWise):
    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) + graph.time[:, None]


class Placed(RowWise):
    """Adds to each state the number of its graph in the batch."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) + graph.graph_index[:, None]


class Padded(RowWise):
    """Divides by the number of graphs in the batch, those without rows included."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) / (1 if "ptr" not in graph else len(graph.ptr))


class Prophet(Encoder):
    """A GCN that reads both ways in time and says causal."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 8, causal=True)
        self.gcn = GCN(in_channels, 8, 3)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return self.gcn.encode(graph, x)

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        return self.gcn.reach(graph, rows)


class Humble(RowWise):
    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 8)
        self.causal = False


class Remembering(RowWise):
    """Keeps the last state of one call for the next."""

    last: Tensor | float = 0.0

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        states = super().encode(graph, x) + self.last
        self.last = states[-1].detach()
        return states


class Idle(RowWise):
    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 8)
        self.bias = torch.nn.Parameter(torch.zeros(8))


class Secretive(RowWise):
    """Has a random part that its ``state_dict`` does not show."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 8)
        self.register_buffer("secret", torch.randn(8), persistent=False)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) + self.secret


class Constant(RowWise):
    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, 8)
        for parameter in self.parameters():
            torch.nn.init.constant_(parameter, 0.1)


class Single(RowWise):
    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x).float()


class Coarse(RowWise):
    """Rounds its states where they are in float32."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        states = super().encode(graph, x)
        return states.half().float() if states.dtype == torch.float32 else states


class Lenient(RowWise):
    """Takes whatever comes."""

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        return torch.zeros(graph.num_nodes, self.hidden_channels, dtype=torch.float64)


class Cumulative(RowWise):
    """Scales tokens, so that they are no one-hot features."""

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        states = super().forward(graph)
        return 2 * states if graph.x.dim() == 1 else states


class Shy(GRU):
    """Says causal, but scales each state by the number of steps to come."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x) * len(graph.topology.times)


class Elsewhere(RowWise):
    """Traces another computation than its own."""

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        trace = super().trace(graph)
        return Trace("layer", [trace.states[0], 2 * trace.out], 2 * trace.out)


class Cut(RowWise):
    """Traces its states, from which no gradient leads back."""

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        trace = super().trace(graph)
        out = trace.out.detach()
        return Trace("layer", [trace.states[0], out], out)


class Attached(RowWise):
    """Traces back into whatever its features come from."""

    def _leaf(self, graph: SpaceTimeGraph) -> Tensor:
        return graph.x


class Forgetful(GRU):
    """Shows, after each step, half of what it remembers."""

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        trace = super().trace(graph)
        return Trace("step", [state[:, :4] for state in trace.states], trace.out)


class Careless(RowWise):
    """Is made whatever the number of input channels."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(max(in_channels, 1), 8)


class Narrow(RowWise):
    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x)[:, :4]


def of_eight(family: Callable[..., Encoder], *more: int) -> Callable[[int], Encoder]:
    return lambda in_channels: family(in_channels, 8, *more)


FAULTS = [
    (of_eight(Blind, 1), "reach_is_the_pattern_of_the_jacobian", r"declares too small a reach: the input of row \d+ "),
    (of_eight(Blind, 1), "reach_of_a_batch_is_the_pattern_of_the_jacobian", "changes in a batch the state of row"),
    (of_eight(Blind, 1), "reach_of_a_model_is_the_pattern_of_its_jacobian[pairs-0]", "model read by pairs output"),
    (of_eight(Boastful), "reach_is_the_pattern_of_the_jacobian", "declares too large a reach.*the Jacobian is zero"),
    (of_eight(Boastful), "reach_of_a_model_is_the_pattern_of_its_jacobian[rows-0]", "declares too large a reach"),
    (of_eight(Boastful), "reach_on_a_growing_graph_is_the_pattern_of_the_jacobian", "on growing graphs output"),
    (of_eight(Unordered, 1), "reach_of_some_rows_is_those_rows_of_the_whole", "one line for each of rows, in their"),
    (of_eight(Centred), "nothing_leaks_between_the_graphs_of_a_batch", r"row \d+, of graph \d, changes the state of"),
    (of_eight(Centred), "a_batch_equals_separate_runs", "the states that each graph has by itself"),
    (of_eight(Centred), "a_model_on_a_batch_equals_separate_runs[mean]", "in a model read by mean must give a batch"),
    (of_eight(Centred), "a_batch_of_growing_graphs_equals_separate_runs", "on sequences read as growing graphs"),
    (of_eight(Narrow), "a_batch_equals_separate_runs", r"one state of hidden_channels=8 numbers .*got \(\d+, 4\)"),
    (of_eight(Narrow), "a_sequence_of_one_row_is_a_prefix_of_a_longer_one", r"a state \(1, 8\), got \(1, 4\)"),
    (of_eight(Shy), "a_sequence_of_one_row_is_a_prefix_of_a_longer_one", "must give a prefix the states of the whole"),
    (of_eight(Placed), "the_order_of_a_batch_does_not_matter", "in whatever order they are batched"),
    (of_eight(Padded), "a_graph_without_rows_in_a_batch_changes_nothing", "a graph without rows in a batch"),
    (of_eight(Numbered), "the_numbering_of_rows_and_nodes_does_not_matter", "whatever the order of rows"),
    (of_eight(Timed), "shifting_and_stretching_time_does_not_matter", "must read the order of times alone"),
    (Prophet, "causal_says_whether_a_later_row_changes_an_earlier_state", r"says causal=True, but inputs after time"),
    (Prophet, "a_growing_graph_keeps_the_past_from_the_future", "on a growing graph inputs after time 0 change"),
    (Humble, "causal_says_whether_a_later_row_changes_an_earlier_state", "says causal=False, but no later input"),
    (of_eight(Remembering), "calling_twice_gives_the_same_states", "must keep nothing from one call to the next"),
    (Idle, "every_parameter_gets_a_gradient[sum]", "read by sum has parameters that get no gradient: encoder.bias"),
    (Secretive, "a_state_dict_makes_another_encoder_the_same", r"all that states depend on in its state_dict\(\)"),
    (Constant, "a_state_dict_makes_another_encoder_the_same", "must draw its initial weights from torch's generator"),
    (of_eight(Single), "float64_and_float32_agree_to_float32", "must give torch.float64 states of torch.float64"),
    (of_eight(Coarse), "float64_and_float32_agree_to_float32", "differ by rounding alone"),
    (of_eight(Lenient), "a_graph_without_rows_is_an_error", "must refuse a graph without rows.*nothing was raised"),
    (of_eight(Lenient), "features_of_another_width_are_an_error", "must refuse 3 features for in_channels=2"),
    (of_eight(Lenient), "a_token_out_of_range_is_an_error[-1]", "must refuse token -1 for in_channels=2"),
    (of_eight(Cumulative), "tokens_are_read_as_one_hot_rows[int32]", "must read torch.int32 tokens as one-hot"),
    (Careless, "a_size_below_one_is_an_error", "must refuse in_channels=0 by a ValueError when it is made"),
    (of_eight(Elsewhere), "a_trace_ends_in_what_the_encoder_gives", "must end its trace in the states that it gives"),
    (of_eight(Cut), "no_state_depends_on_a_later_one", "state 1 of its trace in the autograd graph of its features"),
    (of_eight(Elsewhere), "gradients_through_a_trace_are_those_through_the_encoder", "the same gradients through its"),
    (of_eight(Attached), "a_trace_is_cut_off_from_where_its_features_come_from", "must detach the features"),
    (of_eight(RowWise), "features_of_edges_change_states_of_their_own_graph", "none of them changes a state"),
    (of_eight(Overhearing), "features_of_edges_change_states_of_their_own_graph", "features of edges of another graph"),
    (of_eight(Forgetful), "influence_across_a_step_goes_through_its_state", "in the state of a step all that is"),
]


@pytest.mark.parametrize(
    ("build", "name", "message"), FAULTS, ids=[f"{name}-{n}" for n, (_, name, _) in enumerate(FAULTS)]
)
def test_a_fault_is_found_by_its_check(build: Callable[[int], Encoder], name: str, message: str) -> None:
    case = EncoderCase(build, Graphs(edge_channels=2 if name.startswith("features_of_edges") else 0))
    others = [check.name for check in ENCODER_SUITE.checks if name not in (check.name, check.function)]
    with pytest.raises(AssertionError, match=message):
        ENCODER_SUITE.run(case, exclude=others)


def test_every_check_finds_a_fault() -> None:
    assert {name.partition("[")[0] for _, name, _ in FAULTS} == {check.function for check in ENCODER_SUITE.checks}


def test_an_encoder_of_ones_own_that_keeps_the_contract_passes() -> None:
    gs.testing.check_encoder(of_eight(RowWise))
    gs.testing.check_encoder(of_eight(gs.nn.DAGGRU), acyclic=True)
    gs.testing.check_encoder(lambda d: GCN(d, 8, conv=attentive), edge_channels=3)


def test_the_first_failure_names_the_encoder_the_fault_and_the_check() -> None:
    with pytest.raises(AssertionError) as caught:
        gs.testing.check_encoder(of_eight(Blind, 1))
    assert str(caught.value) == (
        "Blind declares too small a reach: the input of row 5 changes the state of row 0, but reach() says that it "
        "cannot (check reach_is_the_pattern_of_the_jacobian[0-dynamic]; to leave it out: "
        "exclude=['reach_is_the_pattern_of_the_jacobian'])"
    )
    with pytest.raises(AssertionError, match=r"^Centred must give the rows of a batch the states that each graph has"):
        gs.testing.check_encoder(of_eight(Centred))


def test_checks_can_be_left_out_by_name() -> None:
    gs.testing.check_encoder(of_eight(Timed), exclude=["shifting_and_stretching_time_does_not_matter"])
    with pytest.raises(ValueError, match="exclude holds 'reach', which is no check"):
        gs.testing.check_encoder(of_eight(RowWise), exclude=["reach"])


def test_an_error_says_in_which_check_it_was_raised() -> None:
    class Broken(RowWise):
        def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
            raise KeyError("no such row")

    with pytest.raises(KeyError) as caught:
        gs.testing.check_encoder(of_eight(Broken))
    (note,) = caught.value.__notes__
    assert note.startswith("Broken raised this in the check reach_is_the_pattern_of_the_jacobian")


def test_what_is_no_encoder_is_refused() -> None:
    with pytest.raises(TypeError, match=r"build must return a graphseq\.nn\.Encoder, but returned a Linear"):
        gs.testing.check_encoder(lambda in_channels: torch.nn.Linear(in_channels, 8))  # type: ignore[arg-type,return-value]


def test_global_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    gs.testing.check_encoder(of_eight(RowWise))
    assert torch.equal(torch.get_rng_state(), before)
