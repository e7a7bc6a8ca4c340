"""Gradients of the loss in states and parameters against explicit products, sample by sample."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from randomgraphs import draw, join, sequence
from torch import Tensor, nn
from trained import dropping, mlp, same, weights

import graphseq as gs
from graphseq import SpaceTimeGraph, seeding
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, Model
from graphseq.reach import hop_distances, parameter_gradients, row_gradients, state_gradients
from graphseq.reach.theory import lstm_cell_gradient
from graphseq.tasks import Characters, Palindrome, Task, Transfer

F64 = torch.float64


def model_of(encoder: Encoder, classes: int = 10, **more: object) -> Model:
    return Model(encoder, classes, **more).double()


def one(task: Task, seed: int = 0, size: int = 1) -> SpaceTimeGraph:
    graph = task.batch(size, torch.Generator().manual_seed(seed))
    if graph.x.is_floating_point():
        graph.x = graph.x.double()
    return graph


def drawn(task: Task, samples: int) -> SpaceTimeGraph:
    """The batch that the instruments draw first with seed 0."""
    return one(task, seeding.derive(0, seeding.EVALUATE, 0), samples)


def blame(model: Model, state: Tensor, y: int) -> Tensor:
    """∂L/∂h of the last step: W_phᵀ (p − y)."""
    p = model.head.lin(state).softmax(0)
    return model.head.lin.weight.T @ (p - nn.functional.one_hot(torch.tensor(y), len(p)))


def through_time(model: Model, graph: SpaceTimeGraph) -> list[Tensor]:
    """∂L/∂h_t = W_hhᵀ diag(1 − h²_{t+1}) ∂L/∂h_{t+1}, of one sequence whose target is its end."""
    h = model.encoder(graph).detach()
    found = [blame(model, h[-1], int(graph.y)).detach()]
    for after in reversed(h[1:]):
        found.insert(0, model.encoder.kernel.weight_hh_l0.detach().T @ ((1 - after**2) * found[0]))
    return found


def test_state_gradients_of_an_rnn_are_the_product_over_time() -> None:
    torch.manual_seed(0)
    model, task = model_of(RNN(10, 6)), Palindrome(8)
    for seed in range(3):
        graph = one(task, seed)
        expected = torch.stack([each.norm() for each in through_time(model, graph)])
        found = row_gradients(model, graph, task.loss)
        torch.testing.assert_close(found[:, 0], expected, rtol=1e-11, atol=0)


def test_state_gradients_are_the_mean_norm_over_samples() -> None:
    torch.manual_seed(0)
    model, task = model_of(RNN(10, 6)), Palindrome(6)
    x, y = drawn(task, 7).x.view(7, 5, 10), drawn(task, 7).y
    graphs = [gs.from_sequence(x[b], y=y[b : b + 1]) for b in range(7)]
    each = torch.stack([torch.stack([part.norm() for part in through_time(model, graph)]) for graph in graphs])
    found = state_gradients(model, task, samples=7)
    assert (found.axis, found.samples) == ("step", 7)
    torch.testing.assert_close(found.norm, each.mean(0), rtol=1e-11, atol=0)
    torch.testing.assert_close(found.parts[:, 0], found.norm, rtol=0, atol=1e-15)


def test_state_gradients_along_an_lstm_cell_are_the_product_of_forget_gates() -> None:
    torch.manual_seed(0)
    model, task = model_of(LSTM(10, 4)), Palindrome(6)
    kernel = model.encoder.kernel
    kernel.weight_hh_l0.data.zero_()
    graph = drawn(task, 1)
    gates = (graph.x @ kernel.weight_ih_l0.T + kernel.bias_ih_l0 + kernel.bias_hh_l0).detach()
    i, f, g, o = gates.chunk(4, dim=1)
    c = torch.zeros(4, dtype=F64)
    for t in range(5):
        c = f[t].sigmoid() * c + i[t].sigmoid() * g[t].tanh()
    at_h = blame(model, o[-1].sigmoid() * c.tanh(), int(graph.y)).detach()
    onto_c = o[-1].sigmoid() * (1 - c.tanh() ** 2) * at_h
    found = state_gradients(model, task, samples=1)
    assert found.parts.shape == (5, 2)
    for t in range(4):  # h is read by nothing; the last step's c reaches the loss in its h, which is beside it
        expected = (lstm_cell_gradient(f[t + 1 :].sigmoid()) * onto_c).norm()
        assert float(found.parts[t, 1]) == pytest.approx(float(expected), rel=1e-11)
        assert float(found.parts[t, 0]) == 0
    assert float(found.parts[4, 0]) == pytest.approx(float(at_h.norm()), rel=1e-11)
    assert float(found.parts[4, 1]) == 0
    torch.testing.assert_close(found.norm, found.parts.square().sum(1).sqrt(), rtol=1e-12, atol=0)


def test_state_gradients_of_linear_layers_are_the_product_of_operators() -> None:
    torch.manual_seed(0)
    model, task = model_of(GCN(10, 5, 1)), Transfer(4)
    graph = one(task)
    out = model.encoder(graph).detach()
    at_states = torch.zeros(4, 5, dtype=F64)
    at_states[-1] = blame(model, out[-1], int(graph.y)).detach()
    operator = graph.topology.spacetime().normalised(F64).csr.to_dense()
    at_features = operator.T @ at_states @ model.encoder.convs[0].lin.weight.detach()
    found = row_gradients(model, graph, task.loss)
    torch.testing.assert_close(found, torch.stack([at_features.norm(dim=1), at_states.norm(dim=1)]))


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_gradients_by_hops_end_where_the_layers_do(layers: int) -> None:
    torch.manual_seed(0)
    model, task = model_of(GCN(10, 32, layers)), Palindrome(8)
    graph = one(task)
    hops = hop_distances(graph, graph.target_rows)[0]
    found = row_gradients(model, graph, task.loss)
    for layer in range(layers + 1):
        assert torch.equal(found[layer] > 0, hops <= layers - layer)


BUILDS: dict[str, Callable[[], Model]] = {
    "GCN": lambda: model_of(GCN(10, 6, 3)),
    "GCN-mean": lambda: model_of(GCN(10, 6, 2), pool="mean"),
    "GCN-grown": lambda: model_of(GCN(10, 6, 2), transform=gs.transforms.grow),
    "RNN": lambda: model_of(RNN(10, 6)),
    "LSTM-2": lambda: model_of(LSTM(10, 6, 2)),
    "GCN-LSTM-grown": lambda: model_of(GCNLSTM(10, 6), transform=gs.transforms.grow),
    "MLP": lambda: model_of(MLP(10, 6)),
}


@pytest.mark.parametrize("name", BUILDS)
def test_the_size_of_a_batch_does_not_matter(name: str) -> None:
    torch.manual_seed(0)
    model, task = BUILDS[name](), Transfer(3)
    batch = one(task, size=5)
    together = row_gradients(model, batch, task.loss)
    apart = [
        row_gradients(model, gs.from_sequence(x, y=y[None], target=torch.tensor([False, False, True])), task.loss)
        for x, y in zip(batch.x.view(5, 3, 10), batch.y, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(apart, dim=1), rtol=1e-10, atol=1e-15)
    by_sample = torch.stack([each.square().sum(1).sqrt() for each in apart]).mean(0)
    drew = Given(batch)
    torch.testing.assert_close(state_gradients(model, drew, samples=5).norm, by_sample, rtol=1e-10, atol=1e-15)


class Given(Transfer):
    """Gives one batch, whatever is asked."""

    def __init__(self, graph: SpaceTimeGraph) -> None:
        super().__init__(3)
        self.graph = graph

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        return self.graph


def test_graphs_of_different_sizes_and_targets_count_equally() -> None:
    torch.manual_seed(0)
    model = model_of(GCNLSTM(2, 4), classes=3)
    graphs = [draw(1, times=3), draw(2, times=3), draw(3, times=3, nodes=2)]
    for number, graph in enumerate(graphs):
        graph.target = torch.arange(graph.num_rows) % (number + 1) == 0
        graph.y = torch.arange(int(graph.target.sum())) % 3
    graphs[1].target = torch.zeros(graphs[1].num_rows, dtype=torch.bool)  # no target: not a sample
    graphs[1].y = torch.zeros(0, dtype=torch.long)
    gradients = [row_gradients(model, graphs[number], nn.functional.cross_entropy) for number in (0, 2)]
    times = [graphs[number].topology.times.tolist() for number in (0, 2)]
    everyone = sorted({time for graph in graphs for time in graph.topology.times.tolist()})
    task = Given(join(graphs))
    found = state_gradients(model, task, samples=3)
    assert found.samples == 2
    for at, time in enumerate(everyone):
        norms = [
            float(g[when.index(time)].norm()) if time in when else None
            for g, when in zip(gradients, times, strict=True)
        ]
        if None not in norms:
            assert float(found.norm[at]) == pytest.approx(sum(norms) / 2, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("name", ["GCN", "RNN", "LSTM-2"])
def test_samples_are_drawn_and_averaged_whatever_the_batch_size(name: str) -> None:
    torch.manual_seed(0)
    model, task = BUILDS[name](), Palindrome(5)
    whole, parts = state_gradients(model, task, samples=6), []
    for number in range(2):
        parts.append(Given(task.batch(3, torch.Generator().manual_seed(seeding.derive(0, seeding.EVALUATE, number)))))
    each = torch.stack([state_gradients(model, part, samples=3).norm for part in parts])
    found = state_gradients(model, task, samples=6, batch_size=3)
    torch.testing.assert_close(found.norm, each.mean(0), rtol=1e-12, atol=0)
    assert found.samples == whole.samples == 6
    assert not torch.equal(state_gradients(model, task, samples=6, seed=1).norm, whole.norm)


def test_on_text_every_row_is_a_target_and_each_window_a_sample() -> None:
    torch.manual_seed(0)
    task = Characters("the quick brown fox jumps over the lazy dog. " * 4, 6)
    model = model_of(GRU(task.in_channels, 5), classes=task.out_channels)
    found = state_gradients(model, task, samples=4)
    assert (found.samples, tuple(found.norm.shape)) == (4, (6,))
    graph = drawn(task, 4)
    trace = model.encoder.trace(graph)
    loss = nn.functional.cross_entropy(model.head.lin(trace.out), graph.y, reduction="none").view(4, 6).mean(1)
    for at, state in enumerate(trace.states):
        gradient = torch.autograd.grad(loss.sum(), state, retain_graph=True)[0]
        assert float(found.norm[at]) == pytest.approx(float(gradient.norm(dim=1).mean()), rel=1e-11)


def test_in_float32_a_small_gradient_is_not_lost() -> None:
    torch.manual_seed(0)
    model, task = model_of(RNN(10, 4)), Palindrome(12)
    model.encoder.kernel.weight_hh_l0.data.mul_(1e-3)
    exact = state_gradients(model, task, samples=2)
    single = state_gradients(model.float(), task, samples=2)
    assert 0 < float(exact.norm[0]) < 1e-30
    torch.testing.assert_close(single.norm, exact.norm, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    "measure",
    [
        lambda model: state_gradients(model, Transfer(3), samples=4).norm.tolist(),
        lambda model: row_gradients(model, Transfer(3).batch(2, torch.Generator()), Transfer(3).loss).tolist(),
        lambda model: parameter_gradients(model, Transfer(3), samples=4),
    ],
    ids=["states", "rows", "parameters"],
)
def test_the_model_and_the_generators_are_left_as_they_were(measure: Callable[[Model], object]) -> None:
    model = dropping()
    model.head.eval()
    model.encoder.convs[0].bias.requires_grad_(False)
    model.head.lin.weight.grad = torch.full_like(model.head.lin.weight, 3)
    before = [module.training for module in model.modules()], [p.requires_grad for p in model.parameters()]
    values, generator = weights(model), torch.get_rng_state()
    with torch.no_grad():
        assert measure(model) == measure(model)  # no dropout
    assert ([module.training for module in model.modules()], [p.requires_grad for p in model.parameters()]) == before
    assert torch.equal(torch.get_rng_state(), generator)
    assert same(weights(model), values)
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["head.lin.weight"]
    assert bool((model.head.lin.weight.grad == 3).all())


def test_without_a_loss_it_is_refused() -> None:
    loss = nn.functional.cross_entropy
    with pytest.raises(TypeError, match=r"RNN is an encoder, whose states have no loss; give it a head: "):
        row_gradients(RNN(2, 2), sequence(0, 3), loss)
    with pytest.raises(ValueError, match="graph has no y"):
        row_gradients(model_of(RNN(2, 2)), sequence(0, 3), loss)
    with pytest.raises(TypeError, match=r"task must be a graphseq.tasks.Task, got str"):
        state_gradients(mlp(), "palindrome")
    with pytest.raises(TypeError, match=r"task must be a graphseq.tasks.Task, got ABCMeta"):
        parameter_gradients(mlp(), Transfer)
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got str"):
        parameter_gradients("LSTM", Transfer(2))
    with pytest.raises(ValueError, match="model has nothing to train"):
        parameter_gradients(mlp().requires_grad_(False), Transfer(2))
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        state_gradients(mlp(), Transfer(2), samples=0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        state_gradients(mlp(), Transfer(2), batch_size=0)
    graph = gs.from_sequence(torch.zeros(3, 10), y=torch.tensor([0, 1, 2]))
    graph.y = torch.tensor([1, 2])
    with pytest.raises(ValueError, match="y must have one entry for each of the 3 outputs, got 2"):
        row_gradients(mlp(), graph, loss)


class Growing(Transfer):
    """Each batch is of longer graphs."""

    def __init__(self) -> None:
        super().__init__(2)
        self.length = 1

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        self.length += 1
        return Transfer(self.length).batch(size, generator)


def test_graphs_of_different_numbers_of_steps_have_no_mean() -> None:
    with pytest.raises(ValueError, match="different numbers of time steps"):
        state_gradients(Model(RNN(10, 2), 10), Growing(), samples=2, batch_size=1)
