"""Graph transfer, repaired: hops decide, and nothing that a short-sighted model sees tells of the answer."""

import pytest
import torch

import graphseq as gs
from graphseq.tasks import GraphTransfer
from graphseq.tasks.synthetic.shapes import SHAPES


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "tree"])
def test_the_source_alone_has_the_answer(shape: str) -> None:
    task = GraphTransfer(6, shape=shape)
    graph = task.batch(200, torch.Generator().manual_seed(0))
    rows = graph.x[:, 0].view(200, -1)
    correlation = torch.corrcoef(torch.cat([graph.y.T, rows.T]))[0, 1:]
    source = int(graph.x[: rows.shape[1], 1].argmax())
    assert correlation[source] == pytest.approx(1)
    others = correlation[torch.arange(len(correlation)) != source].nan_to_num(0)  # the target's number is always 0
    assert float(others.abs().max()) < 4 / 200**0.5
    assert task.hops_needed(task.batch(2, torch.Generator())).tolist() == [5, 5]


def test_the_input_of_the_asked_row_is_the_same_in_every_graph() -> None:
    graph = GraphTransfer(4).batch(50, torch.Generator().manual_seed(0))
    assert graph.x[graph.target_rows].unique(dim=0).tolist() == [[0.0, 0.0, 1.0]]


def test_a_model_that_sees_one_hop_less_has_the_error_of_the_constant() -> None:
    task = GraphTransfer(4)
    graph = task.batch(500, torch.Generator().manual_seed(1))
    blind = gs.nn.Model(gs.nn.GCN(3, 8, num_layers=2), 1)
    seeing = gs.nn.Model(gs.nn.GCN(3, 8, num_layers=3), 1)
    changed = graph.replace(x=torch.where(graph.x[:, 1:2] > 0, graph.x + torch.tensor([0.5, 0, 0]), graph.x))
    assert torch.equal(blind(graph), blind(changed))
    assert not torch.equal(seeing(graph), seeing(changed))
    assert float(task.loss(torch.full_like(graph.y, 0.5), graph.y)) == pytest.approx(1 / 12, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 1}, "length must be at least 2"),
        ({"length": 4, "shape": "star"}, "shape"),
        ({"length": 4, "tolerance": 0.6}, "tolerance must be at most 0.5"),
    ],
)
def test_odd_arguments_are_refused_by_name(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GraphTransfer(**arguments)  # type: ignore[arg-type]
