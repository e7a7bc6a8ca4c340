"""The benchmark of held-out text: fitted weights have the fewest bits, parts do not overlap, runs go on."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load

SCRIPT = load(ROOT / "benchmarks" / "text_held_out.py")


def test_windows_and_streams_predict_what_the_network_predicts() -> None:
    book = SCRIPT.Book(SCRIPT.Source("mine", "abcde" * 100))
    held_out = book.predicted("held-out", "windows")
    assert held_out.tolist() == list(range(451, 481))  # one window of 30 characters, which begins with the part at 450
    assert book.predicted("held-out", "stream").tolist() == list(range(451, 500))
    assert book.predicted("validation", "counting on").tolist() == list(range(401, 450))
    assert book.counts("held-out", "windows").group.tolist() == [min(known, 8) + 1 for known in range(1, 31)]


def test_counting_on_begins_with_all_that_came_before() -> None:
    book = SCRIPT.Book(SCRIPT.Source("mine", "abcab" * 50 + "dabcd" * 50))
    static, going = book.counts("held-out", "stream"), book.counts("held-out", "counting on")
    assert torch.allclose(static.log_probabilities[0], going.log_probabilities[0], atol=0.02)  # one more was counted
    answers = book.tokens[book.predicted("held-out", "stream")]
    assert SCRIPT.bits(going.log_probabilities, answers) < SCRIPT.bits(static.log_probabilities, answers)


def test_a_book_of_ones_own_takes_what_was_best_on_its_validation_part() -> None:
    choice = SCRIPT.Choice
    assert SCRIPT.chosen("EN_democracy", {}) == choice(6000, again=5100, discounts=SCRIPT.LOW)
    assert SCRIPT.chosen("mine", {}) == choice(3000, again=3000, discounts=SCRIPT.LOW)
    compared = {
        f"{book} | {settings}": {"bits": {"both, windows": bits}}
        for book, settings, bits in (
            ("mine", "1500 steps, dropout 0.0", 2.0),
            ("mine", "3000 steps, dropout 0.0", 2.1),
            ("other", "3000 steps, dropout 0.2", 1.0),
        )
    }
    assert SCRIPT.chosen("mine", compared) == choice(1500, again=1500, discounts=SCRIPT.LOW)


def test_a_text_of_ones_own_is_read_in_three_parts_and_never_trained_twice(tmp_path: Path) -> None:
    words = "the fox ran over the hill and the hen sat in the tree. "
    (tmp_path / "mine.txt").write_text(words * 60, encoding="utf-8")
    args = (tmp_path / "out", [str(tmp_path / "mine.txt")], [0])
    table = SCRIPT.main(*args, scale=0.002)
    record = json.loads((tmp_path / "out" / "held_out.json").read_text(encoding="utf-8"))
    assert list(record) == ["mine.txt | counts", "mine.txt | seed 0", "mine.txt | reference"]
    run, text = record["mine.txt | seed 0"], words * 60
    assert 0 < run["bits"]["counts, counting on"] < run["bits"]["counts, windows"] < math.log2(len(set(text)))
    assert run["bits"]["both, stream"] <= run["bits"]["LSTM, stream"]
    book = SCRIPT.Book(SCRIPT.load(str(tmp_path / "mine.txt")))
    assert [*book.part("validation"), *book.part("held-out")] == [2640, 2970, 2970, 3300]
    assert run["multiply_adds"] < record["mine.txt | reference"]["multiply_adds"]  # 12 steps of 17
    assert SCRIPT.main(*args, scale=0.002) == table
    assert json.loads((tmp_path / "out" / "held_out.json").read_text(encoding="utf-8")) == record
    with pytest.raises(ValueError, match=r"has 'mine.txt . seed 0' of another text or with another --scale; choose an"):
        SCRIPT.main(*args, scale=0.003)
    (tmp_path / "mine.txt").write_text(words * 61, encoding="utf-8")
    with pytest.raises(ValueError, match=r"of another text"):
        SCRIPT.main(*args, scale=0.002)


def test_a_text_whose_tenth_holds_no_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mine has 309 characters; a tenth of it must be more than a window of 30"):
        SCRIPT.Book(SCRIPT.Source("mine", "abc" * 103))
