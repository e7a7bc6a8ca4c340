"""Tasks that break the contract in one place each are found, and the message says which place."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import cast

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch_geometric.data import Batch

import graphseq as gs
from graphseq import SpaceTimeGraph, Topology
from graphseq.tasks import Adding, Regression, Task, Transfer
from graphseq.testing import TASK_SUITE, TaskCase, check_task

Change = Callable[[SpaceTimeGraph], SpaceTimeGraph]
SHOWN = {"relevant_node": 0, "uninformative": "nearer"}


class Right(Transfer):
    """A class, shown at the first of three rows and asked for at the last."""

    def __init__(self) -> None:
        super().__init__(3, num_classes=3)


def changed(change: Change, base: type[Task] = Right) -> type[Task]:
    """A task whose batches are those of ``base``, changed."""

    class Changed(base):  # type: ignore[misc,valid-type]
        def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
            return change(super().batch(size, generator))

    return Changed


class Sums(Adding):
    def __init__(self) -> None:
        super().__init__(5)


class Global(Right):
    """Draws from torch's own generator."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        return super().batch(size, torch.default_generator)


class Sharing(Right):
    """Hands out its one batch again and again."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        if not hasattr(self, "drawn"):
            self.drawn = super().batch(size, generator)
        return copy(self.drawn)


class Stuck(Right):
    """Draws the same whatever the seed."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        return super().batch(size, torch.Generator().manual_seed(0))


class Twins(Right):
    """Draws every second sample like the one before it."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        y = torch.randint(3, (size,), generator=generator)
        y[1::2] = y[: size - 1 : 2]
        x = torch.zeros(size, 3, 3)
        x[:, 0] = one_hot(y, 3).float()
        return self._assemble(x, y)


class Moody(Right):
    """A FixedTask that asks at another row in a larger batch."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        graph = super().batch(size, generator)
        return graph if size == 1 else graph.replace(target=graph.target.roll(-1))


class Eager(Right):
    """Prepares a topology anew for every batch."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        graph = super().batch(size, generator)
        return graph.replace(topology=Topology(graph.node, graph.time, graph.topology.spatial.edge_index))


class Homesick(SpaceTimeGraph):
    def to(self, *_: object) -> SpaceTimeGraph:  # type: ignore[override]
        return self.replace(topology=Topology(self.node, self.time, self.topology.spatial.edge_index))


def homesick(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    graph = graph.replace()
    object.__setattr__(graph, "__class__", Homesick)  # PyG would keep it as an attribute of the data
    return graph


class Nameless(Right):
    @property
    def config(self) -> dict[str, object]:
        return {"task": self}


class Numbered(Right):
    count = 0

    def __init__(self) -> None:
        super().__init__()
        Numbered.count += 1
        self.number = Numbered.count

    @property
    def config(self) -> dict[str, object]:
        return {**super().config, "number": self.number}


class Broadcasting(Right):
    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        return output.sum() + y.sum()


class Halved(Right):
    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        return super().loss(output, y) / 2


class Generous(Right):
    def score(self, output: Tensor, y: Tensor) -> Tensor:
        return torch.ones_like(super().score(output, y))


class Absolute(Sums):
    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        return super().loss(output, y).sqrt()


class BroadcastingSums(Sums):
    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        return (output.sum() - y.sum()).square()


class Indulgent(Right):
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        return super().batch(max(int(size), 1), generator)


class Near(Right):
    def __init__(self) -> None:
        super().__init__()
        self.hops = 1


class Everywhere(Right):
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        return torch.ones(graph.num_graphs, graph.num_nodes, dtype=torch.bool)


class Nowhere(Right):
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        return torch.zeros(graph.num_graphs, graph.num_nodes, dtype=torch.bool)


class Hopeful(Right):
    def __init__(self) -> None:
        super().__init__()
        self.chance = 0.5


class HopefulSums(Sums):
    def __init__(self) -> None:
        super().__init__()
        self.chance = 0.5


class Single(Right):
    """Remembers the type of numbers of another day."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        graph = super().batch(size, generator)
        return graph.replace(x=graph.x.float())


class Wide(Sums):
    """Marks all of its own rows as relevant, though two are."""

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        return graph.graph_index == torch.arange(graph.num_graphs)[:, None]

    def memory_items(self, graph: SpaceTimeGraph) -> Tensor:
        return self.relevant_nodes(graph)


def joined(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """With an edge from the first row of each graph to that of the next."""
    first = (graph.time == 0).nonzero()[:, 0]
    return graph.replace(topology=Topology(graph.node, graph.time, torch.stack([first[:-1], first[1:]])))


def shared(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """With one node for all."""
    return graph.replace(topology=Topology(graph.node * 0, graph.time, graph.topology.spatial.edge_index))


def showing(row: int) -> Change:
    """The answer, shown a second time at ``row`` of each graph."""

    def change(graph: SpaceTimeGraph) -> SpaceTimeGraph:
        x = graph.x.view(graph.num_graphs, 3, -1).clone()
        x[:, row] = one_hot(graph.y, 3).to(x.dtype)
        return graph.replace(x=x.flatten(0, 1))

    return change


def noisy(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    noise = torch.arange(len(graph.x), dtype=graph.x.dtype)[:, None]
    return graph.replace(x=graph.x + noise)


def marked_sum(x: Tensor) -> float:
    return float(sum(number for number, mark in x.tolist() if mark))


FAULTS: list[tuple[Callable[[], Task], dict[str, object], str, str]] = [
    (Global, {}, "a_batch_is_a_function_of_the_generators_state_alone", "the same seed gave two batches"),
    (Stuck, {}, "a_batch_is_a_function_of_the_generators_state_alone", "must draw other answers from other seeds"),
    (Sharing, {}, "a_batch_can_be_written_to", "must not share the memory of x with its next batch"),
    (Global, {}, "drawing_a_batch_leaves_the_global_generator_alone", "must not draw from torch's global generator"),
    (
        changed(lambda graph: graph.replace(y=graph.y[:, 0]), Sums),
        {},
        "there_are_c_numbers_for_each_asked_row_or_graph",
        r"must give answers y of shape \(50, 1\), got \(50,\)",
    ),
    (
        changed(lambda graph: graph.replace(y=graph.y[:, None])),
        {},
        "there_is_one_class_for_each_asked_row_or_graph",
        r"must give answers y of shape \(50,\), got \(50, 1\)",
    ),
    (
        changed(lambda graph: graph.replace(y=graph.y + 1)),
        {},
        "there_is_one_class_for_each_asked_row_or_graph",
        r"has out_channels=3, but y holds class \[3\]",
    ),
    (
        changed(joined),
        {},
        "a_batch_is_its_members_side_by_side",
        "the edges of its graphs in a batch, and none between",
    ),
    (Moody, {}, "a_batch_is_what_pyg_makes_of_its_samples", "must have the same target in every sample"),
    (Single, {}, "features_and_numbers_are_of_torchs_default_type", "must give x of torch's default type, float64"),
    (changed(shared), {}, "a_batch_passes_every_check_of_a_graph", "but SpaceTimeGraph refuses it"),
    (Eager, {}, "batches_of_one_size_share_one_topology", "must share one topology among equal batches"),
    (
        Absolute,
        {},
        "loss_is_the_mean_squared_error_and_right_is_nearer_than_the_tolerance",
        "must have the mean squared error as loss",
    ),
    (Halved, {}, "loss_of_even_odds_is_log_c_and_of_certainty_zero", "must have the cross-entropy in nats as loss"),
    (Generous, {}, "loss_of_even_odds_is_log_c_and_of_certainty_zero", "must score 0 where the most likely class"),
    (BroadcastingSums, {}, "loss_and_score_of_numbers_broadcast_nothing", r"must broadcast nothing in its loss, but"),
    (Broadcasting, {}, "loss_and_score_broadcast_nothing", r"refuse output \(3,\) against y \(3,\) by a ValueError"),
    (Indulgent, {}, "a_batch_of_no_samples_is_an_error", "must refuse a batch of size 0 by a ValueError"),
    (Nameless, {}, "config_is_the_same_for_the_same_task_and_can_be_written_as_json", "must have a config of plain"),
    (Numbered, {}, "config_is_the_same_for_the_same_task_and_can_be_written_as_json", "must have one config however"),
    (changed(homesick), {}, "a_batch_moves_with_its_topology", "must give batches that keep their topology"),
    (Near, SHOWN, "hops_is_the_distance_from_what_must_be_known", "says hops=1, but row 0 is 2 hops from the target"),
    (Near, {}, "no_relevant_node_is_farther_than_hops_and_some_are_as_far", "its farthest relevant node is 2 hops"),
    (Everywhere, {}, "relevant_nodes_and_memory_items_are_rows_of_the_graph_that_is_asked", "no row of another graph"),
    (Nowhere, {}, "relevant_nodes_and_memory_items_are_rows_of_the_graph_that_is_asked", "a row for each graph's last"),
    (Right, {"relevant_node": 1}, "relevant_nodes_are_the_row_that_must_be_known", r"must mark row 1 .* got \[0\]"),
    (Hopeful, {}, "chance_is_the_share_of_the_commonest_answer", r"says chance=0.5, but its commonest answer has a "),
    (HopefulSums, {}, "chance_is_the_highest_score_of_a_constant", r"says chance=0.5, but the best constant scores "),
    (
        changed(lambda graph: graph.replace(y=graph.y.clamp(max=1))),
        SHOWN,
        "answers_are_uniform",
        "must draw all classes equally often",
    ),
    (
        changed(showing(2)),
        {},
        "the_target_rows_own_input_says_nothing_of_the_answer",
        "leaks its answer: the input of the target row says something of it",
    ),
    (
        changed(noisy),
        {},
        "the_target_rows_own_input_says_nothing_of_the_answer",
        "takes 4000 values in 4000 samples.*claim less by uninformative=None",
    ),
    (
        changed(showing(1)),
        SHOWN,
        "everything_nearer_than_hops_says_nothing_of_the_answer",
        "leaks its answer: the input of all rows nearer than hops",
    ),
    (
        changed(showing(1)),
        SHOWN,
        "everything_but_the_relevant_nodes_says_nothing_of_the_answer",
        "leaks its answer: the input of all rows but the relevant nodes",
    ),
    (
        changed(lambda graph: graph.replace(x=graph.x * 0)),
        SHOWN,
        "the_relevant_node_shows_the_answer",
        "must show its answer at row 0",
    ),
    (
        Sums,
        {"answer": lambda x: marked_sum(x) / 2},
        "relevant_nodes_and_the_target_row_give_the_answer_away",
        "but its relevant nodes and target row read",
    ),
    (Wide, {"answer": marked_sum}, "no_relevant_node_with_content_can_be_left_out", "has the same answer without it"),
    (Twins, {}, "samples_of_a_batch_are_independent", "must draw the samples of a batch independently"),
]


@pytest.mark.parametrize(("build", "claims", "name", "message"), FAULTS, ids=[name for _, _, name, _ in FAULTS])
def test_a_fault_is_found_by_its_check(
    build: Callable[[], Task], claims: dict[str, object], name: str, message: str
) -> None:
    others = [check.name for check in TASK_SUITE.checks if check.function != name]
    with pytest.raises(AssertionError, match=message):
        gs.testing.check_task(build, **claims, exclude=others)  # type: ignore[arg-type]


def test_every_check_finds_a_fault() -> None:
    assert {name for _, _, name, _ in FAULTS} == {check.function for check in TASK_SUITE.checks}


def test_tasks_that_keep_the_contract_pass() -> None:
    gs.testing.check_task(Right, relevant_node=0, uninformative="nearer")
    gs.testing.check_task(Sums, uninformative="irrelevant", answer=marked_sum)


def test_a_leak_is_named_and_can_be_claimed() -> None:
    leaking = changed(showing(2))
    with pytest.raises(AssertionError, match=r"^Changed leaks its answer: the input of the target row .*, p = \d"):
        gs.testing.check_task(leaking)
    gs.testing.check_task(leaking, uninformative=None)


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"uninformative": "nothing"}, "uninformative must be one of irrelevant, nearer, target; got 'nothing'"),
        ({"samples": 10}, "samples must be at least 100, got 10"),
        ({"exclude": ["chance"]}, "exclude holds 'chance', which is no check"),
    ],
)
def test_claims_that_there_are_not_are_refused(claims: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gs.testing.check_task(Right, **claims)  # type: ignore[arg-type]


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(TypeError, match=r"build must return a graphseq\.tasks\.Task, but returned a Tensor"):
        gs.testing.check_task(lambda: torch.zeros(1))  # type: ignore[arg-type,return-value]


def test_a_case_is_of_the_kind_of_its_task() -> None:
    right, sums = TaskCase(Right), TaskCase(Sums)
    assert (right.is_fixed, right.is_regression, right.is_per_graph) == (True, False, False)
    assert (sums.is_fixed, sums.is_regression) == (True, True)


class Tokens(Task):
    """Two tokens, 0 or 1, of which the last row is asked for the one in row ``shown``."""

    def __init__(self, shown: int) -> None:
        self.in_channels, self.out_channels, self.hops, self.chance, self.shown = 2, 2, 1, 0.5, shown

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        tokens, last = torch.randint(2, (self.checked_size(size), 2), generator=generator), torch.tensor([False, True])
        graphs = [gs.from_sequence(row, y=row[[self.shown]], target=last) for row in tokens]
        return cast(SpaceTimeGraph, Batch.from_data_list(graphs))


@pytest.mark.slow
def test_a_leak_is_found_in_tokens_as_in_features() -> None:
    check_task(lambda: Tokens(0), relevant_node=0)
    with pytest.raises(AssertionError, match="leaks its answer: the input of the target row says something of it"):
        check_task(lambda: Tokens(1), relevant_node=0)


class Narrow(Regression):
    """Its answers are uniform over .9 to 1, where no multiple of a quarter is the best constant."""

    in_channels, out_channels, hops, tolerance = 1, 1, 0, 0.04

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        x = 0.9 + 0.1 * torch.rand(self.checked_size(size), 1, 1, generator=generator)
        return Batch.from_data_list([gs.from_sequence(row, y=row) for row in x])


def test_the_best_constant_is_found_wherever_the_answers_lie() -> None:
    check = next(one for one in TASK_SUITE.checks if one.name == "chance_is_the_highest_score_of_a_constant")
    others = [one.name for one in TASK_SUITE.checks if one is not check]
    gs.testing.check_task(lambda: Narrow(0.8), uninformative=None, exclude=others)
    with pytest.raises(AssertionError, match=r"says chance=0\.4, but the best constant scores 0\.8"):
        gs.testing.check_task(lambda: Narrow(0.4), uninformative=None, exclude=others)
