"""One run in several processes: the same curve as one process on the whole batch, and clear ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import console
import planted
import pytest
import torch
from randomgraphs import draw, join
from ranks import together
from scripts import load
from texts import source, tiny
from torch import Tensor

import graphseq as gs
from graphseq.cli import main as cli
from graphseq.experiments.text.train import train as train_on_text
from graphseq.tasks import (
    Characters,
    Distractors,
    Forecasting,
    GraphClassification,
    NodeClassification,
    Palindrome,
    Task,
)
from graphseq.training import EarlyStopping, distributed
from graphseq.training.distributed import share_of


def halved(factor: float) -> Callable[[int], float]:
    """A schedule whose name does not tell its factor."""

    def schedule(step: int) -> float:
        return factor

    return schedule


class Odd(Palindrome):
    """A task whose config does not tell what its batches are."""

    def __init__(self, length: int, *, alike: bool = False) -> None:
        super().__init__(length)
        self._alike = alike

    @property
    def config(self) -> dict[str, object]:
        """That of a palindrome."""
        return super().config

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        """Digits as they come, or turned round."""
        graph = super().batch(size, generator)
        return graph if self._alike else graph.replace(x=graph.x.flip(0))


CASES = ("uneven", "fixed", "pooled", "dynamic")
PROGRAM = load(Path(__file__).parents[1] / "programs" / "together.py")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what two processes have after 8 and after 12 steps of each case, and one process after 12."""
    out = tmp_path_factory.mktemp("together")
    (out / "alone").mkdir()
    for ended in together(lambda: PROGRAM.main(CASES, [8, 12], 7, out), 2, out):
        assert ended.status == 0, ended.err
    PROGRAM.main(CASES, [12], 7, out / "alone")
    return out


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_curve_of_one_on_the_whole_batch(name: str, ran: Path) -> None:
    alone = torch.load(ran / "alone" / f"{name}-12-0.pt")
    first, second = (torch.load(ran / f"{name}-12-{rank}.pt") for rank in range(2))
    for curve in ("loss", "score", "grad_norm", "lr"):
        assert first["history"][curve] == pytest.approx(alone["history"][curve], abs=1e-5)
        assert first["history"][curve] == second["history"][curve]
    assert first["history"]["config"] == alone["history"]["config"]
    for key, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][key])
        torch.testing.assert_close(weight, alone["weights"][key], rtol=0, atol=1e-5)


def test_a_run_of_two_goes_on_where_it_stopped_and_one_process_can_go_on_with_it(ran: Path, tmp_path: Path) -> None:
    part, whole = (torch.load(ran / f"uneven-{steps}-0.pt") for steps in (8, 12))
    assert whole["history"]["loss"][:8] == part["history"]["loss"]
    (tmp_path / "uneven.run").write_bytes((ran / "uneven.run").read_bytes())
    PROGRAM.main(["uneven"], [14], 7, tmp_path)
    alone = torch.load(tmp_path / "uneven-14-0.pt")
    assert alone["history"]["loss"][:12] == whole["history"]["loss"]


def positives(output: Tensor, y: Tensor) -> float:
    """A metric that is no mean of the shares': the number of right answers of class 1 times that of class 0."""
    right = output.argmax(dim=1) == y
    return float((right & (y == 1)).sum() * (right & (y == 0)).sum())


def test_metrics_are_of_the_whole_batch_and_any_process_ends_all(tmp_path: Path) -> None:
    def train(group: distributed.ProcessGroup | None) -> gs.History:
        model, task = PROGRAM.case("uneven")
        metrics = {"right": "accuracy", "positives": positives}
        ending = [lambda step, history, model: group is not None and group.rank == 1 and step == 3]
        return gs.fit(model, task, steps=9, batch_size=7, lr=0.01, metrics=metrics, callbacks=ending, group=group)

    def work() -> None:
        with distributed.process_group() as group:
            train(group).to_json(tmp_path / f"{group.rank}.json")

    for ended in together(work, 2, tmp_path):
        assert ended.status == 0, ended.err
    first, second = (gs.History.from_json(tmp_path / f"{rank}.json") for rank in range(2))
    alone = train(None)
    assert first.steps == second.steps == 3
    assert first.stopped_by == second.stopped_by == "<lambda>"
    assert first.metrics == second.metrics
    assert first.metrics["positives"] == alone.metrics["positives"][:3]
    assert first.metrics["right"] == pytest.approx(alone.metrics["right"][:3])
    assert first.metrics["right"] == pytest.approx(first.score)


ARGUMENTS: dict[str, tuple[dict[str, object], str]] = {
    "lr": ({"lr": 0.02}, "lr is 0.01 in process 0 and 0.02 in process 1 of 2"),
    "clip": ({"clip": 0.5}, "clip is 1.0 in process 0 and 0.5 in process 1 of 2"),
    "optimizer": ({"optimizer": "Adam"}, "optimizer is 'SGD' in process 0 and 'Adam' in process 1 of 2"),
    "seed": ({"seed": 1}, "seed is 0 in process 0 and 1 in process 1 of 2"),
    "batch_size": ({"batch_size": 8}, "batch_size is 6 in process 0 and 8 in process 1 of 2"),
    "steps": ({"steps": 4}, "steps is 3 in process 0 and 4 in process 1 of 2"),
    "schedule": ({"schedule": lambda step: 0.5}, r"schedule is \[1.0, 1.0, 1.0\] in process 0"),
    "a schedule of one name": ({"schedule": halved(0.25)}, r"schedule is \[0.5, 0.5, 0.5\] in process 0"),
    "metrics": ({"metrics": ["accuracy"]}, r"metrics is \[\] in process 0 and \['accuracy'\] in process 1"),
    "stop_window": ({"stop_window": 7}, "stop_window is 100 in process 0 and 7 in process 1 of 2"),
    "callbacks": ({"callbacks": [EarlyStopping(Palindrome(5), every=2)]}, "callbacks is"),
    "task": ({"task": Palindrome(7)}, "task.length is 5 in process 0 and 7 in process 1 of 2"),
    "a task of one name": ({"task": Odd(5)}, "the first batch of task is"),
    "model": ({"hidden": 5}, "model.structure is"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_processes_with_other_arguments_than_the_first_are_refused_by_name(name: str, tmp_path: Path) -> None:
    change, message = ARGUMENTS[name]
    given = {"steps": 3, "batch_size": 6, "optimizer": "SGD", "lr": 0.01, "clip": 1.0, "seed": 0}
    if name == "a schedule of one name":
        given["schedule"] = halved(0.5)

    def work() -> None:
        with distributed.process_group() as group:
            own = {"task": Odd(5, alike=True) if name == "a task of one name" else Palindrome(5), "hidden": 4}
            own |= given | (change if group.rank else {})
            task, hidden = own.pop("task"), own.pop("hidden")
            model = gs.nn.Model(gs.nn.LSTM(task.in_channels, hidden), task.out_channels)  # type: ignore[union-attr]
            with pytest.raises(ValueError, match=f"all processes of a run need the same arguments, but {message}"):
                gs.fit(model, task, **own, group=group)

    for ended in together(work, 2, tmp_path):
        assert ended.status == 0, ended.err


def test_a_curriculum_of_other_tasks_and_a_text_of_other_settings_are_refused_too(tmp_path: Path) -> None:
    def work() -> None:
        with distributed.process_group() as group:
            tasks = [Palindrome(length) for length in (3, 4, 5)[: 2 + group.rank]]
            model = gs.nn.Model(gs.nn.LSTM(tasks[0].in_channels, 4), tasks[0].out_channels)
            with pytest.raises(ValueError, match="need the same arguments, but tasks is"):
                gs.fit_curriculum(model, tasks, steps=3, group=group)
            settings = tiny(every=4 + group.rank)
            with pytest.raises(ValueError, match="the same arguments, but every is 4 in process 0 and 5 in process 1"):
                train_on_text(settings, source(), tmp_path / "run", steps=8, command=[], group=group)

    for ended in together(work, 2, tmp_path):
        assert ended.status == 0, ended.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "word", "message"),
    [
        (
            "WORLD_SIZE",
            "two",
            "WORLD_SIZE must be a whole number of at least 1, as torchrun sets it, got 'two'; unset",
        ),
        ("WORLD_SIZE", "", "WORLD_SIZE must be a whole number of at least 1, as torchrun sets it, got ''"),
        ("WORLD_SIZE", "0", "WORLD_SIZE must be a whole number of at least 1"),
        ("RANK", "-1", "RANK must be a whole number of at least 0, as torchrun sets it, got '-1'"),
        ("RANK", "2", "RANK must be below WORLD_SIZE, 2; got 2"),
        ("MASTER_PORT", "http", "MASTER_PORT must be a whole number"),
    ],
)
def test_an_environment_that_torchrun_would_not_make_is_refused_by_name(
    name: str, word: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "none",
        "MASTER_PORT": "0",
        name: word,
    }.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"the environment variable {message}"), distributed.process_group():
        pass
    if name == "WORLD_SIZE" and word:
        with pytest.raises(ValueError, match=message):
            distributed.launched()
    monkeypatch.setenv("WORLD_SIZE", "")
    assert not distributed.launched()


def test_one_process_under_torchrun_is_one_process(tmp_path: Path, ran: Path) -> None:
    (ended,) = together(lambda: PROGRAM.main(["uneven"], [12], 7, tmp_path), 1, tmp_path)
    assert ended.status == 0, ended.err
    one, alone = (torch.load(folder / "uneven-12-0.pt") for folder in (tmp_path, ran / "alone"))
    assert one["history"]["loss"] == alone["history"]["loss"]


def test_a_process_that_ends_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    first, second = together(lambda: PROGRAM.main(["dying"], [5], 4, tmp_path), 2, tmp_path)
    assert first.status == second.status == 1
    assert "MemoryError: no room for this batch" in second.err
    assert "ConnectionError: another process of this run ended, so process 0 of 2 stops" in first.err
    assert not list(tmp_path.glob("*.pt"))


def test_a_run_of_which_a_process_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    def train(group: distributed.ProcessGroup | None, path: Path) -> gs.History:
        def die(step: int, history: gs.History, model: torch.nn.Module) -> None:
            if group is not None and group.rank == 1 and step == 5 and not (tmp_path / "died").exists():
                (tmp_path / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)

        model, task = PROGRAM.case("uneven")
        settings = {"steps": 9, "batch_size": 7, "lr": 0.01, "checkpoint_path": path, "checkpoint_every": 2}
        return gs.fit(model, task, **settings, resume=True, callbacks=[die], group=group)

    def work() -> None:
        with distributed.process_group() as group:
            train(group, tmp_path / "run.pt")

    first, second = together(work, 2, tmp_path)
    assert second.status == -signal.SIGKILL
    assert first.status == 1
    assert "ConnectionError: another process of this run ended, so process 0 of 2 stops" in first.err
    for ended in together(work, 2, tmp_path):
        assert ended.status == 0, ended.err
    (tmp_path / "whole").mkdir()

    def unbroken() -> None:
        with distributed.process_group() as group:
            train(group, tmp_path / "whole" / "run.pt")

    for ended in together(unbroken, 2, tmp_path):
        assert ended.status == 0, ended.err
    broken, whole = (torch.load(path) for path in (tmp_path / "run.pt", tmp_path / "whole" / "run.pt"))
    assert broken["history"]["loss"].tolist() == whole["history"]["loss"].tolist()
    assert all(torch.equal(value, whole["model"][name]) for name, value in broken["model"].items())


def test_a_process_that_leaves_the_group_is_not_waited_for_though_its_replica_lives(tmp_path: Path) -> None:
    def work() -> None:
        refused = tmp_path / "refused"
        with distributed.process_group() as group:
            replica = group.replicate(torch.nn.Linear(1, 1))
            replica(torch.ones(1, 1)).sum().backward()
            if group.is_first:
                with pytest.raises(RuntimeError, match=r"gloo|Connection|closed by peer"):
                    group.mean(1.0)
                refused.touch()
        until = time.monotonic() + 20
        while not refused.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert refused.exists()
        assert replica.module.weight.grad == 1

    for ended in together(work, 2, tmp_path):
        assert ended.status == 0, ended.err


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    for ended in together(lambda: PROGRAM.main(["uneven"], [5], 1, tmp_path), 2, tmp_path):
        assert ended.status == 1
        assert "a batch of 1 cannot be shared among 2 processes; batch_size must be at least that" in ended.err


def losses(folder: Path) -> Tensor:
    lines = (folder / "curves.csv").read_text().split()[1:]
    return torch.tensor([[float(cell) for cell in line.split(",")] for line in lines])


@pytest.mark.slow
def test_under_torchrun_the_command_trains_in_two_processes_and_speaks_once(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 30)
    flags = ["text", "train", str(text), "--hidden", "8", "--steps", "6", "--every", "3", "--length", "5"]
    flags += ["--batch-size", "6", "--layers", "1", "--out"]
    assert console.call(*flags, tmp_path / "alone").status == 0
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("-m", "graphseq", *flags, str(tmp_path / "shared")),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"},
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall("step 3: loss", done.stderr)) == 1
    torch.testing.assert_close(losses(tmp_path / "alone"), losses(tmp_path / "shared"), rtol=0, atol=1e-5)
    again = together(lambda: cli.main([*flags, str(tmp_path / "shared")]), 2, tmp_path, end_others=True)
    assert again[0].status == 2
    assert "".join(ended.err for ended in again).count("already holds a training; add --resume") == 1


def test_the_command_refuses_what_processes_cannot_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "TURN", 0.1)
    for ended in together(lambda: cli.main(["compare", "--out", str(tmp_path / "other")]), 2, tmp_path):
        assert ended.status == 2
        assert "torchrun starts one run in many processes, which text train can share" in ended.err
    assert not (tmp_path / "other").exists()


def drawn(task: Task, size: int = 5) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(0))


TASKS = {
    "fixed": lambda: Palindrome(5),
    "characters": lambda: Characters("abcabcabcabc", 4),
    "dynamic": lambda: Distractors(num_nodes=20, num_asked=4),
    "forecast": lambda: Forecasting(planted.noise(), lags=3),
    "labelled-graphs": lambda: GraphClassification(planted.graphs(3, whole=True), 3),
    "labelled-rows": lambda: GraphClassification(planted.graphs(3), 3),
    "neighborhoods": lambda: NodeClassification(planted.large(3), 3, [-1, 2]),
}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_the_batch_cut_into_its_graphs(name: str, size: int) -> None:
    task = TASKS[name]()
    graph = drawn(task)
    shares = [share_of(task, graph, rank, size) for rank in range(size)]
    assert [part.num_graphs for part in shares] == [5 * (r + 1) // size - 5 * r // size for r in range(size)]
    joined = join(shares)
    for key in ("x", "y", "time", *(() if task.per_graph else ("target",))):
        assert torch.equal(joined[key], graph[key])
    assert torch.equal(joined.unroll().edge_index.unique(dim=1), graph.unroll().edge_index.unique(dim=1))
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCN(task.in_channels, 4, 2), 3, pool="mean" if task.per_graph else None)
    if task.causal:
        model = gs.nn.Model(gs.nn.LSTM(task.in_channels, 4), 3)
    torch.testing.assert_close(torch.cat([model(part) for part in shares]), model(graph), rtol=0, atol=1e-6)


def test_shares_of_equal_batches_share_one_topology() -> None:
    task = Palindrome(5)
    one, other = drawn(task), task.batch(5, torch.Generator().manual_seed(1))
    assert share_of(task, one, 1, 2).topology is share_of(task, other, 1, 2).topology
    assert share_of(task, one, 0, 2).topology is not share_of(task, other, 1, 2).topology


def test_pairs_go_with_their_graphs() -> None:
    graph = join([draw(seed, nodes=4, times=2) for seed in range(3)])
    rows = torch.tensor([(graph.batch == number).nonzero()[0, 0] for number in (0, 2, 2)])
    graph.edge_label_index, graph.y = torch.stack([rows, rows]), torch.tensor([1, 0, 1])
    graph.pair_features = torch.arange(3.0)[:, None]
    part = share_of(Palindrome(5), graph, 1, 2)
    start_of = int((graph.batch == 0).sum())
    assert part.edge_label_index.tolist() == (graph.edge_label_index[:, 1:] - start_of).tolist()
    assert (part.y.tolist(), part.pair_features.tolist()) == ([0, 1], [[1.0], [2.0]])
    graph.mystery = torch.zeros(3)
    with pytest.raises(ValueError, match="a batch with 'mystery' cannot be shared"):
        share_of(Palindrome(5), graph, 1, 2)


def test_what_torchrun_did_not_start_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not distributed.launched()
    for name in ("RANK, WORLD_SIZE", "WORLD_SIZE"):
        missing = rf"^{name}, MASTER_ADDR, MASTER_PORT must be set.*torchrun"
        with pytest.raises(ValueError, match=missing), distributed.process_group():
            pass
        monkeypatch.setenv("RANK", "0")


def test_shares_of_unequal_counts_weigh_what_they_count() -> None:
    task = GraphClassification(planted.graphs(3), 3)
    graph = drawn(task)

    def gradient(part: gs.SpaceTimeGraph) -> Tensor:
        torch.manual_seed(0)
        model = gs.nn.Model(gs.nn.GCN(1, 4, 1), 3).double()
        part.x = part.x.double()
        task.loss(model(part), part.y).backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    shares = [share_of(task, graph, rank, 2) for rank in range(2)]
    counts = [len(part.y) for part in shares]
    assert counts[0] != counts[1]
    weighed = sum(gradient(part) * count for part, count in zip(shares, counts, strict=True)) / sum(counts)
    torch.testing.assert_close(weighed, gradient(graph), rtol=0, atol=1e-12)
