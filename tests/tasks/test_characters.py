"""The next character, at every row of a window."""

import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphseq.tasks import Characters, read_text


def windows(task: Characters, size: int, seed: int = 0) -> list[tuple[str, str]]:
    """The text shown and the text asked, of each sample."""
    graph = task.batch(size, torch.Generator().manual_seed(seed))
    shown, asked = (
        ["".join(task.alphabet[token] for token in row) for row in tokens.view(size, -1).tolist()]
        for tokens in (graph.x, graph.y)
    )
    return list(zip(shown, asked, strict=True))


@given(text=st.text("abcd\n", min_size=2, max_size=30), seed=st.integers(0, 99), data=st.data())
def test_a_window_and_its_answers_are_pieces_of_the_text_one_apart(text: str, seed: int, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, len(text) - 1))
    for shown, asked in windows(Characters(text, length), 3, seed):
        assert len(shown) == len(asked) == length
        assert shown[1:] == asked[:-1]
        assert shown + asked[-1] in text


def test_every_window_is_drawn_the_first_and_the_last_among_them() -> None:
    drawn = Counter(shown + asked[-1] for shown, asked in windows(Characters("abcdef", 2), 2000))
    assert set(drawn) == {"abc", "bcd", "cde", "def"}
    assert min(drawn.values()) > 400


def test_a_text_of_one_window_and_its_next_character_is_enough() -> None:
    assert windows(Characters("abc", 2), 1) == [("ab", "bc")]


def test_tokens_are_numbered_by_the_sorted_characters() -> None:
    task = Characters("hello", 2)
    assert task.alphabet == ("e", "h", "l", "o")
    assert task.tokens.tolist() == [1, 0, 2, 2, 3]


def test_chance_is_the_share_of_the_commonest_character() -> None:
    assert Characters("hello", 2).chance == 2 / 5


def test_a_given_alphabet_keeps_its_order_and_counts_as_classes() -> None:
    task = Characters("abba", 2, alphabet="zba")
    assert task.tokens.tolist() == [2, 1, 1, 2]
    assert task.in_channels == task.out_channels == 3


def test_every_row_is_asked_and_the_task_is_causal() -> None:
    task = Characters("abcabc", 4)
    assert task.causal
    assert task.batch(2, torch.Generator()).target.tolist() == [True] * 8


@given(size=st.integers(12, 60), held_out=st.floats(0.2, 0.8))
def test_a_split_cuts_the_text_in_two_and_shares_its_alphabet(size: int, held_out: float) -> None:
    text = "".join(chr(97 + i * i % 11) for i in range(size))
    train, test = Characters.split(text, 1, held_out=held_out)
    parts = ["".join(task.alphabet[token] for token in task.tokens.tolist()) for task in (train, test)]
    assert "".join(parts) == text
    assert len(parts[1]) == int(size * held_out)
    assert train.alphabet == test.alphabet == tuple(sorted(set(text)))


@pytest.mark.parametrize("held_out", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_0_to_1_is_an_error(held_out: float) -> None:
    with pytest.raises(ValueError, match="held_out must be a share between 0 and 1"):
        Characters.split("abcdefgh", 1, held_out=held_out)


def test_a_part_too_short_for_a_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="must each hold a window of length=3"):
        Characters.split("abcdefghij", 3, held_out=0.3)


def test_a_text_shorter_than_a_window_and_its_next_character_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"text has 3 characters; a window of length=3 .* need 4"):
        Characters("abc", 3)


def test_a_character_outside_the_alphabet_is_an_error_that_shows_it() -> None:
    with pytest.raises(ValueError, match="text holds 'c', which is not in the alphabet of 2 characters"):
        Characters("abc", 1, alphabet="ab")


def test_something_that_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="text must be a string, got PosixPath"):
        Characters(Path("/") / "book.txt", 3)  # type: ignore[arg-type]


def test_a_length_of_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        Characters("abc", 0)


def test_bytes_in_another_encoding_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes("caf\xe9 noir".encode("latin-1"))
    with pytest.raises(ValueError, match=r"book.txt: byte 3 is not utf-8; .*encoding="):
        read_text(path)
    assert read_text(path, encoding="latin-1") == "café noir"


def test_an_unknown_encoding_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("abc", encoding="utf-8")
    with pytest.raises(ValueError, match=r"encoding must be one that Python knows .* got 'klingon'"):
        read_text(tmp_path / "book.txt", encoding="klingon")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"book.txt is empty"):
        read_text(tmp_path / "book.txt")


def test_a_missing_file_and_a_folder_are_the_systems_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "book.txt")
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path)


def test_line_ends_of_windows_become_newlines(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes(b"a\r\nb\nc")
    assert read_text(str(tmp_path / "book.txt")) == "a\nb\nc"


@pytest.mark.skipif("GRAPHSEQ_DATA" not in os.environ, reason="GRAPHSEQ_DATA names no folder with the books")
def test_the_brothers_grimm_have_540240_characters_of_86_kinds_without_the_byte_order_mark() -> None:
    path = Path(os.environ["GRAPHSEQ_DATA"]) / "books" / "book_EN_grimms_fairy_tails.txt"
    if not path.exists():
        pytest.skip(f"there is no {path.name} in GRAPHSEQ_DATA")
    text = read_text(path)
    assert (len(text), len(set(text))) == (540_240, 86)
