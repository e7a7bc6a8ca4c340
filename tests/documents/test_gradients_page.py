"""The pages on gradients and on Ã show what the library computes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripts import ROOT, load, page


def test_the_closed_form_is_that_of_autograd_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", page("gradients"), flags=re.MULTILINE | re.DOTALL)
    exec(compile(block, "gradients.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.splitlines() == re.findall("^# (.+)$", block, flags=re.MULTILINE)


def test_the_gradients_in_the_first_state_are_the_recorded_ones() -> None:
    over_time = json.loads((ROOT / "docs" / "gradients" / "gradients.json").read_text())["over_time"]
    for name in ("RNN", "LSTM, h", "LSTM, cell"):
        one_hot, number = (over_time[encoding]["10"][name] for encoding in ("one-hot", "scalar"))
        last = f"{one_hot[-1]:.2f}" if one_hot[-1] else ""
        line = f"| {name if ',' in name else name + ', h'} | {last} | {one_hot[0]:.2g} | {number[0]:.2g} |"
        assert line.replace("|  |", "| |") in page("gradients")


def test_the_adjacency_of_six_rows_is_shown_as_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(ROOT / "examples" / "why_it_stops.py").main(tmp_path / "new")
    printed = capsys.readouterr().out.partition("wrote")[0]
    assert printed.startswith("Ã  A B C D E F\nA  1 1 0 0 1 1\n")
    assert "\n".join(line.rstrip() for line in printed.splitlines()) in page("why_it_stops")
