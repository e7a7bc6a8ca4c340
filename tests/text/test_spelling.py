"""What is said of a character that the model never saw, and which one a text begins with."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from graphseq.text.vocabulary import first_character, nearest, tokens


@pytest.mark.parametrize(
    ("character", "alphabet", "expected"),
    [
        ("É", "aeiouE", "E"),
        ("É", "aeiou", "e"),
        ("z", "AZ", "Z"),
        ("’", "a'b\"", "'"),
        ("“", "a'b\"", '"'),
        ("—", "a-b.", "-"),
        ("\t", "ab ", " "),
        ("7", "abc019", "9"),
        ("ø", "aoz", "o"),
        ("a", "a", "a"),
    ],
)
def test_the_nearest_character_is_the_one_a_reader_would_take(character: str, alphabet: str, expected: str) -> None:
    assert nearest(character, alphabet) == expected


def test_a_letter_of_another_script_is_told_a_letter() -> None:
    assert nearest("ж", "1.x!").isalpha()


def test_tokens_are_places_in_the_alphabet() -> None:
    assert tokens("cab", "abc").tolist() == [2, 0, 1]
    assert tokens("", "abc").tolist() == []


def test_all_that_is_unknown_is_named_in_its_order_with_the_nearest_and_what_it_would_read() -> None:
    with pytest.raises(ValueError, match=r"never saw: '日', '本'; it knows 'Iab'$"):
        tokens("日本", "Iab")
    message = r"prompt holds what the model never saw: 'É' \(nearest: 'e'\), '—' \(nearest: '-'\); .* reads 'e-be'"
    with pytest.raises(ValueError, match=message):
        tokens("É—bÉ", "abe-")


def test_first_characters_are_capitals_each_as_often() -> None:
    generator = torch.Generator().manual_seed(0)
    count = Counter(first_character("aBcDE.", generator) for _ in range(3000))
    assert set(count) == set("BDE")
    assert all(abs(number - 1000) < 4 * (3000 * 2 / 9) ** 0.5 for number in count.values())


@pytest.mark.parametrize(("alphabet", "expected"), [("ab.", "ab"), (".!", ".!"), ("aA1", "A")])
def test_without_capitals_letters_and_without_letters_anything(alphabet: str, expected: str) -> None:
    generator = torch.Generator().manual_seed(0)
    assert {first_character(alphabet, generator) for _ in range(50)} == set(expected)


def test_a_set_that_is_named_is_kept_to_and_checked() -> None:
    generator = torch.Generator().manual_seed(0)
    assert {first_character("abc", generator, "bcc") for _ in range(50)} == set("bc")
    with pytest.raises(ValueError, match=r"among holds what the model never saw: 'x'"):
        first_character("abc", generator, "ax")
    with pytest.raises(ValueError, match="among must hold at least one character"):
        first_character("abc", generator, "")
