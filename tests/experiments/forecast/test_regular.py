"""Times of one length and missing values in their place, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import graphseq as gs
from graphseq.experiments.forecast.regular import masked, resampled, with_every_time, with_notes
from graphseq.io import TemporalDataset


def recording(rows: list[tuple[int, int, float]], times: tuple[str, ...], **edges: object) -> TemporalDataset:
    """Rows of (node, time, value) of nodes a and b."""
    node, time, value = zip(*rows, strict=True)
    graph = gs.SpaceTimeGraph(torch.tensor(value)[:, None], torch.tensor(node), torch.tensor(time), **edges)
    return TemporalDataset("file", graph, ("a", "b"), times, ("heat",))


GAPS = [(0, 0, 1.0), (1, 0, 10.0), (0, 1, 2.0), (1, 2, 30.0)]


def test_what_is_missing_is_the_last_value_known_and_says_so() -> None:
    whole = masked(recording(GAPS, ("0", "1", "2")))
    assert whole.channels == ("heat", "observed")
    assert whole.graph.x.tolist() == [[1, 1], [10, 1], [2, 1], [10, 0], [2, 0], [30, 1]]
    assert whole.graph.observed.tolist() == [True, True, True, False, False, True]
    assert whole.graph.topology.static_edge_index is None


def test_before_a_nodes_first_value_stands_the_mean_of_all() -> None:
    whole = masked(recording([(0, 0, 1.0), (0, 1, 2.0), (1, 1, 6.0)], ("0", "1")))
    assert whole.graph.x[:, 0].tolist() == [1, 3, 2, 6]


def test_edges_with_times_stay_at_their_rows() -> None:
    data = recording([*GAPS[:3], (1, 1, 7.0)], ("0", "1"), edge_index=torch.tensor([[2], [3]]))
    kept = recording([*GAPS[1:3], (1, 1, 7.0)], ("0", "1"), edge_index=torch.tensor([[1], [2]]))
    for of in (data, kept):
        graph = masked(of).graph
        assert graph.edge_index.tolist() == [[2], [3]]


def test_no_answer_is_asked_where_nothing_was_observed() -> None:
    graph = masked(recording(GAPS, ("0", "1", "2"))).graph
    task = gs.tasks.Forecasting(graph, lags=1, observed=graph.observed)
    asked = [(w.target.tolist(), w.y[:, 0].tolist()) for w in (task.windows(torch.tensor([k])) for k in (0, 1))]
    assert asked == [([True, False], [2.0]), ([False, True], [30.0])]
    with pytest.raises(ValueError, match=r"observed must be bool of shape \(V,\) = \(6,\)"):
        gs.tasks.Forecasting(graph, lags=1, observed=graph.observed[:2])


def test_a_line_without_any_value_is_a_step_that_is_masked(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("day,a,b\n2024-01-01,1,2\n2024-01-02,,\n2024-01-03,3,\n2024-01-04,4,5\n")
    read = gs.io.read_observations(tmp_path / "wide.csv", time="day", wide=True, missing="drop")
    assert read.times == ("2024-01-01", "2024-01-03", "2024-01-04")
    assert read.empty_times == ((1, "2024-01-02"),)
    assert read.graph.time.tolist() == [0, 0, 2, 3, 3]
    whole = with_every_time(read)
    assert whole.times == ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04")
    assert whole.graph.x.tolist() == [[1, 1], [2, 1], [1, 0], [2, 0], [3, 1], [2, 0], [4, 1], [5, 1]]
    assert whole.notes == ("3 of 8 observations, 37.5%, are missing: no answer is asked there",)
    dropped = with_notes(read).notes
    assert dropped[1] == "1 time without any value left out, 2024-01-02 first"
    assert sum("each counts as one step" in note for note in dropped) == 1


def test_missing_and_irregular_are_counted_and_said() -> None:
    times = ("2024-01-01", "2024-01-02", "2024-01-05")
    assert with_notes(recording(GAPS, times)).notes == (
        "2 of 6 observations, 33.3%, are missing: no answer is asked there",
        "1 of 2 steps are not of 1 day, as most are, but of 1 day to 3 days; each counts as one step, and resample= "
        "brings them to one length",
    )
    regular = recording([(n, t, 1.0) for t in range(3) for n in (0, 1)], ("0", "2", "4"))
    assert with_notes(regular).notes == ()


@pytest.mark.parametrize(
    ("by", "values"), [("mean", [2, 5, 2, 5, 7, 9]), ("last", [3, 5, 3, 5, 7, 9]), ("sum", [4, 5, 4, 5, 7, 9])]
)
def test_steps_of_one_length_hold_what_falls_into_them(by: str, values: list[int]) -> None:
    rows = [(0, 0, 1.0), (1, 0, 5.0), (0, 1, 3.0), (0, 2, 7.0), (1, 2, 9.0)]
    data = resampled(recording(rows, ("2024-01-01", "2024-01-01 12:00", "2024-01-03")), "1d", by)
    assert data.times == ("2024-01-01", "2024-01-02", "2024-01-03")
    assert data.graph.x[:, 0].tolist() == values
    assert data.graph.observed.tolist() == [True, True, False, False, True, True]
    assert data.notes == (
        f"3 times resampled to 3 steps of 1d, by the {by} of the observations in each",
        "2 of 6 observations, 33.3%, are missing: no answer is asked there",
    )


def test_tenths_are_steps_of_a_tenth() -> None:
    times = tuple(str(k / 10) for k in range(30))
    data = resampled(recording([(n, t, float(t)) for t in range(30) for n in (0, 1)], times), "0.1")
    assert data.graph.x[::2, 0].tolist() == list(range(30))


@pytest.mark.parametrize(
    ("step", "times"), [("1d", ("0", "1")), ("2", ("2024-01-01", "2024-01-02")), ("0", ("0", "1")), ("x", ("0", "1"))]
)
def test_a_step_of_another_kind_is_refused(step: str, times: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=f"resample must be a number.*got '{step}'"):
        resampled(recording(GAPS[:3], times), step)


def test_sums_of_fewer_observations_are_pointed_out() -> None:
    data = recording([(0, t, 1.0) for t in range(5)], ("0", "1", "2", "3", "4"))
    summed = resampled(data, "2", "sum")
    assert summed.graph.x[:, 0].view(3, 2)[:, 0].tolist() == [2, 2, 1]
    assert "1 of 3 sums is of fewer observations than most, which are of 2, and so lower" in summed.notes
    assert not any("fewer" in note for note in resampled(data, "2", "mean").notes)


def test_edges_with_times_cannot_be_resampled() -> None:
    data = recording(GAPS, ("0", "1", "2"), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match="needs edges that are the same at all times"):
        resampled(data, "1")
