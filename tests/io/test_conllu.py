"""Sentences from CoNLL-U: what is read of a file, and what is refused of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from treebanks import ROWS, conllu, trees

from graphseq.datasets import find, registry
from graphseq.io import Treebank, read_conllu

DOGS = [  # the dogs near the old house bark
    "1 the the DET _ _ 2 det",
    "2 dogs dog NOUN _ Number=Plur 6 nsubj",
    "3 near near ADP _ _ 5 case",
    "4 that that DET _ Number=Sing|PronType=Dem 5 det",
    "5 house house NOUN _ Number=Sing 2 nmod",
    "6 bark bark VERB VBP Mood=Ind|Number=Plur|VerbForm=Fin 0 root",
]


def read(folder: Path, *sentences: list[str], on_error: str = "refuse") -> Treebank:
    path = folder / "own.conllu"
    path.write_text(conllu(*sentences), encoding="utf-8")
    return read_conllu(path, on_error=on_error)


def test_a_sentence_is_read_literally(tmp_path: Path) -> None:
    (sentence,) = read(tmp_path, DOGS)
    assert (sentence.id, sentence.line) == ("s1", 1)
    assert [word.form for word in sentence.words] == ["the", "dogs", "near", "that", "house", "bark"]
    assert [word.head for word in sentence.words] == [1, 5, 4, 4, 1, -1]
    assert sentence.words[3].feats == {"Number": "Sing", "PronType": "Dem"}
    assert (sentence.words[5].upos, sentence.words[5].lemma, sentence.words[5].deprel) == ("VERB", "bark", "root")


def test_edges_lead_from_words_to_their_heads(tmp_path: Path) -> None:
    graph = read(tmp_path, DOGS)[0].graph(torch.arange(6))
    assert graph.edge_index.tolist() == [[0, 1, 2, 3, 4], [1, 5, 4, 4, 1]]
    assert graph.time.tolist() == [0] * 6
    assert graph.node.tolist() == graph.x.tolist() == [0, 1, 2, 3, 4, 5]


@given(st.lists(trees(), min_size=1, max_size=3))
def test_a_tree_that_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, heads: list[list[int]]) -> None:
    bank = read(
        tmp_path_factory.mktemp("banks"),
        *([f"{n} w{n} l{n} NOUN _ _ {head} dep" for n, head in enumerate(own, start=1)] for own in heads),
    )
    assert [[word.head + 1 for word in sentence.words] for sentence in bank] == heads
    for sentence, own in zip(bank, heads, strict=True):
        pairs = sentence.graph(torch.zeros(len(own), 1)).edge_index.t().tolist()
        assert pairs == [[n, head - 1] for n, head in enumerate(own) if head]


def test_multi_word_tokens_and_empty_nodes_are_counted_and_not_kept(tmp_path: Path) -> None:
    told = ["1-2 don't _ _ _ _ _ _", "1 do do AUX _ _ 3 aux", "2 n't not PART _ _ 3 advmod", "3 go go VERB _ _ 0 root"]
    bank = read(tmp_path, [*told, "3.1 went go VERB _ _ _ _"], DOGS)
    assert [word.form for word in bank[0].words] == ["do", "n't", "go"]
    assert (bank.num_multiword, bank.num_empty, len(bank)) == (1, 1, 2)
    assert "1 multi-word tokens split, 1 empty nodes left out" in repr(bank)


@pytest.mark.parametrize(
    ("row", "line", "reason"),
    [
        ("6 bark bark VERB _ _ 2 root", 3, r"cycle, word 2 'dogs' → word 6 'bark' → word 2 'dogs'"),
        ("6 bark bark VERB _ _ 6 root", 7, r"cycle, word 6 'bark' → word 6 'bark'"),
        ("6 bark bark VERB _ _ 7 root", 7, "the head of a word must be 0 to 6, as many as there are; got 7"),
        ("6 bark bark VERB _ _ _ root", 7, "the head of a word must be 0 to 6, as many as there are; got None"),
        ("6 bark bark VERB _ _ x root", 7, "cannot be read: Failed parsing field 'head'"),
        ("7 bark bark VERB _ _ 0 root", 7, "numbered 1, 2, …: expected 6, got 7"),
        ("6 bark bark VERB _ _ 0", 7, "it has 9 columns, not 10 with tabs between them"),
        ("6 bark_ bark VERB _ _ 0 root x", 7, "it has 11 columns"),
        ("2 bark bark VERB _ _ 0 root", 7, "expected 6, got 2"),
    ],
)
def test_a_wrong_sentence_is_refused_or_skipped_by_name_and_line(
    tmp_path: Path, row: str, line: int, reason: str
) -> None:
    wrong = [*DOGS[:5], row]
    with pytest.raises(ValueError, match=f'own.conllu, line {line}, sentence s1: .*{reason}.*on_error="skip"'):
        read(tmp_path, wrong, DOGS)
    bank = read(tmp_path, wrong, DOGS, on_error="skip")
    assert [sentence.id for sentence in bank] == ["s2"]
    assert [(each.name, each.line) for each in bank.skipped] == [("s1", line)]
    assert "1 sentences skipped" in repr(bank)


def test_two_roots_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 7.*two roots, word 1 'the' on line 2 and word 6 'bark'"):
        read(tmp_path, ["1 the the DET _ _ 0 det", *DOGS[1:]])


def test_spaces_at_which_the_package_would_cut_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.conllu"
    path.write_text(conllu(["1 a b X _ _ 0 root"]).replace("\ta\t", "\ta  a\t"))
    with pytest.raises(ValueError, match="line 2, sentence s1: it has two spaces in a row"):
        read_conllu(path)
    path.write_text(conllu(["1 a b X _ _ 0 root"]).replace("\ta\t", "\t10 000\t"))
    assert read_conllu(path)[0].words[0].form == "10 000"


def test_comments_alone_and_multi_word_tokens_alone_are_no_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 1, sentence s1: it has comments and no words"):
        read(tmp_path, [])
    with pytest.raises(ValueError, match="line 2, sentence s1: it has no words, only multi-word tokens"):
        read(tmp_path, ["1-2 don't _ _ _ _ _ _"])


def test_files_that_hold_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / "own.conllu"
    with pytest.raises(FileNotFoundError, match=r"own.conllu does not exist; .conllu files of treebanks"):
        read_conllu(path)
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist, so own.conllu cannot be read"):
        read_conllu(tmp_path / "nowhere" / "own.conllu")
    path.write_text("\n\n")
    with pytest.raises(ValueError, match="no sentence: it is empty"):
        read_conllu(path)
    path.write_text("1\tword\n")
    with pytest.raises(ValueError, match="no sentence: all 1 were skipped, the first for: it has 2 columns"):
        read_conllu(path, on_error="skip")
    path.write_bytes(b"1\t\xff")
    with pytest.raises(ValueError, match=r"own.conllu is not utf-8: byte 0xff on line 1"):
        read_conllu(path)
    with pytest.raises(ValueError, match="on_error must be one of refuse, skip; got 'ignore'"):
        read_conllu(path, on_error="ignore")


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "conllu", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'graphseq\[sentences\]'"):
        read(tmp_path, DOGS)


def test_windows_lines_a_byte_order_mark_and_odd_separators_in_a_form(tmp_path: Path) -> None:
    path = tmp_path / "own.conllu"
    path.write_bytes("\ufeff".encode() + conllu(["1 a\u2028b a X _ _ 0 root"]).replace("\n", "\r\n").encode())
    assert read_conllu(path)[0].words[0].form == "a\u2028b"


def test_features_must_be_those_of_the_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one row for each of the 6 words of s1; got \(5, 1\)"):
        read(tmp_path, DOGS)[0].graph(torch.zeros(5, 1))


def test_a_part_of_a_treebank_is_one(tmp_path: Path) -> None:
    bank = read(tmp_path, DOGS, DOGS, DOGS)
    assert [sentence.id for sentence in bank[1:]] == ["s2", "s3"]


@pytest.mark.skipif(
    not (Path(os.environ.get(registry.VARIABLE, "")) / ROWS).is_file(), reason="needs the English PUD treebank"
)
def test_english_pud_is_read_whole() -> None:
    bank = read_conllu(find("EN_PUD"))
    assert (len(bank), sum(len(sentence.words) for sentence in bank)) == (1000, 21180)
    assert (bank.skipped, bank.num_multiword, bank.num_empty) == ((), 129, 7)
