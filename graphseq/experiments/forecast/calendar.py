"""The times after the last of a recording, and the steps from one recording to a later one."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from graphseq.experiments.forecast.regular import moments_of, names_of
from graphseq.io import TemporalDataset

_DAY = 86400.0
_FRIDAY = 4
_IN_EVERY_MONTH = 28  #: the last day that each month has


def times_after(data: TemporalDataset, horizon: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the times that lie so many steps after the last of a recording.

    A step is as long as most are; of times on one day of each month, or on the last one, a step is as many months, and
    times on working days alone skip weekends. Times that are neither numbers nor dates, or are one alone, are named
    "A + 3 steps".
    """
    try:
        at, dates = moments_of(data)
    except ValueError:
        at, dates = [], False
    if len(at) < 2:
        return tuple(f"{data.times[-1]} + {ahead} step{'s' * (ahead != 1)}" for ahead in horizon)
    step = usual_step(at)
    if dates and (months := _months(at)):
        return _named_like(data, [_later_month(at[-1], months * ahead, last=_are_last(at)) for ahead in horizon])
    if dates and step == _DAY and len(at) > 5 and all(_date(moment).weekday() <= _FRIDAY for moment in at):
        return _named_like(data, [_working_day(at[-1], ahead) for ahead in horizon])
    later = [at[-1] + step * ahead for ahead in horizon]
    return _named_like(data, later) if dates else names_of(later, dates=False)


def steps_between(first: TemporalDataset, later: TemporalDataset) -> int | None:
    """Return the number of steps from the first time of a recording to that of another, or ``None`` if it is no number.

    A time that the recording has itself is found there; beyond it, steps must be of one length.
    """
    begins = later.times[0]
    if begins in first.times:
        return first.times.index(begins)
    try:
        at, dates = moments_of(first)
        (then, *_), as_dates = moments_of(later)
    except ValueError:
        return None
    if len(at) < 2 or dates != as_dates:
        return None
    if dates and (months := _months(at)):
        count, rest = divmod(_month(then) - _month(at[0]), months)
        return None if rest or _later_month(at[0], count * months, last=_are_last(at)) != then else count
    step = usual_step(at)
    count = round((then - at[0]) / step)
    is_regular = all(abs(after - before - step) < 1e-6 * step for before, after in pairwise(at))
    return count if is_regular and abs(at[0] + count * step - then) < 1e-6 * step else None


def season_begins(fitted: TemporalDataset, later: TemporalDataset) -> int | None:
    """Return the steps by which a season has gone on when a later recording begins, as its graph's times do not say.

    Where the times of both graphs are the numbers by which they are named, they say it themselves, and this is 0.
    """
    times = fitted.graph.topology.times
    is_even = not bool((times.diff() % times.diff().median()).any()) if len(times) > 1 else True
    if later.times[0] == fitted.times[0] or (is_even and _named_by_number(fitted) and _named_by_number(later)):
        return 0
    return steps_between(fitted, later)


def _named_by_number(data: TemporalDataset) -> bool:
    times = data.graph.topology.times
    return (data.times[0], data.times[-1]) == (str(int(times[0])), str(int(times[-1])))


def usual_step(at: Sequence[float]) -> float:
    """Return the length that most steps have."""
    return Counter(round(after - before, 6) for before, after in pairwise(at)).most_common(1)[0][0]


def _named_like(data: TemporalDataset, moments: Sequence[float]) -> tuple[str, ...]:
    """Return names with the time of day where those of the recording have it."""
    plain, whole = names_of(moments, dates=True), names_of([*moments, 1.0], dates=True)[:-1]
    return whole if " " in data.times[-1] or "T" in data.times[-1] else plain


def _date(moment: float) -> datetime:
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(seconds=moment)


def _month(moment: float) -> int:
    when = _date(moment)
    return 12 * when.year + when.month - 1


def _months(at: Sequence[float]) -> int:
    """Return the months of a step where all times lie on one day of a month, or on its last, as far apart, else 0."""
    dates = [_date(moment) for moment in at]
    apart = {_month(after) - _month(before) for before, after in pairwise(at)}
    is_one_day = len({(when.day, when.time()) for when in dates}) == 1
    return apart.pop() if len(apart) == 1 and (is_one_day or _are_last(at)) else 0


def _are_last(at: Sequence[float]) -> bool:
    """Return whether all times lie on the last day of a month, at one time of the day."""
    dates = [_date(moment) for moment in at]
    ends = all(when.day == calendar.monthrange(when.year, when.month)[1] for when in dates)
    one_day = len({when.day for when in dates}) == 1 and dates[0].day <= _IN_EVERY_MONTH
    return ends and not one_day and len({when.time() for when in dates}) == 1


def _later_month(moment: float, months: int, *, last: bool = False) -> float:
    when, month = _date(moment), _month(moment) + months
    year, month = month // 12, month % 12 + 1
    longest = calendar.monthrange(year, month)[1]
    day = longest if last else min(when.day, longest)
    return when.replace(year=year, month=month, day=day).timestamp()


def _working_day(moment: float, ahead: int) -> float:
    for _ in range(ahead):
        moment += _DAY
        while _date(moment).weekday() > _FRIDAY:
            moment += _DAY
    return moment
