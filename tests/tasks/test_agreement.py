"""Number agreement: which verbs are asked, what is known of them, and that nothing tells of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from treebanks import ROWS, conllu

from graphseq.datasets import find, registry, word_features
from graphseq.io import Treebank, read_conllu
from graphseq.tasks import Agreement, Case, case_groups, english_number, marked_number, one_word
from graphseq.tasks.one_word import ONE_WORD

SING, PLUR = "Mood=Ind|Number=Sing|Person=3|Tense=Pres|VerbForm=Fin", "Mood=Ind|Tense=Pres|VerbForm=Fin"
DOGS = [
    "1 Dogs dog NOUN NNS Number=Plur 6 nsubj",
    "2 near near ADP IN _ 5 case",
    "3 that that DET DT Number=Sing 5 det",
    "4 old old ADJ JJ _ 5 amod",
    "5 house house NOUN NN Number=Sing 1 nmod",
    f"6 bark bark VERB VBP {PLUR} 0 root",
]
KEPT = [  # the cat is kept and knows that dogs have gone
    "1 the the DET DT _ 2 det",
    "2 cat cat NOUN NN Number=Sing 4 nsubj:pass",
    f"3 is be AUX VBZ {SING} 4 aux:pass",
    "4 kept keep VERB VBN VerbForm=Part 0 root",
    "5 and and CCONJ CC _ 6 cc",
    f"6 knows know VERB VBZ {SING} 4 conj",
    "7 that that SCONJ IN _ 10 mark",
    "8 dogs dog NOUN NNS Number=Plur 10 nsubj",
    f"9 have have AUX VBP {PLUR} 10 aux",
    "10 gone go VERB VBN VerbForm=Part 6 ccomp",
]
THERE = [  # there are cats
    "1 there there PRON EX _ 2 expl",
    f"2 are be VERB VBP {PLUR} 0 root",
    "3 cats cat NOUN NNS Number=Plur 2 nsubj",
]


def bank(folder: Path, *sentences: list[str]) -> Treebank:
    (folder / "own.conllu").write_text(conllu(*sentences))
    return read_conllu(folder / "own.conllu")


def task(folder: Path, *sentences: list[str]) -> Agreement:
    return Agreement(bank(folder, *sentences), number=english_number)


def test_a_sentence_is_asked_literally(tmp_path: Path) -> None:
    found = task(tmp_path, DOGS, KEPT)
    assert found.cases[0] == Case(0, verb=5, subject=0, number="Plur", attractors=1, nearest=4, auxiliary=False)
    assert found.cases[0].distance == 5
    graph = found.graphs(torch.tensor([0]))
    assert graph.edge_index.tolist() == [[0, 1, 2, 3, 4], [5, 4, 4, 4, 0]]
    assert (graph.target_rows.tolist(), graph.y.tolist()) == ([5], [1])
    words = bank(tmp_path, DOGS)[0].words
    assert torch.equal(graph.x, word_features(words, hidden=[5]))


def test_auxiliaries_agree_with_the_subject_of_their_head_and_all_asked_are_hidden(tmp_path: Path) -> None:
    found = task(tmp_path, KEPT, THERE)
    assert [(case.verb, case.subject, case.number, case.auxiliary) for case in found.cases] == [
        (2, 1, "Sing", True),
        (8, 7, "Plur", True),
        (1, 2, "Plur", False),
    ]
    assert found.cases[2].distance == -1
    assert dict(found.left_out) == {"no subject of its own": 1}  # knows
    graph = found.graphs(torch.tensor([0, 1]))
    hidden = graph.x[:, -3]
    assert hidden.nonzero()[:, 0].tolist() == graph.target_rows.tolist() == [2, 8, 11]
    assert graph.x[graph.target_rows, :256].abs().sum() == 0
    assert graph.x[5, :256].sum() == 5  # knows is not asked, and is there to be seen


def test_the_copula_of_a_clause_has_the_outer_subject(tmp_path: Path) -> None:
    outer = [  # reasons are that she sings
        "1 reasons reason NOUN NNS Number=Plur 5 nsubj:outer",
        f"2 are be AUX VBP {PLUR} 5 cop",
        "3 that that SCONJ IN _ 5 mark",
        "4 she she PRON PRP Number=Sing|Person=3 5 nsubj",
        f"5 sings sing VERB VBZ {SING} 0 root",
    ]
    assert [(case.verb, case.subject) for case in task(tmp_path, outer).cases] == [(1, 0), (4, 3)]


@pytest.mark.parametrize(
    ("verb", "subject", "number"),
    [
        ("run run VERB VBP Tense=Pres", "they they PRON PRP Number=Plur|Person=3", "Plur"),
        ("run run VERB VBP Tense=Pres", "we we PRON PRP Number=Plur|Person=1", "Plur"),
        ("run run VERB VBP Tense=Pres", "I I PRON PRP Number=Sing|Person=1", None),
        ("run run VERB VBP Tense=Pres", "you you PRON PRP Person=2", None),
        ("runs run VERB VBZ Tense=Pres|Number=Sing", "it it PRON PRP Number=Sing|Person=3", "Sing"),
        ("were be AUX VBD Tense=Past", "dogs dog NOUN NNS Number=Plur", "Plur"),
        ("ran run VERB VBD Tense=Past", "dogs dog NOUN NNS Number=Plur", None),
        ("can can AUX MD VerbForm=Fin", "dogs dog NOUN NNS Number=Plur", None),
    ],
)
def test_the_number_of_english_forms(tmp_path: Path, verb: str, subject: str, number: str | None) -> None:
    words = bank(tmp_path, [f"1 {subject} 2 nsubj", f"2 {verb} 0 root"])[0].words
    assert english_number(words[1], words[0]) == number
    assert marked_number(words[1], words[0]) == ("Sing" if number == "Sing" else None)


CHANGES: dict[str, Callable[[str], str]] = {
    "the hidden form, its lemma": lambda row: row.replace("\tbark\tbark\t", "\tbarks\tbay\t"),
    "all tags": lambda row: "\t".join([*row.split("\t")[:4], "X", *row.split("\t")[5:]]),
    "all lemmas": lambda row: "\t".join([*row.split("\t")[:2], "x", *row.split("\t")[3:]]),
    "all relations but of subjects": lambda row: row.replace("\tdet\t", "\tmod\t").replace("\tnmod\t", "\tmod\t"),
    "numbers of all but the verb": lambda row: row.replace("Number=Sing", "Number=X") if "VerbForm" not in row else row,
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_that_is_annotated_changes_what_is_shown(tmp_path: Path, name: str) -> None:
    before = task(tmp_path, DOGS, KEPT).graphs(torch.arange(2))
    text = conllu(DOGS, KEPT)
    changed = "\n".join(CHANGES[name](row) if row[:1].isdigit() else row for row in text.split("\n"))
    assert changed != text
    (tmp_path / "own.conllu").write_text(changed)
    after = Agreement(read_conllu(tmp_path / "own.conllu"), number=english_number).graphs(torch.arange(2))
    for key in ("x", "edge_index", "target", "y"):
        assert torch.equal(before[key], after[key])


def test_the_answer_alone_changes_no_feature(tmp_path: Path) -> None:
    other = [row.replace("bark bark VERB VBP", "barks bark VERB VBZ").replace(PLUR, SING) for row in DOGS]
    plural, singular = task(tmp_path, DOGS, KEPT), task(tmp_path, other, KEPT)
    assert (plural.answers.tolist(), singular.answers.tolist()) == ([1, 0, 1], [0, 0, 1])
    assert torch.equal(plural.graphs(torch.arange(2)).x, singular.graphs(torch.arange(2)).x)


def test_parts_know_which_cases_are_theirs(tmp_path: Path) -> None:
    found = task(tmp_path, DOGS, KEPT, THERE)
    assert found.part(torch.tensor([2, 1])).own_cases == [3, 1, 2]
    tested = [number for _, test in found.folds(3, seed=1) for number in test.own_cases]
    assert sorted(tested) == [0, 1, 2, 3]
    for train, test in found.folds(3, seed=1):
        assert not {found.cases[n].sentence for n in train.own_cases} & {
            found.cases[n].sentence for n in test.own_cases
        }


def test_groups_of_cases(tmp_path: Path) -> None:
    groups = case_groups(task(tmp_path, DOGS, KEPT, THERE).cases)
    assert {name: own for name, own in groups.items() if own} == {
        "all": [0, 1, 2, 3],
        "1": [1, 2],
        "5 to 8": [0],
        "subject after": [3],
        "0 between": [1, 2, 3],
        "1 between": [0],
        "main verbs": [0, 3],
        "auxiliaries": [1, 2],
    }


def test_what_one_word_says(tmp_path: Path) -> None:
    sentences = bank(tmp_path, *[DOGS] * 4, *[KEPT] * 4)
    whole = Agreement(sentences, number=english_number)
    found = {name: one_word(name, sentences, whole, whole, whole) for name in ONE_WORD}
    right = {name: (of == whole.answers).float().mean().item() for name, of in found.items()}
    assert found["majority"].tolist() == [1] * 12
    # Four times each: house before bark, cat before is, dogs before have.
    assert found["nearest noun, gold"].tolist() == [0] * 4 + [0, 1] * 4
    assert right["subject given, gold"] == right["subject given"] == 1.0
    assert found["nearest noun"].tolist()[4:] == [0, 1] * 4
    with pytest.raises(ValueError, match=r"name must be one of majority, .*; got 'noun'"):
        one_word("noun", sentences, whole, whole, whole)


def test_a_treebank_of_one_number_is_refused_with_its_counts(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"got 1 Sing and 0 Plur; 1 with no subject of its own; 1 with its form .*rule"
    ):
        Agreement(bank(tmp_path, KEPT))


@pytest.mark.skipif(
    not (Path(os.environ.get(registry.VARIABLE, "")) / ROWS).is_file(), reason="needs the English PUD treebank"
)
def test_the_cases_of_english_pud_are_counted() -> None:
    found = Agreement(read_conllu(find("EN_PUD")), number=english_number)
    assert (len(found), found.answers.bincount().tolist()) == (648, [576, 281])
    groups = case_groups(found.cases)
    assert {name: len(own) for name, own in groups.items()}["auxiliaries"] == 559
    assert sum(found.left_out.values()) == 742 + 135
