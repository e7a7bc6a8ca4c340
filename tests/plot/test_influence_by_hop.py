"""Influence against hops: points are the numbers given, zeros stand on a floor, closed forms run through the points."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matrices import path_power

import graphseq as gs
from graphseq.plot import draw_influence_by_hop
from graphseq.reach import HopProfile, Profile, ProfileEstimate, theory


def profile(*values: float) -> Profile:
    return Profile(torch.arange(len(values)), torch.tensor(values, dtype=torch.float64))


def estimate(values: list[float], errors: list[float]) -> ProfileEstimate:
    return ProfileEstimate(torch.arange(len(values)), torch.tensor(values), torch.tensor(errors), 64)


def draw(measured: object, **options: object) -> Axes:
    return draw_influence_by_hop(Figure().subplots(), measured, **options)


def line(axes: Axes, label: str) -> Line2D:
    return next(one for one in axes.lines if one.get_label() == label)


def zeros(axes: Axes, label: str) -> list[float]:
    found = [one for one in axes.lines if one.get_gid() == f"zeros {label}"]
    return [] if not found else found[0].get_xdata().tolist()


def test_points_are_the_values_and_zeros_are_on_the_floor() -> None:
    axes = draw({"GCN": profile(1.0, 0.25, 0.0, 1e-9, 0.0)})
    np.testing.assert_array_equal(line(axes, "GCN").get_xdata(), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(line(axes, "GCN").get_ydata(), [1.0, 0.25, np.nan, 1e-9, np.nan])
    assert zeros(axes, "GCN") == [2, 4]


def test_the_floor_is_beneath_every_value_within_the_picture_and_called_0() -> None:
    axes = draw({"a": profile(3.0, 2e-7), "b": profile(1.0, 0.0)})
    floor = next(one for one in axes.lines if one.get_gid() == "floor").get_ydata()[0]
    assert axes.get_ylim()[0] < floor < 2e-7
    assert [(text.get_text(), text.xy[1]) for text in axes.texts] == [("0", floor)]
    ticks = [tick for tick in axes.get_yticks() if axes.get_ylim()[0] < tick < axes.get_ylim()[1]]
    assert ticks
    assert min(ticks) > 2 * floor


def test_a_profile_of_a_probe_has_its_interval_as_a_band() -> None:
    value, low, high = torch.tensor([[4.0, 2.0, 1.0], [3.0, 1.5, 0.5], [5.0, 3.0, 2.0]]).double()
    axes = draw({"GAT": HopProfile(torch.arange(3), value, low, high, 0.0, (0.0, 0.0), 16, 99, 0.95)})
    (band,) = [one for one in axes.collections if one.get_gid() == "band GAT"]
    corners = {(round(x), round(y, 6)) for x, y in band.get_paths()[0].vertices.tolist()}
    assert {(0, 3.0), (1, 1.5), (2, 0.5), (0, 5.0), (1, 3.0), (2, 2.0)} <= corners
    assert axes.get_ylabel() == "influence (sum over rows)"


def test_without_a_zero_there_is_no_floor() -> None:
    axes = draw({"a": profile(3.0, 2e-7)})
    assert not axes.texts
    assert not [one for one in axes.lines if one.get_gid() == "floor"]


def test_marks_stand_on_their_hop_and_models_look_different_in_grey_too() -> None:
    axes = draw({name: profile(1.0, 0.0) for name in "abcdefg"})
    lines = [line(axes, name) for name in "abcdefg"]
    assert {tuple(one.get_xdata()) for one in lines} == {(0.0, 1.0)}
    for look in ("get_color", "get_marker", "_unscaled_dash_pattern"):
        seen = [getattr(one, look)() if look.startswith("get") else getattr(one, look) for one in lines]
        assert len(set(seen)) == 7, look


def test_the_closed_form_goes_through_the_measured_points_of_linear_layers() -> None:
    layers, target = 4, torch.tensor([10])
    sequence = gs.from_sequence(torch.ones(21, 1, dtype=torch.float64))
    gcn = gs.nn.GCN(1, 1, layers).double()
    for conv in gcn.convs:
        conv.lin.weight.data.fill_(1.0)
    hops = gs.reach.hop_distances(sequence, target)
    found = gs.reach.by_hop(gs.reach.influence(gcn, sequence, outputs=target), hops)
    form = [(1 + (hop > 0)) * theory.endless_path_weight(hop, layers) for hop in range(11)]
    axes = draw({"GCN": found}, closed_form={"GCN": form})
    over, points = line(axes, "GCN, closed form"), line(axes, "GCN")
    np.testing.assert_allclose(over.get_ydata(), points.get_ydata(), rtol=1e-12)
    row = path_power(21, layers)[10]
    np.testing.assert_allclose(points.get_ydata()[:5], [row[10], *(row[10 - r] + row[10 + r] for r in range(1, 5))])
    assert zeros(axes, "GCN") == list(range(5, 11))
    assert points.get_linestyle() == "None"
    assert over.get_color() == points.get_color()


def test_a_closed_form_of_another_name_is_black() -> None:
    axes = draw({"GCN": profile(1.0, 0.5)}, closed_form={"theory": torch.tensor([1.0, 0.0])})
    np.testing.assert_array_equal(line(axes, "theory").get_ydata(), [1.0, np.nan])
    assert line(axes, "theory").get_color() == "k"


def test_the_band_of_an_estimate_is_two_errors_wide_and_ends_at_the_floor() -> None:
    axes = draw({"a": estimate([1.0, 0.1, 0.0], [0.1, 0.1, 0.0])})
    band = next(one for one in axes.collections if one.get_gid() == "band a")
    outline = np.concatenate([path.vertices for path in band.get_paths()])
    at_zero = outline[outline[:, 0] == 0.0][:, 1]
    assert [at_zero.min(), at_zero.max()] == pytest.approx([1 - 0.196, 1 + 0.196])
    at_one = outline[outline[:, 0] == 1.0][:, 1]
    floor = next(one for one in axes.lines if one.get_gid() == "floor").get_ydata()[0]
    assert [at_one.min(), at_one.max()] == pytest.approx([floor, 0.1 + 0.196])
    assert zeros(axes, "a") == [2]
    assert axes.get_ylabel().startswith("squared influence")


def test_what_is_drawn_is_named() -> None:
    axes = draw({"a": profile(1.0)})
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("hops from the target row", "influence (sum over rows)")
    assert draw({"a": profile(1.0)}, ylabel="mine").get_ylabel() == "mine"


@pytest.mark.parametrize(
    ("measured", "options", "error", "message"),
    [
        ({}, {}, ValueError, "profiles must have 1 to 7 entries, for distinct colours, got 0"),
        (
            {str(n): profile(1.0) for n in range(8)},
            {},
            ValueError,
            "profiles must have 1 to 7 entries, for distinct colours, got 8",
        ),
        (
            {"a": torch.ones(3)},
            {},
            TypeError,
            r"profiles\['a'\] must be a graphseq.reach.Profile, ProfileEstimate or HopProfile, got Tensor",
        ),
        ({"a": profile(1.0, -0.5)}, {}, ValueError, r"profiles\['a'\].value\[1\] is -0.5"),
        ({"a": profile(1.0, float("nan"))}, {}, ValueError, r"value\[1\] is nan; every value must be finite"),
        ({"a": profile()}, {}, ValueError, r"profiles\['a'\].at must have one dimension and at least one entry"),
        ({"a": Profile(torch.arange(2), torch.ones(3))}, {}, ValueError, "2 distances and 3 values"),
        ({"a": profile(1.0)}, {"closed_form": {"b": [-1.0]}}, ValueError, r"closed_form\['b'\]\[0\] is -1"),
        (
            {"a": profile(1.0)},
            {"closed_form": {"b": "x"}},
            TypeError,
            "closed_form..b.. must be a .* got str",
        ),
        ({"a": profile(1.0)}, {"closed_form": {key: [1.0] for key in "bcdef"}}, ValueError, "at most 4 .* got 5"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    measured: object, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw(measured, **options)


@pytest.mark.parametrize("measured", [profile(0.0, 0.0), profile(1e-300, 0.0, 1e300), profile(5.0)])
def test_whatever_the_range_it_can_be_saved_and_opens_no_window(measured: Profile) -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    axes = draw({"a": measured})
    axes.figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == before
