"""Rows counted by hop: heights are the counts, fillings what is seen, and rows that no way leads to stand apart."""

from __future__ import annotations

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from graphseq.plot import draw_rows_by_hop

HOPS = torch.tensor([0, 1, 1, 1, 3, 3, -1, -1])


def test_heights_are_counts_and_the_unreachable_stand_apart() -> None:
    axes = draw_rows_by_hop(Figure().subplots(), HOPS)
    rows, filled, lost = ([int(bar.get_height()) for bar in bars] for bars in axes.containers)
    assert rows == filled == [1, 3, 0, 2]
    assert lost == [2]
    assert axes.containers[2][0].get_x() > 3
    assert [text.get_text() for text in axes.texts] == ["unreachable", "1", "3", "0", "2"]


def test_bars_are_filled_as_far_as_rows_are_seen() -> None:
    seen = torch.tensor([True, True, True, False, False, False, False, False])
    axes = draw_rows_by_hop(Figure().subplots(), HOPS, seen=seen, colours=["r", "g", "b", "k"])
    assert [int(bar.get_height()) for bar in axes.containers[1]] == [1, 2, 0, 0]
    assert [to_hex(bar.get_facecolor()) for bar in axes.containers[1]] == ["#ff0000", "#008000", "#0000ff", "#000000"]
    assert [text.get_text() for text in axes.texts] == ["unreachable", "1", "2\nof 3", "0", "2"]


@pytest.mark.parametrize(
    ("hops", "options", "error", "message"),
    [
        ([0, 1], {}, TypeError, "hops must be a torch.Tensor, got list"),
        (torch.tensor([0.5]), {}, TypeError, "hops must hold integers"),
        (torch.tensor([[0]]), {}, ValueError, r"hops must have shape \(1,\)"),
        (torch.tensor([], dtype=torch.long), {}, ValueError, "a distance of at least -1 for each row"),
        (torch.tensor([0, -2]), {}, ValueError, "of at least -1 for each row, got"),
        (HOPS, {"seen": torch.ones(3, dtype=torch.bool)}, ValueError, r"seen must be bool of shape \(8,\)"),
        (HOPS, {"colours": ["r"]}, ValueError, "colours must have an entry for each hop, 4 of them, got 1"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    hops: object, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw_rows_by_hop(Figure().subplots(), hops, **options)


def test_rows_without_any_way_are_only_lost_ones() -> None:
    axes = draw_rows_by_hop(Figure().subplots(), torch.tensor([-1, -1]))
    assert [int(bar.get_height()) for bars in axes.containers for bar in bars] == [2]


def test_many_hops_are_lines_as_high_as_their_counts() -> None:
    seen = torch.arange(100) < 30
    axes = draw_rows_by_hop(Figure().subplots(), torch.arange(100), seen=seen)
    rows, filled = ([segment[:, 1].tolist() for segment in lines.get_segments()] for lines in axes.collections)
    assert rows == [[0, 1]] * 100
    assert filled == [[0, 1]] * 30 + [[0, 0]] * 70
    assert axes.get_ylim()[0] == 0
