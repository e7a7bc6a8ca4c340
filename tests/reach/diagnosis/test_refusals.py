"""Data that would be diagnosed without a word and mean nothing, and what is said of a model that is unusual."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import graphseq as gs


def graph(**changes: Tensor) -> Data:
    g = torch.Generator().manual_seed(0)
    data = Data(
        x=torch.randn(40, 3, generator=g),
        edge_index=torch.randint(40, (2, 100), generator=g),
        y=torch.arange(40) % 2,
    )
    for key, value in changes.items():
        data[key] = value
    return data


def gcn(out_channels: int = 2) -> torch.nn.Module:
    torch.manual_seed(0)
    return pyg.GCN(3, 8, 2, out_channels)


def found_on(data: Any, model: torch.nn.Module | None = None, **options: Any) -> gs.reach.Diagnosis:
    options = {"loss": F.cross_entropy, "steps": 3, **options}
    found: gs.reach.Diagnosis = gs.diagnose(gcn() if model is None else model, data, **options)
    return found


def with_nan(x: Tensor) -> Tensor:
    x = x.clone()
    x.view(-1)[7] = torch.nan
    return x


def test_inputs_that_are_nan_are_refused_with_their_place() -> None:
    with pytest.raises(ValueError, match=r"x of data has 1 entries that are NaN or infinite, the first at \(2, 1\)"):
        found_on(graph(x=with_nan(graph().x)))
    with pytest.raises(ValueError, match=r"x of graph 1 of data has 1 entries"):
        found_on([graph(), graph(x=with_nan(graph().x))])
    x, y = with_nan(torch.randn(20, 5, 3)), torch.arange(20) % 2
    with pytest.raises(ValueError, match=r"x of data has 1 entries that are NaN or infinite, the first at \(0, 2, 1\)"):
        found_on((x, y), Last())


def test_answers_that_losses_ignore_are_left_out_and_refused_where_none_is_left() -> None:
    with pytest.raises(ValueError, match="y is -100, which losses of torch ignore, at all 40 answers"):
        found_on(graph(y=torch.full((40,), -100)))
    y = torch.arange(40) % 2
    y[::4] = -100
    every = found_on(graph(y=y)).evidence
    held = graph(y=y, train_mask=torch.arange(40) < 20, val_mask=torch.arange(40) >= 20)
    assert found_on(held).evidence.scores.heldout.count == 15
    assert every.chance < 1
    with pytest.raises(ValueError, match="y has classes below 0, such as -1"):
        found_on(graph(y=torch.arange(40) % 3 - 1))
    with pytest.raises(ValueError, match="y has 1 numbers that are NaN or infinite among"):
        found_on(graph(y=with_nan(torch.randn(40, 1))), gcn(1), loss=F.mse_loss)
    steps = torch.arange(120).view(20, 6) % 2
    steps[:, 3:] = -100
    padded = found_on((torch.randn(20, 6, 3), steps), EachStep()).evidence
    assert padded.scores.heldout.count == 6 * 3


class EachStep(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.GRU(3, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.cell(x)[0]
        return out


class Last(EachStep):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, -1]


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, lambda o, y: (o - y).square().mean()])
def test_a_loss_that_compares_each_output_with_each_answer_is_refused(loss: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"output \(12, 1\) and y \(12,\), but compares each output with each"):
            found_on(graph(y=torch.randn(40)), gcn(1), loss=loss)
        assert found_on(graph(y=torch.randn(40, 1)), gcn(1), loss=loss).finding
        assert found_on(graph(y=torch.randn(40)), gcn(1), loss=lambda o, y: loss(o[:, 0], y)).finding
    x = torch.randn(40, 5, 3)
    with pytest.raises(ValueError, match="compares each output with each"):
        found_on((x, torch.randn(40, 1)), Flat(), loss=loss)


class Flat(Last):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 0]


def graphs(count: int) -> list[Data]:
    g = torch.Generator().manual_seed(1)
    return [
        Data(
            x=torch.randn(6, 3, generator=g), edge_index=torch.randint(6, (2, 14), generator=g), y=torch.tensor([k % 2])
        )
        for k in range(count)
    ]


class Pooled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gcn = gcn()

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return pyg.global_mean_pool(self.gcn(x, edge_index), batch)


def test_the_generator_of_a_loader_stays_where_it_was() -> None:
    g = torch.Generator().manual_seed(3)
    loader = DataLoader(graphs(30), batch_size=8, shuffle=True, generator=g)
    model = Pooled()
    before, own = g.get_state().clone(), torch.get_rng_state()
    found_on(loader, model, validation=loader)
    assert torch.equal(g.get_state(), before)
    assert torch.equal(torch.get_rng_state(), own)


def test_one_graph_held_out_gives_no_warning_and_no_finding() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = found_on(graphs(8), Pooled(), validation=graphs(9)[8:])
        assert found_on(graphs(2), Pooled()).finding == "inconclusive"
    assert found.finding == "inconclusive"


def test_frozen_parameters_random_outputs_and_no_training_are_said() -> None:
    model = gcn()
    model.convs[0].bias.requires_grad_(False)  # type: ignore[index,union-attr]
    assert any("1 of the 4 parameters are frozen" in note for note in found_on(graph(), model).evidence.notes)
    model.requires_grad_(False)
    assert found_on(graph(), model).sentences[2].startswith("No copy was trained, since no parameter of the model req")
    assert found_on(graph(), steps=0).sentences[2] == "No copy was trained, since steps is 0."
    assert any("differ by up to" in note for note in found_on(graph(), Dropping()).evidence.notes)
    assert not any("differ by up to" in note for note in found_on(graph()).evidence.notes)


class Dropping(torch.nn.Module):
    """A model that drops features in evaluation mode, too."""

    def __init__(self) -> None:
        super().__init__()
        self.gcn = gcn()

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.gcn(F.dropout(x, 0.5, training=True), edge_index)
        return out


def test_responses_of_a_model_that_draws_are_those_of_the_same_draws() -> None:
    """The row of an isolated node has no influence on others, though two calls differ."""
    found = found_on(graph(edge_index=torch.randint(39, (2, 100))), Dropping(), hops=1)
    assert found.evidence.structure.hops_reached == 2


def own_mean(output: Tensor, y: Tensor) -> Tensor:
    return (output - y).square().mean()


@pytest.mark.parametrize("loss", [F.mse_loss, own_mean])
def test_answers_at_each_step_are_compared_with_one_output_each(loss: Any) -> None:
    x = torch.randn(40, 5, 3)
    with pytest.raises(ValueError, match=r"output \(60, 1\) and y \(60,\), but compares each output with each"):
        found_on((x, x[..., 0]), StepsApart(), loss=loss)
    with pytest.raises(ValueError, match=r"but compares one output with 5 answers"):
        found_on((x, torch.randn(40, 5)), LastOne(), loss=loss)
    found = found_on((x, x[..., 0]), StepsOfOne(), loss=loss).evidence
    assert found.scores.heldout.count == 12 * 5
    assert any("is taken for one answer at each of the 5 steps" in note for note in found.notes)


class LastOne(Last):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, :1]


class StepsApart(EachStep):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[..., :1]


class StepsOfOne(EachStep):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[..., 0]


def test_one_number_for_several_answers_and_several_for_one_are_refused_on_graphs() -> None:
    with pytest.raises(ValueError, match=r"output \(12, 1\) and y \(12, 3\), but compares one output with 3 answers"):
        found_on(graph(y=torch.randn(40, 3)), gcn(1), loss=own_mean)
    with pytest.raises(ValueError, match=r"compares 3 outputs with one answer, in whatever order they are"):
        found_on(graph(y=torch.randn(40, 1)), gcn(3), loss=own_mean)
    with pytest.raises(ValueError, match=r"which works for as many answers as outputs alone"):
        found_on(graph(y=torch.randn(40)), gcn(12), loss=own_mean)
    with pytest.raises(ValueError, match=r"score takes the model's output \(12, 1\) and y \(12,\)"):
        found_on(graph(y=torch.randn(40)), gcn(1), loss=lambda o, y: own_mean(o[:, 0], y), score=r2)
    with pytest.raises(ValueError, match=r"score takes the model's output \(12, 2\) and y \(12, 1\)"):
        found_on(
            graph(y=torch.arange(40)[:, None] % 2),
            loss=lambda o, y: F.cross_entropy(o, y[:, 0]),
            score=lambda o, y: (o.argmax(dim=1) == y).float().mean(),
        )


def r2(output: Tensor, y: Tensor) -> Tensor:
    return 1 - own_mean(output, y) / y.var(correction=0)


def test_a_loss_that_reads_two_numbers_of_an_output_needs_its_own_score() -> None:
    data = graph(y=torch.randn(40, 1))
    with pytest.raises(ValueError, match="of which no accuracy or R² can be taken; give score="):
        found_on(data, gcn(2), loss=normal_loss)
    assert found_on(data, gcn(2), loss=normal_loss, score=lambda o, y: r2(o[:, :1], y)).finding


def normal_loss(output: Tensor, y: Tensor) -> Tensor:
    return ((output[:, :1] - y).square() / output[:, 1:].exp() + output[:, 1:]).mean()


def test_a_model_that_reads_other_axes_is_refused_with_the_call_that_fits() -> None:
    x, y = torch.randn(30, 5, 3), torch.arange(30) % 2
    with pytest.raises(ValueError, match=r"reads x as \(T, B, F\).*batch_first=True, or give call=.*transpose\(0, 1\)"):
        found_on((x, y), torch.nn.LSTM(3, 2))
    assert found_on((x, y), StepsFirst(), call=lambda m, x: m(x.transpose(0, 1))).finding
    with pytest.raises(ValueError, match=r"reads x as \(B, F, T\).*give call=lambda m, x: m\(x.transpose\(1, 2\)\)"):
        found_on((x.transpose(1, 2), y), OverTime())


class StepsFirst(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.GRU(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.cell(x)[0][-1]
        return out


class OverTime(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x).mean(dim=2)
        return out


def sampled(seeds: int, rows: int) -> Data:
    """A batch as a loader of neighbourhoods gives it: its seeds come first."""
    data = graph()
    batch = Data(x=data.x[:rows], edge_index=data.edge_index % rows, y=data.y[:rows], n_id=torch.arange(rows))
    batch.input_id, batch.batch_size = torch.arange(seeds), seeds
    return batch


def test_only_the_seeds_of_sampled_neighbourhoods_are_answered() -> None:
    found = found_on([sampled(8, 20), sampled(7, 24), sampled(6, 22)]).evidence
    assert found.scores.heldout.count in (8, 7, 6)
    assert found.scores.trained_on is not None
    assert found.scores.heldout.count + found.scores.trained_on.count == 21
    alone = found_on([sampled(20, 40)]).evidence
    assert any("6 of the 20 seeds of sampled neighbourhoods were held out" in note for note in alone.notes)
    assert (alone.scores.heldout.count, alone.scores.trained_on and alone.scores.trained_on.count) == (6, 14)


def test_models_are_called_as_a_probe_calls_them() -> None:
    layers = [(pyg.GCNConv(3, 4), "x, edge_index -> x"), torch.nn.ReLU(), (pyg.GCNConv(4, 2), "x, edge_index -> x")]
    assert found_on(graph(), pyg.Sequential("x, edge_index", layers)).finding  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"requires pos, which data lacks.*call=lambda m, graph: m\(graph.x"):
        found_on(graph(), WithPositions())


class WithPositions(torch.nn.Module):
    def forward(self, x: Tensor, edge_index: Tensor, pos: Tensor) -> Tensor:
        return x + pos


def test_a_model_that_answers_with_nan_is_refused_and_not_scored() -> None:
    class Divided(torch.nn.Module):
        def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
            return x / 0 * 0

    data = Data(x=torch.ones(6, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([0, 1, 0, 1, 0, 1]))
    with pytest.raises(ValueError, match=r"the model gives NaN for \d+ of its \d+ outputs"):
        gs.diagnose(Divided(), data, steps=0, loss=torch.nn.functional.cross_entropy)


def test_a_class_in_place_of_a_loss_is_refused_with_what_to_give() -> None:
    with pytest.raises(TypeError, match=r"loss must be a function .* got the class CrossEntropyLoss; .* CrossEntropyL"):
        found_on(graph(), loss=torch.nn.CrossEntropyLoss)
    with pytest.raises(TypeError, match=r"loss must be a function .* got the class int"):
        gs.reach.Probe(gcn(), graph()).row_gradients(int)  # type: ignore[arg-type]


def test_a_model_of_several_outputs_is_told_to_name_one() -> None:
    class Both(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gcn = gcn()

        def forward(self, data: Data) -> tuple[Tensor, Tensor]:
            states = self.gcn(data.x, data.edge_index)
            return states, states.log_softmax(-1)

    with pytest.raises(TypeError, match=r"gives a tuple of 2, and a diagnosis judges one .* model\(…\)\[0\]"):
        found_on(graph(), Both())
    assert found_on(graph(), Both(), call=lambda model, data: model(data)[1]).finding


def test_bipartite_data_is_refused_by_name() -> None:
    data = Data(x=(torch.randn(4, 3), torch.randn(5, 3)), edge_index=torch.tensor([[0, 1], [1, 4]]), y=torch.arange(5))
    model = pyg.SAGEConv((3, 3), 2)
    for call in (lambda: found_on(data, model), lambda: gs.reach.Probe(model, data), lambda: gs.reach.topology(data)):
        with pytest.raises(TypeError, match="is bipartite: its x is 2 tensors, of nodes of different kinds"):
            call()
