"""Results as text: aligned columns, CSV, numbers for JSON, and means over seeds."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from graphseq._printable import printable

Result = Mapping[str, object]


def number(run: Result, key: str) -> float:
    """A number of a result; NaN for null."""
    value = run[key]
    if value is None:
        return math.nan
    if not isinstance(value, int | float):
        raise TypeError(f"{key} of a result must be a number, got {value!r}")
    return value


def mean(runs: Sequence[Result], key: str) -> float:
    """The mean of a number over results."""
    return sum(number(run, key) for run in runs) / len(runs)


def students_interval(values: Sequence[float]) -> tuple[float, float]:
    r"""The 95 % interval of a mean, :math:`\bar x \pm t_{n-1,\,0.975}\, s / \sqrt n`, of two values or more.

    Example:
        >>> [round(end, 3) for end in students_interval([1.0, 2.0, 3.0])]
        [-0.484, 4.484]
    """
    from scipy import stats  # noqa: PLC0415 - slow to load, and only several seeds need it

    middle = sum(values) / len(values)
    deviation = math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))
    return middle - half, middle + half


def mean_with_interval(values: Sequence[float], form: str) -> str:
    """The mean of values in a format such as ".1%", with its 95 % interval where there are several.

    Example:
        >>> mean_with_interval([0.5, 0.7, 0.6], ".0%"), mean_with_interval([0.5], ".1f")
        ('60% [35%, 85%]', '0.5')
    """
    middle = f"{sum(values) / len(values):{form}}"
    if len(values) == 1:
        return middle
    low, high = students_interval(values)
    return f"{middle} [{low:{form}}, {high:{form}}]"


def finite(value: object) -> object:
    """``value``, with ``None`` in place of NaN and the infinities, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def percent(share: float) -> str:
    """A share that somebody has chosen, in per cent with all of its digits.

    Example:
        >>> percent(0.9), percent(0.975), percent(0.999)
        ('90%', '97.5%', '99.9%')
    """
    return f"{100 * share:.6g}%"


def aligned(lines: Sequence[Sequence[str]], *, head: int) -> str:
    """Cells as aligned columns, the first to the left and all others to the right, with a rule after ``head`` lines.

    Example:
        >>> print(aligned([["model", "MSE"], ["LSTM", "0.5"]], head=1))
        model  MSE
        -----  ---
        LSTM   0.5
    """
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = "  ".join("-" * width for width in widths)
    texts = [
        "  ".join(
            f"{cell:<{w}}" if n == 0 else f"{cell:>{w}}" for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*texts[:head], rule, *texts[head:]])


def to_csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV text with a first line of names and a line a row; what would steer a terminal stands there escaped."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(map(printable, names))
    lines.writerows([printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return out.getvalue()
