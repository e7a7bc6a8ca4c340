"""Tasks, models and arguments that do not fit are refused in the user's terms, by fit, evaluate and predict alike."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from trained import Reshaped, mlp

import graphseq as gs
from graphseq.nn import GCN, LSTM, MLP, Model
from graphseq.tasks import Regression, Task, Transfer

TASK = Transfer(3)
USES: dict[str, Callable[[nn.Module, Task], object]] = {
    "fit": lambda model, task: gs.fit(model, task, steps=1, batch_size=5),
    "evaluate": lambda model, task: gs.evaluate(model, task, samples=5),
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


class Changed(Transfer):
    """A task whose answers are changed."""

    def __init__(self, change: Callable[[Tensor], object]) -> None:
        super().__init__(3)
        self.change = change

    @property
    def config(self) -> dict[str, object]:
        """That of a plain one."""
        return super().config

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        """A batch with other answers."""
        graph = super().batch(size, generator)
        graph["y"] = self.change(graph.y)
        return graph


class Numbers(Changed):
    """The same with numbers as answers."""

    out_channels, tolerance = 1, 0.1
    loss, score = Regression.loss, Regression.score


class Plain(nn.Module):
    """A model of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(10, 10)

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        """An output for each target row."""
        return self.lin(graph.x[graph.target_rows])


def one() -> Model:
    return Model(MLP(10, 4), 1)


@each_use
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y: y.float(),
            "Changed must give classes in y, got float32; make it y.long.., or the task",
        ),
        (lambda y: y.int(), "Changed must give classes in y, got int32"),
        (lambda y: y > 3, "Changed must give classes in y, got bool"),
        (lambda y: y * 1j, "y of a batch of Changed must hold classes or real numbers, got torch.complex64"),
        (
            lambda y: y.to("meta"),
            "y of a batch of Changed must be a plain tensor of numbers, got one on the meta",
        ),
        (lambda y: y.to_sparse(), "must be a plain tensor of numbers, got one of layout torch.sparse_coo"),
        (lambda y: y - 20, r"Changed has the class -\d+ in y; classes are 0 to 9"),
        (lambda y: y[:, None], r"Changed must give one class an answer, y of shape \(K,\), got \(5, 1\)"),
        (lambda y: y + 20, "Changed has the class 2.*build it with out_channels="),
        (lambda _: None, "Changed.batch must return a graph with its answers in y, got NoneType"),
        (lambda _: "y", "Changed.batch must return a graph with its answers in y, got str"),
    ],
)
def test_answers_that_are_no_classes(
    change: Callable[[Tensor], object], message: str, use: Callable[[nn.Module, Task], object]
) -> None:
    with pytest.raises(ValueError, match=message):
        use(mlp(), Changed(change))


@each_use
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y.float(), r"Numbers must give y of shape \(K, C\), C numbers an answer, got \(5,\); make it y\["),
        (lambda y: y.float()[:, None].expand(-1, 2), "Numbers asks for 2 numbers an answer, but the model's head"),
        (lambda y: y[:, None] * 1j, "y of a batch of Numbers must hold classes or real numbers, got torch.complex64"),
    ],
)  # fmt: skip
def test_answers_that_are_no_numbers(
    change: Callable[[Tensor], object], message: str, use: Callable[[nn.Module, Task], object]
) -> None:
    with pytest.raises(ValueError, match=message):
        use(one(), Numbers(change))


def test_answers_that_are_not_finite_are_named() -> None:
    task = Numbers(lambda y: y[:, None] * torch.tensor(math.nan))
    with pytest.raises(gs.DivergedError, match=r"diverged at step 1.*The batch of Numbers has y\[0, 0\] = nan"):
        gs.fit(one(), task, steps=1)
    with pytest.raises(ValueError, match=r"a batch of Numbers has y\[0, 0\] = nan; all numbers must be finite"):
        gs.evaluate(one(), task)


@each_use
@pytest.mark.parametrize("batch", [None, [1], torch.zeros(2)])
def test_batches_that_are_none(batch: object, use: Callable[[nn.Module, Task], object]) -> None:
    class Odd(Transfer):
        def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
            return batch  # type: ignore[return-value]

    with pytest.raises(TypeError, match=r"Odd.batch must return a SpaceTimeGraph with y and target, got"):
        use(mlp(), Odd(3))


@pytest.mark.parametrize("use", [*USES.values(), gs.predict], ids=[*USES, "predict"])
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: mlp().double(), "MLP has weights of float64, but x is of float32"),
        (lambda: Model(GCN(10, 4), 10).double(), "GCN has weights of float64, but x is of float32"),
        (lambda: mlp().half(), "MLP has weights of float16, but x is of float32"),
        (lambda: Model(LSTM(10, 4), 10).bfloat16(), "LSTM has weights of bfloat16, but x is of float32"),
        (lambda: Plain().double(), r"Plain has weights of float64, but x is of float32; .* model.float\(\)"),
        (lambda: mlp().to("meta"), "model is on the meta device, where weights are without numbers"),
        (lambda: Model(MLP(9, 4), 10), "MLP has in_channels=9, but x has 10 features a row"),
    ],
)
def test_models_of_other_numbers(
    model: Callable[[], nn.Module], message: str, use: Callable[[nn.Module, Task], object]
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        use(model(), TASK)


@each_use
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda output: output[:, 0],
            r"the model must give outputs \(K, C\), one row for each of the K answers",
        ),
        (lambda output: output * 1j, "the model must give outputs of floating-point numbers, got complex64"),
        (lambda output: output.long(), "the model must give outputs of floating-point numbers, got int64"),
        (lambda output: output[:-1], "Transfer asks for 5 answers in this batch, but the model gives 4"),
    ],
)
def test_outputs_that_are_none(
    change: Callable[[Tensor], Tensor], message: str, use: Callable[[nn.Module, Task], object]
) -> None:
    with pytest.raises(ValueError, match=message):
        use(Reshaped(change), TASK)


@pytest.mark.parametrize("use", [*USES.values(), gs.predict], ids=[*USES, "predict"])
def test_outputs_that_are_no_tensors(use: Callable[[nn.Module, Task], object]) -> None:
    with pytest.raises(TypeError, match=r"the model must give a tensor of outputs \(K, C\), got NoneType"):
        use(Reshaped(lambda _: None), TASK)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"optimizer": torch.optim.LBFGS}, ValueError, "LBFGS. computes the loss several times a step, by a closure"),
        ({"schedule": gs.training.lr_schedule.Cosine}, TypeError, "function of the step.*make one of the class"),
        ({"schedule": lambda: 1.0}, TypeError, "schedule must be a function of the step, got .*too many"),
        ({"callbacks": [lambda: None]}, TypeError, r"callbacks\[0\] must be a function of \(step, history, model\)"),
        ({"checkpoint_path": ""}, ValueError, "checkpoint_path must be the path of a file or a folder, got ''"),
        ({"checkpoint_path": "a\0b"}, ValueError, r"checkpoint_path must be the path of a file, but holds a NUL"),
        ({"checkpoint_path": "/"}, IsADirectoryError, "checkpoint_path / is a folder; name a file in it"),
    ],
)  # fmt: skip
def test_arguments_of_fit(arguments: dict[str, object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        gs.fit(mlp(), TASK, steps=1, **arguments)


def test_a_model_that_carries_no_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match="the loss does not depend on the model's weights"):
        gs.fit(Reshaped(lambda output: output.detach()), TASK, steps=1)


@pytest.mark.parametrize("samples", [0, -1])
def test_a_prediction_of_no_samples_is_refused(samples: int) -> None:
    with pytest.raises(ValueError, match=f"samples must be at least 1, got {samples}"):
        gs.predict(mlp(), TASK, samples=samples)


@pytest.mark.parametrize("seeds", [None, 3, "01"])
def test_seeds_that_are_none(seeds: object) -> None:
    with pytest.raises(TypeError, match="seeds must be a sequence of one seed a model, got"):
        gs.fit_ensemble([mlp()], TASK, seeds=seeds)  # type: ignore[arg-type]
