"""What would steer a terminal is escaped wherever names from files are written."""

from __future__ import annotations

import csv
import io

from graphseq.evaluation.tables import to_csv


def test_a_table_holds_no_character_that_steers_a_terminal() -> None:
    text = to_csv(["node", "\x1b[2J"], [["Ann\x1b[31m", 0.5], ["a\u202eb", 1], ["a\nb", "c,d"]])
    assert not set(text) & set("\x1b\u202e")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["node", "\\x1b[2J"], ["Ann\\x1b[31m", "0.5"], ["a\\u202eb", "1"], ["a\nb", "c,d"]]
