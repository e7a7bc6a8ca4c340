"""Small treebanks, written by hand or drawn, in the form of CoNLL-U."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from graphseq.io import Sentence, Word

ROWS = "sentences/en_pud-ud-test.conllu"  # where the English PUD treebank lies in the user's folder


def conllu(*sentences: list[str]) -> str:
    """A file of sentences s1, s2, …, each word of which is "id form lemma upos xpos feats head deprel"."""
    blocks = []
    for number, rows in enumerate(sentences, start=1):
        lines = ["\t".join([*row.split(" "), "_", "_"]) for row in rows]
        blocks.append("\n".join([f"# sent_id = s{number}", *lines]) + "\n")
    return "\n".join(blocks)


@st.composite
def trees(draw: st.DrawFn) -> list[int]:
    """Heads of up to 8 words, counted from 1, 0 at the one root: a tree whose words stand in any order."""
    size = draw(st.integers(1, 8))
    order = draw(st.permutations(range(size)))
    heads = [0] * size
    for place, word in enumerate(order[1:], start=1):
        heads[word] = order[draw(st.integers(0, place - 1))] + 1
    return heads


def herds(count: int, seed: int = 0) -> list[Sentence]:
    """The dogs run, the cat eats, and the like: a noun drawn singular or plural, and its verb."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    found = []
    for number in range(count):
        noun, verb, plural = draw.choice(["dog", "cat", "cow"]), draw.choice(["run", "eat"]), draw.random() < 0.5
        feats = {"Number": "Plur" if plural else "Sing"}
        early = [Word("the", "the", "DET", {}, 1, "det"), Word(noun + "s" * plural, noun, "NOUN", feats, 2, "nsubj")]
        last = Word(verb + "s" * (not plural), verb, "VERB", {"VerbForm": "Fin", **feats}, -1, "root")
        found.append(Sentence(f"s{number}", 1, (*early, last)))
    return found
