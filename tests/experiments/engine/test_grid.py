"""Many runs: every result comes back, one that fails costs only itself, and a mistake of ours is not held back."""

from __future__ import annotations

from functools import partial

import pytest

from graphseq.experiments.engine.grid import Result, run_each


def squared(done: list[int] | None, case: int) -> Result:
    """The square; 3 and 5 fail as a run may, 7 as none should."""
    if case in (3, 5):
        raise RuntimeError(f"no room for {case}")
    if case == 7:
        raise KeyError("a mistake")
    if done is not None:
        done.append(case)
    return {"case": case, "square": case**2}


def said(result: Result) -> str:
    return f"square {result['square']}"


def squares(work: object, cases: list[int], *, finished: int = 0, jobs: int = 1) -> list[Result]:
    return run_each(work, cases, finished=finished, jobs=jobs, said=said)  # type: ignore[arg-type]


def test_results_come_one_by_one_and_the_bar_goes_on_from_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    found = squares(partial(squared, None), [2, 4, 6], finished=2)
    assert found == [{"case": case, "square": case**2} for case in (2, 4, 6)]
    shown = capsys.readouterr().err
    assert "2/5" in shown
    assert "5/5" in shown
    assert "square 36" in shown


def test_workers_of_their_own_give_the_same_results() -> None:
    found = squares(partial(squared, None), [1, 2, 4, 6], jobs=2)
    assert sorted(found, key=lambda result: result["case"]) == squares(partial(squared, None), [1, 2, 4, 6])  # type: ignore[arg-type,return-value]


def test_the_first_that_failed_is_told_once_all_others_are_done() -> None:
    done: list[int] = []
    with pytest.raises(RuntimeError, match="no room for 3"):
        squares(partial(squared, done), [1, 3, 2, 5, 4])
    assert done == [1, 2, 4]


def test_what_cannot_be_foreseen_stops_all_at_once() -> None:
    done: list[int] = []
    with pytest.raises(KeyError, match="a mistake"):
        squares(partial(squared, done), [1, 7, 2])
    assert done == [1]


def test_nothing_to_do_is_done_without_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert squares(partial(squared, None), [], finished=3, jobs=4) == []
    assert capsys.readouterr().err == ""
