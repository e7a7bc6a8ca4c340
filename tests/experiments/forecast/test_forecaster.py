"""Forecasts from Python: any form of the same data gives the same numbers, and a file keeps them."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import planted
import pytest
import torch

import graphseq as gs
from graphseq.experiments.forecast.window import Forecast

QUICK = {"models": ["persistence", "graph autoregression"]}
X = planted.signal(60)
RING = torch.tensor(planted.ring(5)).t()
NAMES = list("abcde")


def wide() -> pd.DataFrame:
    return pd.DataFrame(X.numpy(), columns=NAMES, index=pd.RangeIndex(60, name="time"))


def edge_table() -> pd.DataFrame:
    return pd.DataFrame([[NAMES[i], NAMES[j]] for i, j in RING.t().tolist()], columns=["source", "target"])


@pytest.fixture(scope="module")
def fitted() -> gs.Forecaster:
    return gs.forecast(X, RING, horizon=[1, 3], **QUICK)


def test_an_array_a_graph_frames_and_files_are_forecast_alike(fitted: gs.Forecaster, tmp_path: Path) -> None:
    wide().to_csv(tmp_path / "x.csv")
    edge_table().to_csv(tmp_path / "e.csv", index=False)
    long = (
        wide()
        .melt(ignore_index=False, var_name="node", value_name="heat")
        .reset_index()
        .sort_values("time", kind="stable")
    )
    forms = [
        ((X.numpy(), RING.numpy()), {}),
        ((gs.from_signal(X[..., None], RING),), {}),
        ((wide(), edge_table()), {}),
        ((long, edge_table()), {}),
        ((tmp_path / "x.csv", tmp_path / "e.csv"), {"wide": True}),
    ]
    values = fitted.predict().values
    for given, more in forms:
        found = gs.forecast(*given, horizon=[1, 3], **QUICK, **more)
        assert torch.allclose(found.predict().values, values, atol=1e-5)
        assert [line.mse for line in found.lines] == pytest.approx([line.mse for line in fitted.lines], rel=1e-4)


def test_a_long_table_may_have_no_edges(tmp_path: Path) -> None:
    long = wide().melt(ignore_index=False, var_name="place", value_name="heat").reset_index()
    long.sort_values("time", kind="stable").to_csv(tmp_path / "x.csv", index=False)
    quick = {"models": ["persistence"]}
    found = gs.forecast(tmp_path / "x.csv", node="place", **quick)
    assert torch.allclose(found.predict().values, gs.forecast(X, **quick).predict().values)
    assert "there are no edges: every model reads each node alone" in found.notes
    with pytest.raises(ValueError, match=r"x.csv is a table without a column 'node'; it has time, place, heat. Where"):
        gs.forecast(tmp_path / "x.csv", **quick)
    assert "<pre>after 59, with 90% intervals\nnode" in found.predict()._repr_html_()


def test_a_refusal_of_a_reader_names_the_arguments_of_a_forecast() -> None:
    frame, quick = wide(), {"models": ["persistence"]}
    with pytest.raises(ValueError, match=r"Name the columns by edge_source= and edge_target="):
        gs.forecast(frame, pd.DataFrame({"from": ["a"], "to": ["b"]}), **quick)
    with pytest.raises(ValueError, match=r"name the columns of numbers by columns="):
        gs.forecast(pd.DataFrame({"time": [0, 1], "node": ["a", "a"], "kind": ["x", "y"]}), **quick)


def test_a_single_series_has_columns_and_no_column_of_nodes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": range(60), "sales": X[:, 0].numpy(), "heat": X[:, 1].numpy()})
    frame.to_csv(tmp_path / "one.csv", index=False)
    quick = {"time": "day", "targets": "sales", "models": ["persistence", "autoregression"]}
    found = [gs.forecast(given, node=None, **quick) for given in (frame, tmp_path / "one.csv")]
    found.append(gs.forecast(frame, node="", **quick))
    for one in found:
        forecast = one.predict()
        assert (forecast.nodes, forecast.channels) == (("series",), ("sales",))
        assert torch.allclose(forecast.values, found[0].predict().values, atol=1e-5)
    assert "1 node, forecast of sales" in str(found[0])
    assert "neighbours" not in str(found[0])
    read = gs.io.read_observations(tmp_path / "one.csv", time="day", node=None)
    assert (read.nodes, read.channels, read.graph.num_rows) == (("series",), ("sales", "heat"), 60)
    for other, message in (({"wide": True}, "wide=True is of a column a node"), ({"edges": edge_table()}, "edges are")):
        with pytest.raises(ValueError, match=f"node= names no column, as of a single series, and {message}"):
            gs.io.read_observations(frame, time="day", node=None, **other)
    with pytest.raises(ValueError, match="of a single series with columns of its own, give node= an empty name"):
        gs.forecast(tmp_path / "one.csv", **quick)


def test_the_forecast_is_that_of_the_linear_rule_that_was_planted() -> None:
    last = X[-1]
    rule = planted.OWN * last + planted.NEIGHBOURS * (last.roll(1) + last.roll(-1)) / 2
    found = gs.forecast(planted.signal(400), RING, models=["graph autoregression"], lags=1).predict(X, RING)
    assert found.values.shape == (1, 5, 1)
    assert torch.allclose(found.values[0, :, 0], rule, atol=0.05)
    assert bool((found.low < found.values).all() and (found.values < found.high).all())


def test_every_horizon_has_errors_at_the_same_test_times(fitted: gs.Forecaster) -> None:
    assert list(fitted.chosen) == [1, 3]
    shown = repr(fitted)
    assert shown.count("on 11 test windows, 49 to 59 (55 answers)") == 2
    assert "forecast of x0, 1 and 3 ahead from 4 times" in shown
    assert shown.count("the test part chose nothing") == 1


def test_the_best_on_the_validation_set_is_chosen_and_not_the_best_on_the_test(fitted: gs.Forecaster) -> None:
    for horizon, name in fitted.chosen.items():
        here = [line for line in fitted.lines if line.horizon == horizon]
        assert min(here, key=lambda line: line.validation_mse).model == name


def test_intervals_hold_about_the_share_that_is_asked() -> None:
    found = gs.forecast(planted.signal(1000), RING, models=["graph autoregression"], coverage=0.8)
    assert found.lines[0].coverage == pytest.approx(0.8, abs=0.05)
    assert found.lines[0].width == pytest.approx(2 * 1.2816 * planted.NOISE, rel=0.1)  # of the normal distribution


@pytest.mark.parametrize(("train", "answers"), [(0.78, 8), (0.875, 9)])
def test_intervals_without_ends_are_said(train: float, answers: int) -> None:
    found = gs.forecast(X[:53, :1], models=["persistence"], lags=1, train=train)
    assert math.isfinite(found.lines[0].width) == (answers == 9)
    said = "intervals have no ends: the validation part has 8 answers, and 9 are the fewest for coverage=0.9"
    assert (said in repr(found).replace("\n  ", " ")) == (answers == 8)


def test_a_file_keeps_models_and_table(tmp_path: Path) -> None:
    x = X.clone()
    x[3, 2] = x[30:32, 4] = torch.nan
    models = ["LSTM", "GCN-LSTM"]
    found = gs.forecast(x, RING, horizon=[1, 2], models=models, missing="mask", steps=4, hidden=4)
    found.save(tmp_path / "f.pt")
    again = gs.Forecaster.load(tmp_path / "f.pt")
    assert repr(again) == repr(found)
    assert again.notes == ("3 of 300 observations, 1.0%, are missing: no answer is asked there",)
    for one, other in zip(again.predict(), found.predict(), strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
    with pytest.raises(FileExistsError):
        found.save(tmp_path / "f.pt")
    (tmp_path / "g.pt").write_bytes((tmp_path / "f.pt").read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"g.pt is not a whole file of Forecaster.save"):
        gs.Forecaster.load(tmp_path / "g.pt")


@pytest.mark.parametrize("as_given", [lambda x: x.double().numpy(), lambda x: np.asfortranarray(x.double().numpy())])
def test_numpys_float64_is_read_as_files_are(as_given: Callable[[torch.Tensor], np.ndarray]) -> None:
    brief = {"models": "LSTM", "steps": 2, "hidden": 4}
    one, other = (gs.forecast(x, RING, **brief).predict() for x in (X, as_given(X)))
    assert torch.equal(one.values, other.values)
    graph = gs.from_signal(X[..., None].double(), RING)
    assert torch.equal(gs.forecast(graph, **brief).predict(graph).values, one.values)


def test_numbers_that_float32_does_not_tell_apart_are_said() -> None:
    notes = gs.forecast(X.double() + 2e9, RING, **QUICK).notes
    assert notes[0].startswith("data: numbers are rounded to the seven digits of float32, such as 2000000001.5409")
    with pytest.raises(ValueError, match=r"data must hold numbers of at most 3.4e38"):
        gs.forecast(np.full((60, 5), 1e39), **QUICK)
    with pytest.raises(TypeError, match=r"data must hold real numbers"):
        gs.forecast(X.numpy() + 0j, **QUICK)


def test_a_file_of_which_one_bit_has_changed_is_refused(fitted: gs.Forecaster, tmp_path: Path) -> None:
    fitted.save(tmp_path / "f.pt")
    whole, dice = (tmp_path / "f.pt").read_bytes(), random.Random(0)  # noqa: S311
    for _ in range(60):
        changed = bytearray(whole)
        changed[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        (tmp_path / "f.pt").write_bytes(changed)
        with pytest.raises(ValueError, match=r"f.pt is not a whole file of Forecaster.save"):
            gs.Forecaster.load(tmp_path / "f.pt")


def test_names_reach_no_terminal_as_they_are() -> None:
    frame = pd.DataFrame(X.numpy(), columns=["\x1b[2J", *"bcde"])
    found = gs.forecast(frame.rename_axis("time"), unit="\x1b[31m", **QUICK)
    assert "\x1b" not in f"{found} {found!r} {found.predict()} {found.predict()!r}"


def test_a_node_that_is_gone_at_the_end_has_no_forecast_unless_it_is_masked() -> None:
    x = X.clone()
    x[-1, 2] = torch.nan
    dropped, masked = (gs.forecast(x, RING, missing=how, **QUICK).predict().values[0, :, 0] for how in ("drop", "mask"))
    assert dropped.isnan().tolist() == [False, False, True, False, False]
    assert not bool(masked.isnan().any())


def test_what_is_missing_has_no_part_in_the_scale_of_its_node() -> None:
    """A quiet node beside a loud one, first observed late: its intervals are as narrow as the node is quiet."""
    x = planted.signal(400)[:, :2] * torch.tensor([1e-3, 1e3]) + torch.tensor([5.0, 1e4])
    x[:150, 0] = x[7::9, 0] = torch.nan
    found = gs.forecast(x, models=["autoregression"], missing="mask").predict()
    quiet, loud = (found.high - found.low)[0, :, 0].tolist()
    assert 0.5e-6 < quiet / loud < 2e-6
    assert found.values[0, 0, 0].item() == pytest.approx(5, abs=0.02)


def test_nodes_without_a_scale_of_their_own_are_said() -> None:
    x = X.clone()
    x[:55, 3] = torch.nan
    masked, dropped = (repr(gs.forecast(x, missing=how, **QUICK)).replace("\n  ", " ") for how in ("mask", "drop"))
    assert "node 3 has no value before the test part: the scale of all together is taken there" in masked
    assert "node 3 has no value before the test part: all nodes share one scale" in dropped
    assert "no value before" not in repr(gs.forecast(x, missing="mask", scale="file", **QUICK))


LINES = [{"time": t, "node": "abcde"[n], "heat": float(X[t, n]), "wind": t % 7} for t in range(60) for n in range(5)]
ROADS = pd.DataFrame({"source": list("abcd"), "target": list("bcde"), "weight": [1, 2, 3, 4]})


def test_later_lines_may_have_their_nodes_and_columns_in_another_order_and_edges_are_those_of_the_fit() -> None:
    lines = pd.DataFrame(LINES)
    found = gs.forecast(lines, ROADS, horizon=[1, 2], models=["graph autoregression"], missing="mask")
    later = lines[lines.time >= 40]
    expected = found.predict(later, ROADS).values
    turned = later.iloc[::-1].sort_values("time", kind="stable")[["wind", "node", "time", "heat"]]
    assert turned.node.iloc[0] == "e"
    assert torch.equal(found.predict(turned).values, expected)
    without = found.predict(later, pd.DataFrame({"source": ["a"], "target": ["b"]})).values
    assert not torch.allclose(without[:, 4], expected[:, 4])  # which reads its neighbour d
    silent = found.predict(later[later.node != "c"]).values
    assert torch.equal(silent[:, [0, 1, 4]], expected[:, [0, 1, 4]])  # c is read by d alone
    assert bool(silent.isfinite().all())


def test_later_data_of_other_nodes_or_without_edges_that_change_are_refused() -> None:
    lines = pd.DataFrame(LINES)
    timed = pd.concat([ROADS.assign(time=t) for t in range(60)])
    found = gs.forecast(lines, timed, models=["graph autoregression"])
    with pytest.raises(ValueError, match=r"edges= is missing: this Forecaster was fitted to edges that change with ti"):
        found.predict(lines)
    with pytest.raises(ValueError, match=r"data has the nodes a, b, d, e \(4\); this Forecaster was fitted to a, b, c"):
        found.predict(lines[lines.node != "c"])
    with pytest.raises(ValueError, match=r"data has the channels heat \(1\); this Forecaster was fitted to heat, wind"):
        found.predict(lines.drop(columns="wind"))
    windy = gs.forecast(lines, timed, models=["persistence"], targets="wind")
    with pytest.raises(ValueError, match=r"data has the channels heat \(1\); this Forecaster was fitted to wind, heat"):
        windy.predict(lines.drop(columns="wind"), timed)
    assert torch.equal(windy.predict(lines, timed).values, windy.predict().values)
    turned = lines.iloc[::-1].sort_values("time", kind="stable")
    assert torch.equal(found.predict(turned, timed).values, found.predict().values)


def test_a_season_is_counted_from_the_first_time() -> None:
    x = (torch.arange(80) % 4).float()[:, None].repeat(1, 2)
    found = gs.forecast(x, models=["autoregression"], lags=1, season=4)
    assert found.predict().values[0, :, 0].tolist() == pytest.approx([0, 0], abs=1e-4)
    assert found.predict(x[:42]).values[0, :, 0].tolist() == pytest.approx([2, 2], abs=1e-4)


def dated(count: int, step: str, first: int = 0) -> pd.DataFrame:
    """A season of 4 steps, without noise."""
    index = pd.date_range("2024-01-01", periods=count, freq=step, name="time")
    return pd.DataFrame({name: (np.arange(count) % 4).astype(float) for name in "ab"}, index=index)[first:]


@pytest.mark.parametrize(("step", "follows"), [("h", "2024-01-04 08:00:00"), ("D", "2024-03-21"), ("MS", "2030-09-01")])
def test_a_season_goes_on_in_later_data_by_their_dates(step: str, follows: str) -> None:
    found = gs.forecast(dated(60, step), models=["autoregression"], lags=1, season=4)
    later = found.predict(dated(80, step, first=70))
    assert later.values[0, :, 0].tolist() == pytest.approx([0, 0], abs=1e-4)
    assert later.times == (follows,)
    assert found.predict(dated(80, step, first=70)[:3]).values[0, 0].item() == pytest.approx(1, abs=1e-4)


def test_a_season_that_cannot_be_counted_on_is_refused() -> None:
    found = gs.forecast(dated(60, "h"), models=["autoregression"], lags=1, season=4)
    frame = dated(80, "h", first=70)
    frame.index += pd.Timedelta(minutes=20)
    with pytest.raises(ValueError, match=r"season=4.0 is counted from 2024-01-01 00:00:00, and 2024-01-03 22:20:00"):
        found.predict(frame)


def test_numbered_times_that_begin_later_go_on_with_the_season() -> None:
    frame = dated(80, "h").set_axis(pd.RangeIndex(80, name="time"))
    found = gs.forecast(frame[:60], models=["autoregression"], lags=1, season=4)
    assert found.predict(frame[70:75]).values[0, :, 0].tolist() == pytest.approx([3, 3], abs=1e-4)


def test_the_unit_may_stand_in_the_names_of_a_wide_table() -> None:
    frame = dated(60, "h").rename(columns={"a": "North (kW)", "b": "South (kW)"})
    assert "Errors in kW on" in repr(gs.forecast(frame, models=["persistence"]))


def test_numbers_in_tables_have_the_digits_that_they_had() -> None:
    frame = dated(60, "h") + 0.1
    assert gs.forecast(frame, models=["persistence"], scale="file").predict().to_pandas()["value"].tolist() == [
        3.1,
        3.1,
    ]


def test_forecasts_are_a_frame_with_dates(tmp_path: Path) -> None:
    found = gs.forecast(dated(60, "D"), horizon=[1, 2], models=["persistence"]).predict()
    frame = found.to_pandas()
    assert list(frame.columns) == ["time", "horizon", "node", "column", "value", "low", "high"]
    assert frame["time"].tolist() == [pd.Timestamp("2024-03-01")] * 2 + [pd.Timestamp("2024-03-02")] * 2
    assert frame["node"].tolist() == ["a", "b"] * 2
    assert frame["value"].tolist() == [3.0] * 4
    found.to_csv(tmp_path / "next.csv")
    assert pd.read_csv(tmp_path / "next.csv")["low"].tolist() == pytest.approx(frame["low"].tolist())
    with pytest.raises(FileExistsError):
        found.to_csv(tmp_path / "next.csv")


def test_names_of_columns_and_windows_are_given_from_python(tmp_path: Path) -> None:
    frame = wide().melt(ignore_index=False, var_name="town", value_name="heat").reset_index(names="when")
    frame.sort_values("when", kind="stable").to_csv(tmp_path / "x.csv", index=False)
    edge_table().rename(columns={"source": "from", "target": "to"}).to_csv(tmp_path / "e.csv", index=False)
    names = {"time": "when", "node": "town", "edge_source": "from", "edge_target": "to"}
    found = gs.forecast(tmp_path / "x.csv", tmp_path / "e.csv", **names, **QUICK)
    assert torch.allclose(found.predict().values, gs.forecast(X, RING, **QUICK).predict().values, atol=1e-5)
    found.save(tmp_path / "f.pt")
    again = gs.Forecaster.load(tmp_path / "f.pt").predict(tmp_path / "x.csv", tmp_path / "e.csv")
    assert torch.equal(again.values, found.predict().values)
    mail = pd.DataFrame({"source": list("abcab" * 20), "target": list("bcaca" * 20), "time": range(100)})
    mail.to_csv(tmp_path / "mail.csv", index=False)
    for source in (mail, tmp_path / "mail.csv"):
        of_events = gs.forecast(source, window=5, models=["persistence"]).predict()
        assert of_events.times == ("100",)
        assert of_events.nodes == ("a", "b", "c")


def test_columns_that_are_forecast_together_have_errors_in_their_own_units() -> None:
    both = torch.stack([X, 100 * X], dim=2)
    found = gs.forecast(both, RING, targets=["x0", "x1"], models=["persistence", "autoregression"])
    small, large = ([line.mse for line in found.lines if line.channel == name] for name in ("x0", "x1"))
    assert large == pytest.approx([1e4 * error for error in small], rel=1e-4)
    assert "x1, 1 ahead: errors in the file's units" in repr(found)


def test_the_call_and_the_class_take_the_same_arguments() -> None:
    call, made = (dict(inspect.signature(one).parameters) for one in (gs.forecast, gs.Forecaster))
    assert list(call)[:2] == ["data", "edges"]
    assert {name: one.default for name, one in call.items() if name not in ("data", "edges")} == {
        name: one.default for name, one in made.items()
    }


def test_a_forecaster_and_a_model_are_told_apart(fitted: gs.Forecaster, tmp_path: Path) -> None:
    fitted.save(tmp_path / "f.pt")
    gs.save(gs.nn.Model(gs.nn.LSTM(1, 2), 1), tmp_path / "m.pt")
    with pytest.raises(ValueError, match=r"it is a forecaster, which graphseq\.Forecaster\.load reads"):
        gs.load(tmp_path / "f.pt")
    with pytest.raises(ValueError, match=r"of graphseq\.save, which graphseq\.load reads"):
        gs.Forecaster.load(tmp_path / "m.pt")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"time": "when"}, "time= says how a table or a file is read, and data is an array"),
        ({"window": 3}, "window= says how a table or a file is read"),
        ({"empty": "skip"}, "empty must be one of refuse, keep"),
        ({"horizon": []}, "horizon must name one number of steps or several different ones"),
        ({"horizon": [2, 2]}, "horizon must name one"),
        ({"horizon": 0}, "horizon must be at least 1, got 0"),
        ({"coverage": 1.0}, "coverage is 1.0; it must be a share between 0 and 1"),
        ({"models": ["perceiver"]}, "there is no model 'perceiver'"),
        ({"missing": "guess"}, "missing must be one of refuse, drop, mask"),
        ({"resample": "1h"}, 'resample= may leave steps without a value; say missing="mask"'),
        ({"targets": ["speed"]}, "targets='speed' is no column of values of data, which has x0"),
        ({"horizon": 60}, "data has 60 times"),
    ],
)
def test_what_will_not_do_is_refused_by_name(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gs.forecast(X, RING, **given)


def test_data_that_are_no_recording_are_refused(fitted: gs.Forecaster) -> None:
    with pytest.raises(
        ValueError, match=r"got \(60,\); a single series is data\[:, None\], of pandas data.to_frame\(\)"
    ):
        gs.forecast(X[:, 0])
    with pytest.raises(ValueError, match=r"edges must have shape \(2, E\), got \(3, 2\); transpose it"):
        gs.forecast(X, [[0, 1], [1, 2], [2, 3]])
    with pytest.raises(TypeError, match=r"data must be a SpaceTimeGraph.*; got int"):
        gs.forecast(3)
    with pytest.raises(ValueError, match=r'data\[3, 2\] is missing \(NaN\).*missing="mask"'):
        gs.forecast(np.where(np.arange(300).reshape(60, 5) == 17, np.nan, X.numpy()))
    with pytest.raises(ValueError, match="edges= goes with arrays"):
        gs.forecast(gs.from_signal(X[..., None], RING), RING)
    with pytest.raises(
        ValueError, match=r"data has the nodes 0, 1, 2 \(3\); this Forecaster was fitted to 0, 1, 2, 3, 4 \(5\)$"
    ):
        fitted.predict(X[:, :3])
    with pytest.raises(ValueError, match=r"no model yet; call fit\(data\)"):
        gs.Forecaster().predict()


def test_a_forecast_prints_its_values_with_their_intervals() -> None:
    values = torch.tensor([[[1.0], [math.nan]], [[2.5], [math.nan]]])
    found = Forecast((1, 3), "2024-01-31", ("a", "b c"), ("heat",), values, values - 0.5, values + 0.5)
    assert str(found).splitlines() == [
        "after 2024-01-31",
        "node  column  1 ahead       3 ahead",
        "a     heat    1 [0.5, 1.5]  2.5 [2, 3]",
        "b c   heat    no row        no row",
    ]
