"""The word of the field for deep stacks, forgetful recurrences and states of too few numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import stochastic_blockmodel_graph

import graphseq as gs
from graphseq.reach.diagnosis.advice import advise
from graphseq.reach.diagnosis.confidence import repeatability
from graphseq.reach.diagnosis.evidence import Evidence, Structure, layers_of
from graphseq.reach.diagnosis.judge import judge
from graphseq.reach.diagnosis.outlook import outlook
from graphseq.reach.diagnosis.responses import Responses
from graphseq.reach.diagnosis.scoring import Score
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.trial import Scores, Trial


def accuracy(output: Tensor, y: Tensor) -> Tensor:
    return (output.argmax(dim=1) == y).float().mean()


def found_on(model: torch.nn.Module, data: Any, **options: Any) -> gs.reach.Diagnosis:
    found: gs.reach.Diagnosis = gs.diagnose(model, data, loss=F.cross_entropy, score=accuracy, **options)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("layers", [32, 40])
def test_a_deep_gcn_of_relu_is_over_smoothing_though_its_gradient_vanishes_too(layers: int) -> None:
    torch.manual_seed(1)
    edge_index = stochastic_blockmodel_graph([50] * 3, torch.eye(3) * 0.12 + 0.02)
    y = torch.arange(3).repeat_interleave(50)
    x = torch.cat([F.one_hot(y, 3) + torch.randn(150, 3), torch.randn(150, 8)], dim=1)
    drawn = torch.rand(150) < 0.5
    data = Data(x=x, edge_index=edge_index, y=y, train_mask=drawn, val_mask=~drawn)
    found = found_on(pyg.GCN(11, 16, layers, 3), data)
    assert found.finding == "over-smoothing"
    assert found.evidence.before.spread < 1e-4


def test_a_recurrence_that_forgets_is_a_vanishing_gradient_without_hops() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(4, (300, 20))
    model = Last("RNN", 12, 4)
    with torch.no_grad():
        model.cell.weight_hh_l0.mul_(0.02)  # type: ignore[operator,union-attr]
    found = found_on(model, (F.one_hot(tokens, 4).float(), tokens[:, 0]), steps=30)
    assert found.finding == "vanishing gradient"
    assert found.evidence.structure.hops_needed == 19


class Last(torch.nn.Module):
    """A recurrence read at its last step."""

    def __init__(self, cell: str, width: int, classes: int) -> None:
        super().__init__()
        self.cell = getattr(torch.nn, cell)(classes, width, batch_first=True)
        self.lin = torch.nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin(self.cell(x)[0][:, -1])
        return out


def test_a_rise_of_influence_from_which_nothing_is_learnt_does_not_repair_a_recurrence() -> None:
    flat = curve(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    faded = replace(
        evidence(flat, recurrent=True, mixes=False, repeats=True),
        before=Responses(1e-12, 1e-12, 1.0, 0.5, 0.01),
        after=Responses(0.02, 0.02, 1.0, 0.5, 0.01),
    )
    assert judge(faded, Thresholds()).finding == "vanishing gradient"
    learnt = replace(faded, trials=(curve(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),))
    assert judge(learnt, Thresholds()).finding == "undertrained"


def test_a_gru_of_two_units_cannot_hold_eight_classes() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(8, (300, 6))
    found = found_on(Last("GRU", 2, 8), (F.one_hot(tokens, 8).float(), tokens[:, 2]), steps=30)
    assert found.finding == "capacity"
    assert "a state of 2 numbers explains at most 29%" in found.sentences[1].lower()
    assert found.evidence.structure.width == 2
    assert found.advice[0].action == "width"


def curve(*scores: float, losses: tuple[float, ...] = (2.0, 1.5, 1.0), steps: int = 200) -> Trial:
    best, last = (Scores(Score(s, s - 0.02, s + 0.02, 400), None, 1.0) for s in (max(scores), scores[-1]))
    return Trial(0.01, steps, False, best, last, scores, losses, (), 1.0, torch.nn.Identity())


def evidence(*trials: Trial, **structure: Any) -> Evidence:
    return Evidence(
        scores=Scores(Score(0.1, 0.08, 0.12, 400), None, 2.3),
        chance=0.1,
        structure=replace(Structure(True, 3, 3.0, 1.0, False, True, False, False, 1, 16), **structure),
        readers=None,
        before=Responses(0.1, 0.1, 1.0, 0.5, 0.01),
        after=Responses(0.1, 0.1, 1.0, 0.5, 0.01),
        trials=trials,
        memory=None,
        notes=(),
    )


def test_the_outlook_is_the_best_score_and_more_only_where_a_curve_rises() -> None:
    t = Thresholds()
    flat = evidence(curve(0.1, 0.5, 0.7, 0.72, 0.71, 0.72, 0.71))
    assert outlook(flat, t, "undertrained") == pytest.approx(0.72)
    rising = curve(0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    assert outlook(evidence(rising), t, "undertrained") == pytest.approx(0.55 + 0.2)  # 0.2 / 2 + 0.2 / 4 + …
    assert outlook(evidence(rising), t, "over-smoothing") == pytest.approx(0.6)
    above = curve(0.1, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7)  # the same model at its plateau
    assert outlook(evidence(rising, above), t, "undertrained") == pytest.approx(0.7)
    fitted = curve(0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, losses=(2.0, 0.5, 0.01))
    assert outlook(evidence(fitted), t, "undertrained") == pytest.approx(0.6)
    assert outlook(evidence(), t, "undertrained") == pytest.approx(0.1)


def test_rows_out_of_reach_are_not_squashed_on_their_way() -> None:
    deaf = replace(
        evidence(curve(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), declared=False, within_reach=0.0),
        before=Responses(0.0, 0.0, 1.0, 0.5, 0.01),
        after=Responses(0.0, 0.0, 1.0, 0.5, 0.01),
    )
    found = judge(deaf, Thresholds())
    assert "over-squashing" not in [found.finding, *(name for name, _ in found.also)]


def test_a_copy_that_comes_to_overfit_is_to_be_stopped_at_its_best() -> None:
    fitted = curve(0.1, 0.3, 0.6, 0.5, 0.5, 0.4, 0.4)
    last = Scores(Score(0.4, 0.38, 0.42, 400), Score(0.98, 0.97, 0.99, 400), 1.0)
    (advice,) = advise("undertrained", evidence(replace(fitted, last=last)), torch.nn.Identity())
    assert advice.arguments["steps"] == 67  # the second of six checks in 200 steps
    assert "stop at the best score on data held out, here after 67 of 200 steps" in advice.text
    assert advise("undertrained", evidence(fitted), torch.nn.Identity())[0].arguments["steps"] == 600


def test_more_layers_are_asked_for_by_the_word_that_a_model_has() -> None:
    deaf = replace(evidence(), structure=replace(evidence().structure, hops_needed=8, hops_reached=3.0))
    texts = [
        advise("under-reaching", replace(deaf, layers=word), torch.nn.Identity())[0].text
        for word in ("num_layers", "convolutions", "")
    ]
    assert texts[0] == "5 more layers: num_layers=8"
    assert texts[1] == "5 more layers: 8 convolutions in all"
    assert texts[2].startswith("an encoder of 8 layers, such as GCN(…, num_layers=8)")
    assert layers_of(pyg.GCN(3, 4, 2, 2)) == "num_layers"
    assert layers_of(pyg.GCNConv(3, 4)) == "convolutions"
    assert layers_of(torch.nn.LSTM(3, 4)) == ""


def test_a_few_answers_leave_less_confidence() -> None:
    t = Thresholds()
    trained = evidence(curve(0.1, 0.3, 0.5, 0.5, 0.5, 0.5, 0.95))
    few = replace(trained, scores=Scores(Score(0.4, 0.1, 0.8, 12), None, 2.3))
    assert repeatability(trained, t, "undertrained") > 0.999
    assert 0.8 < repeatability(few, t, "undertrained") < 0.99  # (0.95 - 0.4) / 0.9 / (1.4 · 0.2)
    assert repeatability(few, t, "dead path") == 1


def test_random_answers_to_a_recurrence_that_forgets_say_how_far_it_hears() -> None:
    torch.manual_seed(0)
    bits = torch.randint(2, (900, 16))
    model = Last("RNN", 12, 2)
    with torch.no_grad():
        model.cell.weight_hh_l0.mul_(0.02)  # type: ignore[operator,union-attr]
    found = found_on(model, (F.one_hot(bits, 2).float(), torch.randint(2, (900,))), steps=0)
    assert found.finding == "unlearnable as measured"
    heard = found.evidence.before.heard
    assert 1 <= heard <= 3  # the squared share falls by about 0.02² / 3 a step
    assert f"rows more than {heard:.0f} step" in found.sentences[1]
