"""Seeds of a small model that are trained side by side are as each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import console
import pytest
import torch

from graphseq.experiments.accuracy import run as runs
from graphseq.experiments.accuracy.report import summarise
from graphseq.experiments.accuracy.settings import SIDE_BY_SIDE, SMALL, Settings
from graphseq.experiments.engine.run import Run
from graphseq.training.fit import DivergedError

SMALL_ONES = Settings(
    ("Transfer",), ("RNN", "GCN"), (4,), (2,), tuple(range(9)), hidden=8, batch_size=4, steps=5, samples=50
)


def seeds_of(settings: Settings) -> list[object]:
    return [case["seed"] for case in settings.cases()]


def changed(**fields: Any) -> Settings:
    return Settings(**{**{name: getattr(SMALL_ONES, name) for name in SMALL_ONES.__dataclass_fields__}, **fields})


def test_eight_seeds_of_a_small_model_are_one_run_and_the_rest_are_alone() -> None:
    assert seeds_of(SMALL_ONES) == [list(range(8)), 8] * 2
    assert seeds_of(changed(seeds=tuple(range(16)))) == [list(range(8)), list(range(8, 16))] * 2
    assert seeds_of(changed(seeds=tuple(range(SIDE_BY_SIDE - 1)))) == [*range(7)] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"separate": True},
        {"curriculum": True},
        {"hidden": SMALL // 4 + 1},
        {"batch_size": SMALL // 8 + 1},
        {"models": ("LSTM", "GCN-LSTM")},
        {"models": ("GRU",), "lengths": (11,)},
        {"models": ("RNN",), "lengths": (21,)},
    ],
    ids=str,
)
def test_others_are_each_by_themselves(fields: dict[str, Any]) -> None:
    assert all(isinstance(seed, int) for seed in seeds_of(changed(**fields)))


@pytest.mark.parametrize("model", ["RNN", "GRU", "GCN"])
def test_what_is_found_of_each_seed_is_what_is_found_of_it_alone(model: str) -> None:
    together, _ = changed(models=(model,)).cases()
    alone = changed(models=(model,), separate=True).cases()
    found = cast("list[dict[str, object]]", runs.run_length(**together)["seeds"])  # type: ignore[arg-type]
    for case, own in zip(alone, found, strict=False):
        expected = runs.run_length(**case)  # type: ignore[arg-type]
        assert set(own) == set(expected)
        for name in ("score", "loss", "steps", "solved", "hops_needed", "hops_reached", "parameters", "diverged"):
            assert own[name] == pytest.approx(expected[name], abs=1e-5), name


def test_one_that_diverges_is_judged_by_its_weights_before_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = runs.fit_ensemble

    def with_one_lost(*args: Any, **options: Any) -> list[object]:
        first, *others = trained(*args, **options)
        return [DivergedError("training diverged at step 5", cast("Any", first)), *others]

    monkeypatch.setattr(runs, "fit_ensemble", with_one_lost)
    together, _ = changed(models=("RNN",)).cases()
    found = cast("list[dict[str, object]]", runs.run_length(**together)["seeds"])  # type: ignore[arg-type]
    assert [each["diverged"] for each in found] == ["training diverged at step 5", *[""] * 7]
    assert not found[0]["solved"]
    assert all(isinstance(each["score"], float) for each in found)


def test_the_summary_counts_seeds_and_not_runs() -> None:
    settings = changed(models=("RNN",), seeds=tuple(range(9)))
    side, single = settings.cases()
    one = {
        **{"score": 0.5, "low": 0.4, "high": 0.6, "chance": 0.1, "hops_needed": 3, "hops_reached": 3},
        **{"parameters": 10, "steps": 5, "solved": True},
    }
    results: dict[str, object] = {"seeds": [{**one, "score": number / 10} for number in range(8)]}
    done = [
        Run("a", cast("Any", side), results, seconds=3.0),
        Run("b", cast("Any", single), {**one, "score": 0.8}, seconds=1.0),
    ]
    (cell,) = summarise(settings, done)
    assert (cell.seeds, cell.failed, cell.solved, cell.seconds) == (9, 0, 9, 4.0)
    assert cell.accuracy == pytest.approx(sum(range(9)) / 90)
    (cell,) = summarise(settings, [Run("a", cast("Any", side), None, "MemoryError"), done[1]])
    assert (cell.seeds, cell.failed) == (1, 8)


def test_the_command_says_the_same_either_way_and_goes_on_where_it_was(tmp_path: Path) -> None:
    words: tuple[object, ...] = (
        *("--task", "Transfer", "--model", "RNN", "--length", 3, "--hidden", 8, "--batch-size", 4, "--steps", 4),
        *("--samples", 30, "--jobs", 1, "--seed", *range(8)),
    )
    threads = torch.get_num_threads()
    side, apart = tmp_path / "side", tmp_path / "apart"
    assert console.call("sweep", *words, "--out", side).status == 0
    assert console.call("sweep", *words, "--separate", "--out", apart).status == 0
    assert torch.get_num_threads() == threads
    tables = [(folder / "table.csv").read_text().splitlines()[1].split(",")[:8] for folder in (side, apart)]
    assert tables[0] == tables[1]
    assert len((side / "results.jsonl").read_text().splitlines()) == 1
    assert len((apart / "results.jsonl").read_text().splitlines()) == 8
    assert console.call("sweep", *words, 8, "--out", side, "--resume").status == 0
    assert len((side / "results.jsonl").read_text().splitlines()) == 2


def test_a_grid_that_grew_keeps_the_seeds_that_are_there_however_they_were_run() -> None:
    small = changed(models=("RNN",))

    def grown(kept: list[object], seeds: Sequence[int], **fields: Any) -> list[object]:
        finished = [{**small.cases()[0], "seed": seed} for seed in kept]
        return [case["seed"] for case in changed(models=("RNN",), seeds=tuple(seeds), **fields).cases(finished)]

    assert grown([0, 1, 2], range(11)) == [0, 1, 2, list(range(3, 11))]
    assert grown([0, 1, 2], range(8)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert grown([list(range(8))], range(16)) == [list(range(8)), list(range(8, 16))]
    assert grown([list(range(8))], [9, 0, 3], separate=True) == [list(range(8)), 9]
    assert grown([0, list(range(8))], range(8)) == [0, list(range(8))]
    assert grown([list(range(8))], range(8), hidden=9) == [list(range(8))]  # as of another model: all of them anew
    assert changed(models=("RNN",), hidden=9).cases([small.cases()[0]])[0]["hidden"] == 9


def test_seeds_that_are_not_asked_for_or_are_there_twice_do_not_count() -> None:
    settings = changed(models=("RNN",), seeds=(0, 2))
    one = {
        **{"low": 0.4, "high": 0.6, "chance": 0.1, "hops_needed": 3, "hops_reached": 3},
        **{"parameters": 10, "steps": 5, "solved": True},
    }
    config = settings.cases()[0]
    eight: dict[str, object] = {"seeds": [{**one, "score": seed / 10} for seed in range(8)]}
    runs_made = [
        Run("a", cast("Any", {**config, "seed": 0}), {**one, "score": 0.8}),
        Run("b", cast("Any", {**config, "seed": list(range(8))}), eight),
    ]
    (cell,) = summarise(settings, runs_made)
    assert (cell.seeds, cell.failed) == (2, 0)
    assert cell.accuracy == pytest.approx((0.8 + 0.2) / 2)


def test_what_was_run_one_by_one_is_not_run_again_side_by_side(tmp_path: Path) -> None:
    words: tuple[object, ...] = (
        *("--task", "Transfer", "--model", "RNN", "--length", 3, "--hidden", 8, "--batch-size", 4, "--steps", 2),
        *("--samples", 10, "--jobs", 1, "--out", tmp_path / "out"),
    )

    def lines() -> int:
        return len((tmp_path / "out" / "results.jsonl").read_text().splitlines())

    assert console.call("sweep", *words, "--seed", *range(5)).status == 0
    assert lines() == 5
    assert console.call("sweep", *words, "--seed", *range(13), "--resume").status == 0
    assert lines() == 6
    assert console.call("sweep", *words, "--seed", 7, 2, "--separate", "--resume").status == 0
    assert lines() == 6
