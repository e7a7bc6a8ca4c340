"""The diagnosis of any model: the same finding however it is wrapped, on tasks, graphs of PyG, and sequences."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.utils import stochastic_blockmodel_graph

import graphseq as gs
from graphseq import nn
from graphseq.tasks import AssociativeRecall, GraphClassification, GraphRegression, Recall, Transfer


def accuracy(output: Tensor, y: Tensor) -> Tensor:
    return (output.argmax(dim=1) == y).float().mean()


def rings(hops: int, count: int = 160) -> list[Data]:
    """Rings of PyG that ask at row 0 for the class at the opposite row."""
    generator = torch.Generator().manual_seed(0)
    index = torch.arange(2 * hops)
    ends = torch.stack([index, (index + 1) % len(index)])
    out = []
    for _ in range(count):
        x = 0.1 * torch.randn(len(index), 5, generator=generator)
        y = torch.randint(4, (1,), generator=generator)
        x[hops, y], x[0, 4] = 1.0, 1.0
        data = Data(x=x, edge_index=torch.cat([ends, ends.flip(0)], dim=1), y=y.expand(len(index)).clone())
        data.train_mask = index == 0
        out.append(data)
    return out


def blocks(*, each: int = 50, random: bool = False) -> Data:
    """Two blocks whose features show their classes weakly."""
    torch.manual_seed(0)
    edge_index = stochastic_blockmodel_graph([each, each], torch.tensor([[0.2, 0.02], [0.02, 0.2]]))
    y = torch.arange(2).repeat_interleave(each)
    x = torch.cat([F.one_hot(y, 2) + 0.7 * torch.randn(2 * each, 2), torch.randn(2 * each, 2)], dim=1)
    y = torch.randint(2, y.shape) if random else y
    drawn = torch.rand(2 * each)
    return Data(x=x, edge_index=edge_index, y=y, train_mask=drawn < 0.5, val_mask=drawn >= 0.5)


def foreign(model: torch.nn.Module, data: Any, **options: Any) -> gs.reach.Diagnosis:
    found: gs.reach.Diagnosis = gs.diagnose(
        model, data, loss=F.cross_entropy, score=accuracy, chance="majority", **options
    )
    return found


def seeded(encoder: Callable[[], nn.Encoder], out_channels: int = 10) -> nn.Model:
    torch.manual_seed(0)
    return nn.Model(encoder(), out_channels)


def test_too_few_layers_are_under_reaching_and_cost_no_training() -> None:
    found = gs.diagnose(seeded(lambda: nn.GCN(10, 8, 4)), Transfer(9, shape="ring"))
    assert found.finding == "under-reaching"
    assert found.evidence.structure.hops_reached == 4
    assert found.evidence.trials == ()
    assert found.advice[0].arguments == {"num_layers": 8}
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["finding"] == "under-reaching"


def test_what_is_needed_is_measured_where_nobody_declares_it() -> None:
    torch.manual_seed(0)
    found = foreign(pyg.GCN(5, 16, 3, 4), DataLoader(rings(5), batch_size=16), steps=20)
    assert found.finding == "under-reaching"
    assert (found.evidence.structure.hops_needed, found.evidence.structure.hops_reached) == (5, 3)
    assert found.evidence.readers is not None
    assert [reader.hops for reader in found.evidence.readers.readers] == [0, 1, 2, 3, 4, 5]
    assert found.evidence.readers.best.score.value > 0.9
    assert found.advice[0].text == "2 more layers: num_layers=5"
    assert foreign(pyg.GCN(5, 16, 3, 4), rings(5), steps=0, hops=5).finding == "under-reaching"


@pytest.mark.parametrize(
    ("model", "hops"),
    [
        (lambda: pyg.GCN(5, 8, 3, 4), 3),
        (lambda: nn.Model(nn.GCN(5, 8, 2, conv=lambda a, b: pyg.TAGConv(a, b, K=2)), 4), 4),
        (lambda: nn.Model(nn.GCN(5, 8, 2), 4), 2),
        (lambda: pyg.MLP([5, 8, 4]), 0),
    ],
    ids=["three layers", "TAGConv", "two layers", "MLP"],
)
def test_the_hops_within_reach_are_those_that_change_the_output(
    model: Callable[[], torch.nn.Module], hops: int
) -> None:
    torch.manual_seed(0)
    data = rings(6, 8)
    if isinstance(made := model(), nn.Model):
        graphs = [gs.from_graph(Data(x=d.x, edge_index=d.edge_index), y=d.y[:1], target=d.train_mask) for d in data]
        found = gs.diagnose(made, GraphsAsTask(graphs), steps=0)
    else:
        found = foreign(made, data, steps=0)
    assert found.evidence.structure.hops_reached == hops


class GraphsAsTask(GraphClassification):
    def __init__(self, graphs: list[gs.SpaceTimeGraph]) -> None:
        super().__init__(graphs, 4)


def test_the_same_function_has_the_same_finding_ours_or_of_pyg() -> None:
    torch.manual_seed(0)
    data = blocks()
    theirs = pyg.GCN(4, 8, 3, 2)
    ours = nn.Model(nn.GCN(4, 8, 3), 2)
    ours.encoder.convs[-1] = nn.GCNConv(8, 8)
    graph = gs.from_graph(Data(x=data.x, edge_index=data.edge_index), y=data.y)
    wrapped = Wrapped(theirs, graph)
    a = foreign(theirs, Data(x=data.x, edge_index=data.edge_index, y=data.y), steps=30)
    b = foreign(wrapped, graph, steps=30)
    assert a.finding == b.finding
    assert b.evidence.before.influence == pytest.approx(a.evidence.before.influence, rel=1e-9, nan_ok=True)
    assert b.evidence.scores == a.evidence.scores


class Wrapped(torch.nn.Module):
    """A model of PyG that reads a space-time graph."""

    def __init__(self, model: torch.nn.Module, graph: gs.SpaceTimeGraph) -> None:
        super().__init__()
        self.model = model

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        out: Tensor = self.model(graph.x, graph.topology.spatial.edge_index)
        return out


def test_deep_stacks_of_attention_are_over_smoothed_at_their_own_limit() -> None:
    torch.manual_seed(0)
    wheel = nx.wheel_graph(12)
    edges = torch.tensor(list(wheel.edges)).T
    data = Data(x=torch.randn(12, 4), edge_index=torch.cat([edges, edges.flip(0)], dim=1), y=torch.arange(12) % 2)
    deep, shallow = (foreign(pyg.GAT(4, 8, layers, 2), data, steps=0) for layers in (60, 2))
    assert deep.evidence.before.spread < 1e-8
    assert shallow.evidence.before.spread > 1e-3
    assert any(name == "over-smoothing" for name, _ in [(deep.finding, 0), *deep.also])


class Detached(nn.GCN):
    def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x).detach()


def test_detached_states_and_dead_units_are_dead_paths() -> None:
    task = Transfer(5)
    cut = gs.diagnose(seeded(lambda: Detached(10, 4, 4)), task, steps=20)
    assert cut.finding == "dead path"
    assert cut.evidence.before.influence > 0
    assert cut.evidence.before.sensitivity == 0
    assert len(cut.evidence.trials[0].silent) == 8  # all weights and biases of the encoder
    model = seeded(lambda: nn.GCN(10, 16, 4))
    torch.nn.init.constant_(model.encoder.convs[0].bias, -1e4)
    dead = gs.diagnose(model, task, steps=20)
    assert dead.finding == "dead path"
    assert dead.evidence.before.response == 0


def test_what_training_repairs_is_no_fault() -> None:
    found = gs.diagnose(seeded(lambda: nn.GCN(10, 16, 12, residual=True)), Transfer(4, shape="ring"))
    assert found.finding == "undertrained"
    assert found.evidence.skill(found.evidence.trials[0].best.heldout.value) > 0.9
    model = seeded(lambda: nn.GCN(10, 32, 2))
    gs.fit(model, Transfer(3), steps=600, optimizer="Adam", lr=0.01)
    assert gs.diagnose(model, Transfer(3)).finding == "solved"


def test_weights_that_overflow_are_an_exploding_gradient() -> None:
    model = seeded(lambda: nn.GCN(10, 16, 3))
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(1e15)
    assert gs.diagnose(model, Transfer(4), steps=20).finding == "exploding gradient"


def test_a_signal_that_three_to_the_r_attenuates_is_over_squashed() -> None:
    found = gs.diagnose(seeded(lambda: nn.GCN(10, 16, 12)), Transfer(13, shape="ring"), steps=20)
    assert found.finding == "over-squashing"
    assert found.advice[0].arguments == {"family": "WaveGCN", "num_layers": 16}


def test_a_small_state_is_a_lack_of_capacity() -> None:
    found = gs.diagnose(seeded(lambda: nn.RNN(18, 6)), Recall(9, num_items=8), steps=20)
    assert found.finding == "capacity"
    assert found.evidence.memory is not None
    assert found.evidence.memory.items == 8
    assert found.evidence.memory.width == 6
    star = gs.diagnose(seeded(lambda: nn.GCN(24, 4, 2), 12), AssociativeRecall(12, query_hops=1), steps=20)
    assert star.finding == "capacity"


def test_random_classes_are_unlearnable_and_those_of_blocks_are_not() -> None:
    torch.manual_seed(1)
    found = foreign(pyg.GCN(4, 8, 2, 2), blocks(each=150, random=True), steps=30)
    assert found.finding == "unlearnable as measured"
    few = foreign(pyg.GCN(4, 8, 2, 2), blocks(random=True), steps=30)
    assert few.finding == "inconclusive"
    assert "answers held out do not exclude a score of 0.7" in few.sentences[1]
    assert few.confidence < found.confidence
    data, model = blocks(), pyg.GCN(4, 8, 2, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(data.x, data.edge_index)[data.train_mask], data.y[data.train_mask]).backward()
        optimizer.step()
    assert foreign(model, data, steps=30).finding in ("solved", "no sign of a long-range problem")


def test_a_constant_on_a_majority_of_97_percent_is_not_solved() -> None:
    torch.manual_seed(0)
    x = torch.randn(400, 3)
    y = (torch.arange(400) % 40 == 0).long()
    data = Data(x=x, edge_index=torch.randint(400, (2, 1200)), y=y)
    model = pyg.MLP([3, 8, 2], norm=None)
    torch.nn.init.zeros_(model.lins[-1].weight)
    with torch.no_grad():
        model.lins[-1].bias.copy_(torch.tensor([3.0, -3.0]))
    found = foreign(model, data, steps=0)
    assert found.evidence.scores.heldout.value > 0.95
    assert found.finding != "solved"


@pytest.mark.parametrize("pool", ["mean", "sum", "max"])
def test_ordinary_data_sets_of_graphs_are_diagnosed(pool: str) -> None:
    torch.manual_seed(0)
    graphs = [
        gs.from_graph(nx.erdos_renyi_graph(n, 0.2 + 0.4 * (i % 2), seed=i), x=torch.ones(n, 1), y=torch.tensor([i % 2]))
        for i, n in enumerate([8, 9, 10, 11] * 12)
    ]
    model = nn.Model(nn.GCN(1, 8, 2), 2, pool=pool)
    found = gs.diagnose(model, GraphClassification(graphs, 2), steps=20)
    assert found.finding in gs.reach.FINDINGS
    assert "were held out at random" in found.evidence.notes[0]
    numbers = [graph.replace(y=torch.rand(1, 1)) for graph in graphs]
    assert gs.diagnose(nn.Model(nn.GCN(1, 8, 2), 1, pool=pool), GraphRegression(numbers), steps=5).finding


class Last(torch.nn.Module):
    """A recurrence of torch, read at its last step."""

    def __init__(self, cell: torch.nn.Module, asked: int = -1) -> None:
        super().__init__()
        self.cell, self.lin, self.asked = cell, torch.nn.Linear(12, 4), asked

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin(self.cell(x)[0][:, self.asked])
        return out


def test_sequences_in_tensors_are_diagnosed() -> None:
    torch.manual_seed(0)
    x = F.one_hot(torch.randint(4, (240, 8)), 4).float()
    y = x[:, 0].argmax(dim=1)
    fresh = foreign(Last(torch.nn.GRU(4, 12, batch_first=True)), (x, y))
    assert fresh.finding == "undertrained"
    assert fresh.evidence.structure.hops_needed == 7
    later = foreign(Last(torch.nn.LSTM(4, 12, batch_first=True), asked=2), (x, x[:, 7].argmax(dim=1)), steps=10)
    assert later.finding == "under-reaching"
    assert later.advice[0].action == "direction"


def test_a_masked_attention_that_a_nan_passes_does_not_reach() -> None:
    torch.manual_seed(0)
    x = F.one_hot(torch.randint(4, (200, 6)), 4).double()
    found = foreign(Causal(), (x.float(), x[:, 5].argmax(dim=1)), steps=10)
    assert found.finding == "under-reaching"
    assert found.evidence.structure.within_reach == 0


class Causal(torch.nn.Module):
    """An attention over earlier steps, read at the second of six."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.lin = torch.nn.Linear(4, 8), torch.nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.lift(x)
        scores = (h @ h.transpose(1, 2)).masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
        out: Tensor = self.lin((scores.softmax(dim=2) @ h)[:, 1])
        return out


def test_integer_features_and_numbers_as_answers() -> None:
    torch.manual_seed(0)
    data = Data(x=torch.randint(6, (60, 1)), edge_index=torch.randint(60, (2, 200)), y=torch.randint(2, (60,)))
    assert foreign(Embedded(), data, steps=5).finding in gs.reach.FINDINGS
    numbers = Data(x=torch.randn(60, 3), edge_index=data.edge_index, y=torch.randn(60, 1))
    found = gs.diagnose(pyg.GraphSAGE(3, 8, 2, 1), numbers, loss=F.mse_loss, steps=5)
    assert found.evidence.chance == pytest.approx(0, abs=0.2)


class Embedded(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.gcn = torch.nn.Embedding(6, 4), pyg.GCN(4, 8, 2, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.gcn(self.embedding(x[:, 0]), edge_index)
        return out


@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_the_generators_are_unchanged_and_a_seed_repeats(training: bool) -> None:
    task = Recall(5, num_items=2)
    model = nn.Model(nn.GCN(task.in_channels, 8, 4), task.out_channels).train(training)
    model.head.lin.bias.requires_grad_(False)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    first, again = (gs.diagnose(model, task, seed=3, steps=12) for _ in range(2))
    assert str(first) == str(again)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert model.training is model.encoder.training is training
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["head.lin.bias"]
    assert all(p.grad is None for p in model.parameters())


def test_str_has_three_sentences_a_table_and_the_advice() -> None:
    lines = str(gs.diagnose(seeded(lambda: nn.GCN(10, 8, 4)), Transfer(9, shape="ring"))).splitlines()
    assert lines[0].startswith("under-reaching (confidence")
    assert lines[1].startswith("Under-reaching: the score is")
    assert lines[1].endswith("No copy was trained, since that could not change the finding.")
    assert any(line.split() == ["hops", "needed", "8"] for line in lines)
    assert lines[-1] == "  → 4 more layers: num_layers=8"


CORA = Data(x=torch.randn(10, 3), edge_index=torch.randint(10, (2, 20)), y=torch.arange(10) % 2)


@pytest.mark.parametrize(
    ("model", "data", "options", "error", "message"),
    [
        ("GCN", CORA, {}, TypeError, "model must be a torch.nn.Module, got str"),
        (
            pyg.GCN(3, 4, 2, 2),
            CORA,
            {},
            ValueError,
            "loss is needed for this data, such as torch.nn.functional.cross_entropy",
        ),
        (pyg.GCN(3, 4, 2, 2), 3, {"loss": F.cross_entropy}, TypeError, "data must be a graphseq.tasks.Task"),
        (pyg.GCN(3, 4, 2, 2), HeteroData(), {"loss": F.cross_entropy}, TypeError, "heterogeneous"),
        (pyg.GCN(3, 4, 2, 2), iter([CORA]), {"loss": F.cross_entropy}, TypeError, "read only once"),
        (pyg.GCN(2, 4, 2, 2), CORA, {"loss": F.cross_entropy}, ValueError, "cannot be run on data with x"),
        (pyg.GCN(3, 4, 2, 1), CORA, {"loss": F.cross_entropy}, ValueError, "loss does not take the model's output"),
        (nn.Model(nn.GCN(10, 4, 2), 10), Transfer(3), {"chance": 0.1}, TypeError, "chance was given, but a task"),
        (nn.Model(nn.GCN(10, 4, 2), 10), Transfer(3), {"validation": CORA}, TypeError, "validation must be a task"),
        (nn.Model(nn.GCN(10, 4, 2), 10), Transfer(3), {"steps": -1}, ValueError, "steps must be at least 0"),
        (nn.Model(nn.GCN(10, 4, 2), 10), Transfer(3), {"budget_seconds": 0}, ValueError, "budget_seconds must be"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused_by_name(
    model: Any, data: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        gs.diagnose(model, data, **options)
