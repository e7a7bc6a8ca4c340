"""A task of a user's own: told from others of its class, and refused in words where something is missing."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch

import graphseq as gs
from graphseq.tasks import Task, Transfer
from graphseq.tasks.identity import identity, undescribed


class Later(Task):
    """The number shown ``delay`` steps before the last, as a user would write it: three methods."""

    in_channels, out_channels, chance = 4, 4, 0.25

    def __init__(self, delay: int, noise: object = None) -> None:
        self.delay, self.hops = delay, delay
        self.noise = noise

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        shown = torch.randint(4, (size, self.delay + 1), generator=generator)
        sequences = [gs.from_sequence(torch.eye(4)[row], y=row[:1]) for row in shown]
        for sequence in sequences:
            sequence.target = torch.arange(self.delay + 1) == self.delay
        return Batch.from_data_list(sequences)

    def loss(self, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(output, y)


def model() -> gs.nn.Model:
    torch.manual_seed(0)
    return gs.nn.Model(gs.nn.GRU(4, 8), 4)


def train(path: Path, task: Task, steps: int = 3) -> gs.History:
    return gs.fit(model(), task, steps=steps, batch_size=4, checkpoint_path=path, resume=True)


def test_a_task_goes_on_with_its_own_checkpoint_and_with_no_others(tmp_path: Path) -> None:
    train(tmp_path / "run.pt", Later(3))
    assert train(tmp_path / "run.pt", Later(3), steps=5).steps == 5
    with pytest.raises(ValueError, match=r"run.pt is of another run: task.arguments.delay was 3, now 30"):
        train(tmp_path / "run.pt", Later(30), steps=5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "b"),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        (torch.zeros(2), torch.ones(2)),
        (torch.zeros(2), torch.zeros(2).double()),
        (np.zeros(2), np.zeros((2, 1))),
        (list(range(1000)), [*range(999), 0]),
        ("x" * 1000, "x" * 999 + "y"),
        (gs.from_sequence(torch.zeros(3, 1)), gs.from_sequence(torch.ones(3, 1))),
        (Later(1), Later(2)),
        (torch.sin, torch.cos),
        (model, train),
        (None, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arguments_tell_tasks_apart_and_equal_ones_do_not(one: object, other: object) -> None:
    if not callable(one) or one is model:
        assert identity(Later(3, one)) == identity(Later(3, copy.deepcopy(one)))
    assert identity(Later(3, one)) != identity(Later(3, other)) or undescribed(Later(3, one))


@pytest.mark.parametrize("noise", [object(), lambda x: x, [object()], {"a": object()}, torch.Generator()])
def test_what_cannot_be_compared_is_trained_but_not_resumed(noise: object, tmp_path: Path) -> None:
    assert gs.fit(model(), Later(3, noise), steps=1, batch_size=2, checkpoint_path=tmp_path / "run.pt").steps == 1
    with pytest.raises(ValueError, match=r"resume needs a task that .* Later .* noise cannot be compared; give"):
        train(tmp_path / "run.pt", Later(3, noise))


def test_a_config_of_its_own_is_taken_at_its_word(tmp_path: Path) -> None:
    class Told(Later):
        @property
        def config(self) -> dict[str, object]:
            return {"task": "Told", "delay": self.delay}

    assert identity(Told(3, object())) == {"task": "Told", "delay": 3}
    train(tmp_path / "run.pt", Told(3, object()))
    assert train(tmp_path / "run.pt", Told(3, object()), steps=4).steps == 4
    with pytest.raises(ValueError, match=r"task.delay was 3, now 4"):
        train(tmp_path / "run.pt", Told(4, object()), steps=4)


def test_a_constructor_below_a_config_is_described_besides() -> None:
    class Scaled(Transfer):
        def __init__(self, scale: float) -> None:
            super().__init__(9)
            self.scale = scale

    class Renamed(Transfer):
        pass

    assert identity(Scaled(2.0)) == {**Transfer(9).config, "task": "Scaled", "arguments": {"scale": 2.0}}
    assert identity(Renamed(9)) == {**Transfer(9).config, "task": "Renamed"}
    assert identity(Transfer(9)) == Transfer(9).config


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda task: pickle.loads(pickle.dumps(task))])  # noqa: S301
def test_a_copy_is_the_same_task(how: Callable[[Task], Task]) -> None:
    assert identity(how(Later(5))) == identity(Later(5)) != identity(Later(4))


def test_wrong_arguments_are_refused_as_python_does() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'dely'"):
        Later(dely=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["chance", "in_channels", "out_channels"])
def test_what_a_task_must_say_is_asked_for_before_training(name: str) -> None:
    class Silent(Later):
        @property
        def config(self) -> dict[str, object]:
            return {}

    task = Silent(2)
    saved = getattr(Later, name)
    delattr(Later, name)
    try:
        for ask in (lambda: gs.fit(model(), task, steps=1), lambda: gs.evaluate(model(), task)):
            with pytest.raises(ValueError, match=f"task Silent must set {name}: "):
                ask()
    finally:
        setattr(Later, name, saved)
    with pytest.raises(AttributeError, match="'Later' object has no attribute 'chanse'"):
        _ = task.chanse if type(task) is Later else Later(2).chanse  # type: ignore[attr-defined]


def test_a_missing_distance_is_explained() -> None:
    class Near(Later):
        def __init__(self) -> None:
            self.delay = 1

    with pytest.raises(AttributeError, match="task Near must set hops: the distance from"):
        _ = Near().hops


@pytest.mark.parametrize("judge", [lambda m, t: gs.fit(m, t, steps=1), gs.evaluate], ids=["fit", "evaluate"])
class TestMismatch:
    """What does not fit is refused naming task, head and argument."""

    def test_a_graph_is_no_task(self, judge: Callable[..., object]) -> None:
        with pytest.raises(TypeError, match=r"task must be a graphseq.tasks.Task, got SpaceTimeGraph; make a task of"):
            judge(model(), gs.from_sequence(torch.zeros(3, 4)))

    def test_a_class_is_no_task(self, judge: Callable[..., object]) -> None:
        with pytest.raises(TypeError, match=r"got ABCMeta; Transfer is a class, make a task of it first"):
            judge(model(), Transfer)

    def test_a_name_is_no_model(self, judge: Callable[..., object]) -> None:
        with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got str"):
            judge("GRU", Transfer(2))

    def test_too_few_outputs_for_the_classes(self, judge: Callable[..., object]) -> None:
        small = gs.nn.Model(gs.nn.GRU(10, 4), 3)
        message = r"Transfer has the class \d, but the model's head gives 3 outputs, .* build it with out_channels=10\b"
        with pytest.raises(ValueError, match=message):
            judge(small, Transfer(2))

    def test_a_task_that_says_too_few_classes(self, judge: Callable[..., object]) -> None:
        class Few(Later):
            out_channels = 2

        message = r"Few has the class [23], .* gives 2 outputs.* out_channels=[34]; the task itself says out_channels=2"
        with pytest.raises(ValueError, match=message):
            judge(gs.nn.Model(gs.nn.GRU(4, 4), 2), Few(2))

    def test_a_pool_forgotten(self, judge: Callable[..., object]) -> None:
        graphs = [gs.from_sequence(torch.zeros(3, 1), y=torch.tensor([n % 2])) for n in range(4)]
        task = gs.tasks.GraphClassification(graphs, 2)
        message = r"GraphClassification asks for one answer a graph, .* build it with pool='mean', 'sum' or 'max'"
        with pytest.raises(ValueError, match=message):
            judge(gs.nn.Model(gs.nn.GRU(1, 4), 2), task)

    def test_a_pool_too_many(self, judge: Callable[..., object]) -> None:
        graph = gs.from_signal(torch.rand(9, 3, 1), torch.tensor([[0, 1], [1, 2]]))
        task = gs.tasks.Forecasting(graph, lags=2)
        message = r"Forecasting asks for \d+ answers in this batch, but the model gives \d+; a model with pool= answers"
        with pytest.raises(ValueError, match=message):
            judge(gs.nn.Model(gs.nn.GRU(1, 4), 1, pool="mean"), task)

    def test_too_few_numbers(self, judge: Callable[..., object]) -> None:
        task = gs.tasks.Forecasting(gs.from_sequence(torch.rand(9, 2)), lags=2, channels=2)
        message = "Forecasting asks for 2 numbers an answer, but the model's head gives 1; build it with out_channels=2"
        with pytest.raises(ValueError, match=message):
            judge(gs.nn.Model(gs.nn.GRU(2, 4), 1), task)

    def test_no_tensor(self, judge: Callable[..., object]) -> None:
        class Two(gs.nn.Model):
            def forward(self, graph: gs.SpaceTimeGraph) -> object:
                return super().forward(graph), None

        with pytest.raises(TypeError, match=r"the model must give a tensor of outputs \(K, C\), got tuple"):
            judge(Two(gs.nn.GRU(10, 4), 10), Transfer(2))


@pytest.mark.parametrize("judge", [gs.fit, gs.evaluate])
def test_a_device_that_is_none_is_refused(judge: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="device must be a torch device such as cpu or cuda:0, got 'nowhere'"):
        judge(gs.nn.Model(gs.nn.GRU(10, 4), 10), Transfer(2), device="nowhere")


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a device that is not there")
@pytest.mark.parametrize("judge", [gs.fit, gs.evaluate])
def test_a_device_that_is_not_there_is_refused(judge: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="device cuda cannot be used on this machine: "):
        judge(gs.nn.Model(gs.nn.GRU(10, 4), 10), Transfer(2), device="cuda")
