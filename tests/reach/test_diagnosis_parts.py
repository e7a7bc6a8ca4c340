"""The parts of a diagnosis against closed forms: scores, hops, readers, responses and rules."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import networkx as nx
import pytest
import torch
from scipy import stats
from torch import Tensor

import graphseq as gs
from graphseq import nn
from graphseq.reach.diagnosis.diagnosis import problem_of
from graphseq.reach.diagnosis.evidence import Evidence, Memory, Structure
from graphseq.reach.diagnosis.judge import FINDINGS, judge
from graphseq.reach.diagnosis.problem import Request
from graphseq.reach.diagnosis.reader import Reader
from graphseq.reach.diagnosis.readers import Readers, read
from graphseq.reach.diagnosis.responses import Responder, Responses
from graphseq.reach.diagnosis.rows import Rows
from graphseq.reach.diagnosis.scoring import Score, Scoring
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.trial import Scores, Trial
from graphseq.tasks import Transfer


def test_the_interval_of_hits_is_wilsons_and_the_majority_is_chance() -> None:
    y = torch.tensor([0, 0, 0, 1, 2, 0, 0, 1])
    scoring = Scoring(None, "majority", y, torch.zeros(8, 3), y)
    assert scoring.chance == 5 / 8
    output = torch.eye(3)[torch.tensor([0, 0, 0, 1, 2, 1, 1, 1])]
    score = scoring.of(output, y)
    wilson = stats.binomtest(6, 8).proportion_ci(0.95, method="wilson")
    assert (score.value, score.low, score.high) == pytest.approx((0.75, wilson.low, wilson.high), abs=1e-4)
    assert scoring.skill(0.75) == pytest.approx((0.75 - 0.625) / 0.375)


def test_a_given_accuracy_is_known_as_one_and_any_other_score_is_resampled() -> None:
    y, output = torch.tensor([0, 1, 1, 0]), torch.eye(2)[torch.tensor([0, 1, 0, 0])]
    accuracy = Scoring(lambda o, t: (o.argmax(1) == t).float().mean(), "majority", y, output, y)
    assert accuracy.each(output, y).tolist() == [1, 1, 0, 1]  # type: ignore[union-attr]
    other = Scoring(lambda o, t: float((o.argmax(1) == t).float().mean()) ** 2, 0.25, y, output, y)
    assert other.each(output, y) is None
    assert other.of(output, y).value == pytest.approx(0.5625)


def test_numbers_score_r2_and_labels_the_share_of_right_ones() -> None:
    y = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    numbers = Scoring(None, "majority", y, y, y)
    assert numbers.of(y, y).value == 1
    assert numbers.chance == pytest.approx(0)
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    scoring = Scoring(None, 0.5, labels, labels, labels)
    assert scoring.of(torch.tensor([[3.0, 2.0], [1.0, 1.0]]), labels).value == 0.75


def test_groups_hold_at_most_one_answer_of_each_graph() -> None:
    owner = torch.tensor([0, 0, 0, 1, 1, 1])
    edges = torch.tensor([[0, 1, 3, 4], [1, 2, 4, 5]])
    rows = Rows(edges, owner, torch.arange(6), owner)
    groups = rows.one_each(torch.arange(6), torch.Generator().manual_seed(0), most=3)
    assert all(len(owner[group].unique()) == len(group) for group in groups)
    assert rows.hops(torch.tensor([2])).tolist() == [[2, 1, 0, -1, -1, -1]]


def test_readers_find_the_ring_that_holds_the_answer() -> None:
    graphs = []
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        x, y = torch.rand(7, 3, generator=generator), torch.randint(3, (1,), generator=generator)
        x[3, y] += 2
        graphs.append(gs.from_sequence(x, y=y, target=torch.arange(7) == 6))
    task = gs.tasks.GraphClassification(graphs, 3)
    problem = problem_of(nn.Model(nn.GCN(3, 4, 1), 3), task, Request())
    found = read(problem, 0)
    assert found is not None
    assert found.rings == (3,)
    assert found.best.hops == 3
    assert found.best.score.value > 0.95
    assert found.within(2).score.value < 0.6


class Power(torch.nn.Module):
    """Â^L X W."""

    def __init__(self, channels: int, power: int) -> None:
        super().__init__()
        self.lin, self.power = torch.nn.Linear(channels, channels), power

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        x = self.lin(graph.x)
        for _ in range(self.power):
            x = graph.topology.spacetime().normalised(x.dtype) @ x
        return x[graph.target_rows]


def responder(power: int) -> Responder:
    task = Transfer.on(gs.from_graph(nx.path_graph(4)), 0, 2)
    torch.manual_seed(0)
    model = Power(task.in_channels, power).double()
    problem = problem_of(Power(task.in_channels, power), task, Request())
    sample = problem.measured().cast(torch.float64)
    return Responder(model, problem, sample, sample.needed, 0, can_smooth=True)


def test_on_a_linear_model_influence_and_jacobian_share_are_the_squared_weights() -> None:
    found = responder(2).measure()
    dense = gs.from_graph(nx.path_graph(4)).topology.spacetime().normalised(torch.float64) @ torch.eye(4).double()
    weights = torch.linalg.matrix_power(dense, 2)[2].square()
    expected = float(weights[0] / weights.sum())
    assert found.jacobian_share == pytest.approx(expected, rel=1e-9)
    assert found.influence == pytest.approx(expected, rel=0.2)  # of 96 draws


def test_states_are_smoothed_as_the_second_eigenvalue_says() -> None:
    dense = gs.from_graph(nx.path_graph(4)).topology.spacetime().normalised(torch.float64) @ torch.eye(4).double()
    second = float(torch.linalg.eigvalsh(dense).abs().sort().values[-2])
    spread = responder(40).measure().spread
    assert spread < 10 * second**80
    assert responder(0).measure().spread > 0.5


FLAT = Trial(0.01, 200, False, Scores(Score(0.3, 0.2, 0.4), None, 2.0), Scores(Score(0.3, 0.2, 0.4), None, 2.0),
             (0.1,) * 7, (2.0,) * 6, (), 1.0, torch.nn.Identity())  # fmt: skip
HEALTHY = Evidence(
    scores=Scores(Score(0.1, 0.05, 0.15), None, 2.3),
    chance=0.1,
    structure=Structure(True, 3, math.inf, 1.0, False, True, False, False, 1, 16),
    readers=None,
    before=Responses(0.1, 0.1, 1.0, 0.5, 0.01),
    after=Responses(0.1, 0.1, 1.0, 0.5, 0.01),
    trials=(FLAT,),
    memory=None,
    notes=(),
)


def learning(*curve: float) -> Trial:
    best = Score(max(curve), max(curve) - 0.05, max(curve) + 0.05)
    return replace(FLAT, best=Scores(best, None, 1.0), last=Scores(best, None, 1.0), heldout=curve)


RECURRENT = replace(HEALTHY.structure, recurrent=True, mixes=False, repeats=True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "inconclusive"),
        ({"trials": ()}, "inconclusive"),
        ({"scores": Scores(Score(0.96, 0.9, 0.99), None, 0.1)}, "solved"),
        ({"structure": replace(HEALTHY.structure, within_reach=0.5)}, "under-reaching"),
        ({"structure": replace(HEALTHY.structure, within_reach=0.96)}, "inconclusive"),
        ({"trials": (learning(0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.96),)}, "undertrained"),
        ({"trials": (learning(0.1, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7),)}, "undertrained"),
        ({"trials": (learning(0.1, 0.3, 0.5, 0.5, 0.5, 0.5, 0.5),)}, "capacity"),
        ({"before": Responses(0.1, 0.1, 1.0, 1e-9, 0.01)}, "over-smoothing"),
        ({"before": Responses(0.1, 0.1, 1.0, math.nan, 0.01)}, "inconclusive"),
        ({"before": Responses(1e-9, 1e-9, 1.0, 0.5, 0.01), "after": None}, "over-squashing"),
        ({"before": Responses(1e-9, 1e-9, 1.0, 0.5, 0.01)}, "inconclusive"),
        ({"before": Responses(1e-12, 1e-12, 1, 0.5, 0.1), "after": None, "structure": RECURRENT}, "vanishing gradient"),
        ({"before": Responses(0.1, 0.1, 0.0, 0.5, 0.0)}, "dead path"),
        ({"before": Responses(0.1, 0.0, 1.0, 0.5, 0.0), "after": Responses(0.1, 0.0, 1.0, 0.5, 0.0)}, "dead path"),
        ({"before": Responses(0.1, 0.1, 1.0, 0.5, 1e9)}, "exploding gradient"),
        ({"before": Responses(0.1, 0.1, math.inf, 0.5, math.inf)}, "exploding gradient"),
        ({"trials": (replace(FLAT, diverged=True),)}, "exploding gradient"),
        (
            {"before": Responses(0.1, 0.1, 1.0, 0.5, 1e-9), "after": Responses(0.1, 0.1, 1.0, 0.5, 1e-9)},
            "vanishing gradient",
        ),
        ({"memory": Memory(4, 1.0, 0.01, 8, 40)}, "capacity"),
        ({"memory": Memory(4, 1.0, 0.99, 8, 40)}, "inconclusive"),
    ],
    ids=str,
)
def test_each_measurement_decides_in_order(change: dict[str, Any], expected: str) -> None:
    found = judge(replace(HEALTHY, **change), Thresholds())
    assert found.finding == expected
    assert found.finding in FINDINGS
    assert found.reason


def reading(hops: int, value: float) -> Reader:
    return Reader(hops, Score(value, value - 0.04, value + 0.04))


READ = replace(
    HEALTHY,
    structure=replace(HEALTHY.structure, declared=False, hops_reached=2, within_reach=math.nan, hops_needed=-1),
    readers=Readers((reading(0, 0.3), reading(2, 0.8), reading(4, 0.81)), (), ()),
    trials=(learning(0.1, 0.5, 0.7, 0.8, 0.82, 0.81, 0.82),),
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "undertrained"),
        ({"scores": Scores(Score(0.82, 0.78, 0.86), Score(0.85, 0.8, 0.9), 1.0)}, "no sign of a long-range problem"),
        ({"scores": Scores(Score(0.5, 0.46, 0.54), Score(1.0, 0.97, 1.0), 1.0), "trials": ()}, "overfitting"),
        (
            {"readers": Readers((reading(0, 0.3), reading(2, 0.3), reading(4, 0.97)), (), ()), "trials": (FLAT,)},
            "under-reaching",
        ),
        (
            {"readers": Readers((reading(0, 0.1), reading(2, 0.12)), (), ()), "trials": (FLAT,)},
            "unlearnable as measured",
        ),
        ({"trials": (FLAT,)}, "inconclusive"),
        ({"trials": (learning(0.1, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4),)}, "capacity"),
    ],
    ids=str,
)
def test_readers_are_the_measure_where_nothing_is_declared(change: dict[str, Any], expected: str) -> None:
    assert judge(replace(READ, **change), Thresholds()).finding == expected


@pytest.mark.parametrize("best", [0.8, 0.3])
def test_a_copy_far_above_chance_learns_however_wide_the_interval_of_an_untrained_r2_is(best: float) -> None:
    few = replace(
        READ,
        chance=0.0,
        scores=Scores(Score(-8.0, -12.0, -4.0), None, 5.0),  # a standard error of 2
        readers=Readers((reading(0, 0.01),), (), (), (), (0.0, 0.02)),  # no reader is better than chance
    )
    copy = learning(-8.0, -3.0, 0.0, best / 2, best, best, best)
    found = judge(replace(few, trials=(copy,)), Thresholds())
    assert found.finding not in ("unlearnable as measured", "inconclusive"), found.reason
    unsure = replace(copy, best=Scores(Score(best, best - 1.5, best + 0.1), None, 1.0))
    assert judge(replace(few, trials=(unsure,)), Thresholds()).finding in ("unlearnable as measured", "inconclusive")
