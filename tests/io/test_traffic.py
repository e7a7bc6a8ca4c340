"""Recordings of sensors: small files of the forms of METR-LA and PEMS, written here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphseq.experiments.forecast.data import load
from graphseq.experiments.forecast.settings import Settings
from graphseq.io import read_traffic

DISTANCES = "from,to,cost\n773869,767541,1000\n767541,773869,1000\n767541,767542,4000\n1,773869,5\n"
SPEED = np.array([[64.0, 0.0, 61.5], [63.0, 55.0, 60.0]])


def write_frame(path: Path, values: np.ndarray, columns: list[Any], stamps: np.ndarray, **attributes: object) -> Path:
    """Write the groups and attributes that ``DataFrame.to_hdf(path, key="df")`` writes for one block."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs.update({"pandas_type": b"frame", "nblocks": 1, "ndim": 2, **attributes})
        group["axis0"] = group["block0_items"] = columns
        group["axis1"] = stamps
        group["axis1"].attrs["kind"] = b"datetime64"
        group["block0_values"] = values
    return path


@pytest.fixture
def metr(tmp_path: Path) -> Path:
    stamps = np.array(["2012-03-01T00:00", "2012-03-01T00:05"], dtype="datetime64[ns]").astype(np.int64)
    return write_frame(tmp_path / "metr-la.h5", SPEED, [b"773869", b"767541", b"767542"], stamps)


@pytest.fixture
def distances(tmp_path: Path) -> Path:
    (tmp_path / "distances.csv").write_text(DISTANCES)
    return tmp_path / "distances.csv"


def test_a_frame_in_hdf5_is_read_with_its_names_and_distances(metr: Path, distances: Path) -> None:
    data = read_traffic(metr, distances)
    assert data.nodes == ("773869", "767541", "767542")
    assert data.times == ("2012-03-01 00:00:00", "2012-03-01 00:05:00")
    assert data.graph.x.flatten().tolist() == SPEED.flatten().tolist()
    sigma = np.std([1000, 1000, 4000])  # of 4000, exp(-8) is below 0.1, and so no edge
    assert data.graph.topology.static_edge_index.tolist() == [[0, 1], [1, 0]]
    assert data.graph.topology.static_edge_weight.tolist() == pytest.approx([math.exp(-((1000 / sigma) ** 2))] * 2)
    assert data.notes == (
        "16.7% of the values are 0, which may stand for missing; zeros_missing= reads them so",
        "1 line of distances.csv names a sensor that is not in metr-la.h5",
    )


def test_distances_without_names_above_them_are_read_as_those_of_pems_bay(metr: Path, distances: Path) -> None:
    """As the table of PEMS-BAY is published, which begins with 400001,400001,0.0."""
    named = read_traffic(metr, distances).graph
    distances.write_text(DISTANCES.split("\n", 1)[1])
    data = read_traffic(metr, distances)
    assert torch.equal(data.graph.static_edge_index, named.static_edge_index)
    assert torch.equal(data.graph.static_edge_weight, named.static_edge_weight)
    assert "distances.csv has no names of columns; they are read as from, to, cost" in data.notes


def test_of_a_pair_that_is_listed_again_the_last_line_counts(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", data=np.ones((3, 3)))
    (tmp_path / "e.csv").write_text("from,to,cost\n0,1,7\n1,0,1\n0,1,3\n1,2,1\n")
    data = read_traffic(tmp_path / "x.npz", tmp_path / "e.csv")
    sigma = np.std([3, 1, 1])
    assert data.graph.static_edge_index.tolist() == [[1, 1], [0, 2]]  # of 3, exp(-10) is no edge
    assert data.graph.static_edge_weight.tolist() == pytest.approx([math.exp(-((1 / sigma) ** 2))] * 2)
    assert data.notes == ("e.csv: pairs are listed again, once; the last line counts",)


def test_zeros_are_missing_where_that_is_said(metr: Path) -> None:
    assert read_traffic(metr, zeros_missing=True, missing="drop").graph.node.tolist() == [0, 2, 0, 1, 2]
    with pytest.raises(ValueError, match="node 767541 has no value"):
        read_traffic(metr, zeros_missing=True)


def test_the_form_of_pems_has_several_channels_and_numbers_for_names(tmp_path: Path) -> None:
    values = np.arange(24.0).reshape(4, 2, 3) + 1
    np.savez(tmp_path / "pems08.npz", data=values)
    (tmp_path / "e.csv").write_text("from,to,cost\n0,1,2.5\n1,0,50\n1,1,0\n")
    data = read_traffic(tmp_path / "pems08.npz", tmp_path / "e.csv")
    assert (data.channels, data.nodes) == (("flow", "occupancy", "speed"), ("0", "1"))
    assert data.graph.x.tolist() == values.reshape(8, 3).tolist()
    assert data.graph.topology.static_edge_index.tolist() == [[0, 1], [1, 1]]


def test_the_command_reads_them_and_masks_what_is_missing(metr: Path, distances: Path) -> None:
    data = load(Settings(str(metr), str(distances), missing="mask", zeros_missing=True))
    assert data.channels == ("value", "observed")
    assert data.graph.observed.tolist() == [True, False, True, True, True, True]
    with pytest.raises(ValueError, match=r'zeros_missing= is about .h5 and .npz.*needs missing="mask"'):
        load(Settings(str(metr), str(distances), zeros_missing=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": np.ones((2, 2)), "b": np.ones(2)}, "holds the arrays a, b; one of them must be called data"),
        ({"data": np.ones(3)}, r"must be numbers \(T, N\) or \(T, N, F\), got float64 \(3,\)"),
        ({"data": np.array([["a", "b"]])}, "must be numbers"),
        ({"data": np.full((2, 2), np.inf)}, "has an infinite value"),
    ],
)
def test_an_npz_of_something_else_is_refused(content: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(ValueError, match=message):
        read_traffic(tmp_path / "x.npz")


def test_pickles_and_damaged_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", data=np.array([[{}]], dtype=object))
    with pytest.raises(ValueError, match=r"is not a whole .npz of numbers"):
        read_traffic(tmp_path / "x.npz")
    (tmp_path / "y.npz").write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match=r"y.npz is not a whole .npz"):
        read_traffic(tmp_path / "y.npz")
    with pytest.raises(ValueError, match=r"path must end in .h5, .hdf5, .npz"):
        read_traffic(tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n0,1\n", "must have the columns from, to and cost"),
        ("from,to,cost\n0,1,far\n", r"line 2: \['0', '1', 'far'\] is no pair of sensors with a distance"),
        ("from,to,cost\n0,1,-1\n", "line 2: the distance is -1; it must be 0 or more"),
        ("from,to,cost\n8,9,1\n", "no line of e.csv joins two sensors of the recording, such as 0"),
    ],
)
def test_a_table_that_holds_no_distances_is_refused(text: str, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", data=np.ones((3, 2)))
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_traffic(tmp_path / "x.npz", tmp_path / "e.csv")
