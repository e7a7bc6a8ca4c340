"""The closed-form gradients of a vanilla recurrent network, against autograd on torch's and finite differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.functional import jacobian

import graphseq as gs
from graphseq.reach.theory import RNNGradients, RNNWeights, rnn_gradients

size = st.integers(1, 6)


def drawn(batch: int, steps: int, features: int, hidden: int, classes: int, seed: int) -> tuple[Tensor, Tensor, nn.RNN]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, steps, features, dtype=torch.float64, generator=generator)
    y = torch.randint(classes, (batch,), generator=generator)
    rnn = nn.RNN(features, hidden, batch_first=True).double()
    for weight in rnn.parameters():
        nn.init.normal_(weight, std=0.7, generator=generator)
    return x, y, rnn


def weights_of(rnn: nn.RNN, head: nn.Linear) -> RNNWeights:
    w_hx, w_hh, b_x, b_h = (weight.detach() for weight in rnn.all_weights[0])
    return RNNWeights(w_hx, w_hh, b_x + b_h, head.weight.detach(), head.bias.detach())


def by_autograd(rnn: nn.RNN, head: nn.Linear, x: Tensor, y: Tensor) -> RNNGradients:
    """The same through torch's kernel; of the states, by cutting the sequence before each of them."""
    states, last = rnn(x)
    loss = nn.functional.cross_entropy(head(last[0]), y)
    loss.backward()
    w_hx, w_hh, _, b_h = (weight.grad for weight in rnn.all_weights[0])

    def rest(step: int, h: Tensor) -> Tensor:
        out = h if step + 1 == x.shape[1] else rnn(x[:, step + 1 :], h[None])[1][0]
        return nn.functional.cross_entropy(head(out), y)

    at = [jacobian(lambda h, t=t: rest(t, h), states[:, t].detach()) for t in range(x.shape[1])]
    return RNNGradients(loss, RNNWeights(w_hx, w_hh, b_h, head.weight.grad, head.bias.grad), torch.stack(at, dim=1))


@given(size, st.integers(1, 12), size, size, st.integers(2, 5), st.integers(0, 99))
def test_they_are_those_of_autograd(
    batch: int, steps: int, features: int, hidden: int, classes: int, seed: int
) -> None:
    x, y, rnn = drawn(batch, steps, features, hidden, classes, seed)
    head = nn.Linear(hidden, classes).double()
    expected, found = by_autograd(rnn, head, x, y), rnn_gradients(x, y, weights_of(rnn, head))
    torch.testing.assert_close(found.loss, expected.loss.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.states, expected.states, rtol=0, atol=1e-10)
    for name, one, other in zip(RNNWeights._fields, found.weights, expected.weights, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")


def test_over_a_hundred_steps_of_the_palindrome_they_are_those_of_the_librarys_model() -> None:
    task = gs.tasks.Palindrome(length=100)
    model = gs.nn.Model(gs.nn.RNN(task.in_channels, 32), task.out_channels).double()
    graph = task.batch(3, torch.Generator().manual_seed(0))
    graph.x = graph.x.double()
    task.loss(model(graph), graph.y).backward()
    found = rnn_gradients(graph.x.view(3, 99, 10), graph.y, weights_of(model.encoder.kernel, model.head.lin))
    torch.testing.assert_close(found.weights.w_hh, model.encoder.kernel.weight_hh_l0.grad, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.weights.w_ph, model.head.lin.weight.grad, rtol=0, atol=1e-10)


def test_the_last_step_alone_is_not_the_gradient_in_the_recurrent_weights() -> None:
    x, y, rnn = drawn(2, 5, 3, 4, 3, seed=1)
    weights = weights_of(rnn, nn.Linear(4, 3).double())
    found = rnn_gradients(x, y, weights)
    states = rnn(x)[0].detach()
    last = ((1 - states[:, -1] ** 2) * found.states[:, -1]).T @ states[:, -2]
    assert (last - found.weights.w_hh).norm() > 0.1 * found.weights.w_hh.norm()


def test_one_step_and_one_unit_by_hand() -> None:
    one = torch.ones(1, 1, dtype=torch.float64)
    weights = RNNWeights(
        0.5 * one, 7 * one, torch.zeros(1).double(), torch.tensor([[1.0], [-1.0]]).double(), one[0, :0]
    )
    with pytest.raises(ValueError, match=r"b_p must have shape \(2,\), got \(0,\)"):
        rnn_gradients(2 * one[None], torch.tensor([1]), weights)
    found = rnn_gradients(2 * one[None], torch.tensor([1]), weights._replace(b_p=torch.zeros(2).double()))
    h = torch.tanh(one[0, 0])
    p = torch.sigmoid(2 * h)  # of class 0, which is wrong
    torch.testing.assert_close(found.loss, -(1 - p).log())
    torch.testing.assert_close(found.states.flatten(), 2 * p[None])
    torch.testing.assert_close(found.weights.w_hx[0], (1 - h * h) * 2 * p[None] * 2)
    assert found.weights.w_hh.item() == 0  # h_0 is zero


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(2).long(), r"x must have shape \(B, T, F\)"),
        (torch.zeros(2, 0, 1), torch.zeros(2).long(), "at least one sequence of one step"),
        (torch.zeros(2, 3, 2), torch.zeros(2).long(), r"w_hx must have shape \(1, 2\), got \(1, 1\)"),
        (torch.zeros(2, 3, 1), torch.zeros(3).long(), "y"),
        (torch.zeros(2, 3, 1), torch.tensor([0, 5]), "classes 0 to 1, got 0 to 5"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x: Tensor, y: Tensor, message: str) -> None:
    one = torch.ones(1, 1)
    weights = RNNWeights(one, one, one[0], torch.ones(2, 1), torch.ones(2))
    with pytest.raises(ValueError, match=message):
        rnn_gradients(x, y, weights)
