"""Shares of right answers by group, and their picture."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from scipy import stats

from graphseq.evaluation.groups import shares, table, wilson
from graphseq.plot import draw_groups, groups_figure

RIGHT = [[True, False, True, True], [True, True, True, False]]
GROUPS = {"all": [0, 1, 2, 3], "first two": [0, 1], "none": []}


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (3, 7), (50, 100), (9, 9)])
def test_the_interval_is_scipys(hits: int, count: int) -> None:
    expected = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert wilson(hits / count, count) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_shares_are_means_over_seeds_and_intervals_count_units() -> None:
    found = shares(RIGHT, [7, 7, 8, 9], GROUPS)
    assert set(found) == {"all", "first two"}
    assert (found["all"]["answers"], found["all"]["units"], found["all"]["share"]) == (4, 3, 0.75)
    assert (found["first two"]["low"], found["first two"]["high"]) == wilson(0.75, 1)


def test_a_table_has_counts_and_a_line_a_model() -> None:
    lines = {"ours": shares(RIGHT, [0, 0, 1, 2], GROUPS)}
    head, counts, _, ours = table(lines, list(GROUPS), {"weights": ["12"]}, "what").splitlines()
    assert head.split() == ["what", "all", "first", "two", "weights"]
    assert counts.split() == ["answers", "in", "units", "4", "in", "3", "2", "in", "1"]
    cells = [f"75 [{100 * low:.0f}, {100 * high:.0f}]" for low, high in (wilson(0.75, 3), wilson(0.75, 1))]
    assert ours.split() == ["ours", *cells[0].split(), *cells[1].split(), "12"]


def test_a_picture_has_a_point_a_model_and_group_at_its_share() -> None:
    lines = {"ours": shares(RIGHT, [0, 0, 1, 2], GROUPS), "theirs": shares(RIGHT[:1], [0, 0, 1, 2], GROUPS)}
    axes = Figure().subplots()
    draw_groups(axes, lines, list(GROUPS))
    points = [container[0].get_ydata().tolist() for container in axes.containers]
    assert points == [[0.75, 0.75], [0.75, 0.5]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["all\n(4)", "first two\n(2)"]
    with pytest.raises(ValueError, match="lines must have at most 7 models, for distinct colours, got 8"):
        draw_groups(axes, {str(n): lines["ours"] for n in range(8)}, ["all"])


def test_a_figure_has_a_panel_for_each_kind_of_groups() -> None:
    lines = {"ours": shares(RIGHT, [0, 0, 1, 2], GROUPS)}
    figure = groups_figure(lines, {"one": ["all"], "two": ["first two", "none"]}, chance=0.5, ylabel="right")
    assert [axes.get_xlabel() for axes in figure.axes] == ["one", "two"]
    assert [len(axes.get_xticks()) for axes in figure.axes] == [1, 1]
