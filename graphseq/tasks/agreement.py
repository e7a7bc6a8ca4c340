"""Number agreement: hide a finite verb, and ask whether it is singular or plural, which its subject says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from graphseq.datasets.words import word_features
from graphseq.io.sentences import Sentence, Word
from graphseq.tasks.graphs import GraphClassification

NUMBERS = ("Sing", "Plur")
"""The classes, in the order of their numbers."""

Number = Callable[[Word, Word], str | None]
"""From a finite verb and its subject to "Sing" or "Plur", or nothing where the verb shows neither."""


@dataclass(frozen=True)
class Case:
    """A verb that is asked: places of words count from 0 in their sentence."""

    sentence: int  #: which of the sentences given
    verb: int
    subject: int
    number: str  #: "Sing" or "Plur"
    attractors: int  #: nouns and proper nouns between the two that are marked with the other number
    nearest: int | None  #: the nearest noun, proper noun or pronoun before the verb, if there is one
    auxiliary: bool  #: whether the verb hangs on another word, as auxiliary or copula: two hops, not one

    @property
    def distance(self) -> int:
        """Words from the subject to the verb; below 0 where the subject comes after it."""
        return self.verb - self.subject


def marked_number(verb: Word, subject: Word) -> str | None:
    """What the treebank marks the verb with, as most treebanks do."""
    return verb.feats.get("Number")


def english_number(verb: Word, subject: Word) -> str | None:
    """The number of an English verb where a treebank marks the singular only, as English PUD does.

    A form in the present tense, or of "to be" in the past, that is not marked singular is the plural one, unless its
    subject is "I" or "you": then it is either.
    """
    if (marked := verb.feats.get("Number")) is not None:
        return marked
    tense = verb.feats.get("Tense")
    contrasts = tense == "Pres" or (tense == "Past" and verb.lemma == "be")
    either = subject.feats.get("Person") in ("1", "2") and subject.feats.get("Number") != "Plur"
    return "Plur" if contrasts and not either else None


DISTANCES = {"1": range(1, 2), "2 to 4": range(2, 5), "5 to 8": range(5, 9), "9 or more": range(9, 999)}
"""Groups of cases by the distance from the subject to the verb; :func:`case_groups` adds those that it comes after."""

ATTRACTORS = {"0 between": range(1), "1 between": range(1, 2), "2 or more between": range(2, 999)}
"""Groups of cases by the nouns of the other number between subject and verb."""

KINDS = {"main verbs": range(1), "auxiliaries": range(1, 2)}
"""Groups of cases by what the verb is: :attr:`Case.auxiliary`."""


def case_groups(cases: Sequence[Case]) -> dict[str, list[int]]:
    """Which cases are in which group: "all", "subject after", and those of DISTANCES, ATTRACTORS and KINDS."""
    kinds = [(DISTANCES, "distance"), (ATTRACTORS, "attractors"), (KINDS, "auxiliary")]
    found = {
        name: [number for number, case in enumerate(cases) if getattr(case, of) in own]
        for groups, of in kinds
        for name, own in groups.items()
    }
    after = [number for number, case in enumerate(cases) if case.distance < 0]
    return {"all": list(range(len(cases))), "subject after": after, **found}


class Agreement(GraphClassification):
    r"""Is the hidden verb singular or plural? Asked at every finite verb of a sentence that shows it.

    .. math:: y = \text{number of the subject}, \quad \text{the subject one hop away in the tree, some words in time}

    Asked are words of UPOS VERB or AUX with VerbForm=Fin, of which ``number`` says Sing or Plur, and which have one
    subject: the word that depends on the verb as ``nsubj`` (or ``nsubj:pass`` and the like), or of an auxiliary or
    copula on the word that it hangs on; ``nsubj:outer`` is the copula's. All asked verbs of a sentence are hidden at
    once. Verbs that are not asked, participles and determiners are there to be seen, and may agree.

    A graph is a sentence as its tree, :meth:`graphseq.io.Sentence.graph`, with features of
    :func:`graphseq.datasets.word_features`, which read neither the verb nor what words are annotated with. Sentences
    in which nothing is asked are left out.

    Args:
        sentences: such as a :class:`graphseq.io.Treebank`.
        number: :func:`marked_number`, or for a treebank that marks one number only a rule of its language, such as
            :func:`english_number`.
        buckets: see :func:`graphseq.datasets.word_features`.

    Attributes:
        cases: all that is asked, in the order of the answers of the whole, sentence by sentence.
        left_out: how many finite verbs are not asked, by why.

    Raises:
        ValueError: nothing to ask, or only one of the two numbers; the message says how many verbs fell to what.

    Source: Linzen, Dupoux and Goldberg, *Assessing the ability of LSTMs to learn syntax-sensitive dependencies* (2016).

    Example:
        >>> from graphseq.io import Sentence
        >>> def said(form, number, verb, feats):
        ...     noun = Word(form, "", "NOUN", {"Number": number}, 1, "nsubj")
        ...     return Sentence(form, 1, (noun, Word(verb, "", "VERB", {"VerbForm": "Fin", **feats}, -1, "root")))
        >>> task = Agreement([said("dog", "Sing", "barks", {"Number": "Sing"}), said("dogs", "Plur", "bark",
        ...                   {"Number": "Plur"})])
        >>> len(task), task.cases[1].distance, task.answers.tolist()
        (2, 1, [0, 1])
    """

    def __init__(self, sentences: Sequence[Sentence], *, number: Number = marked_number, buckets: int = 256) -> None:
        self.left_out: Counter[str] = Counter()
        self.cases = [
            case for place, sentence in enumerate(sentences) for case in _cases(place, sentence, number, self.left_out)
        ]
        _check_cases(self.cases, self.left_out)
        graphs = []
        for place, own in groupby(self.cases, key=lambda case: case.sentence):
            words, cases = sentences[place].words, list(own)
            target = torch.zeros(len(words), dtype=torch.bool)
            target[[case.verb for case in cases]] = True
            y = torch.tensor([NUMBERS.index(case.number) for case in cases])
            x = word_features(words, buckets=buckets, hidden=[case.verb for case in cases])
            graphs.append(sentences[place].graph(x, y=y, target=target))
        super().__init__(graphs, len(NUMBERS))

    @property
    def own_cases(self) -> list[int]:
        """Which of ``cases`` the answers are, of a part those of its sentences alone, in the order of its answers."""
        numbers: list[int] = self._joined.cut(self._numbers).answer.tolist()
        return numbers


def _cases(place: int, sentence: Sentence, number: Number, left_out: Counter[str]) -> Iterator[Case]:
    words = sentence.words
    for verb, word in enumerate(words):
        if word.upos not in ("VERB", "AUX") or word.feats.get("VerbForm") != "Fin":
            continue
        subjects = _subjects(words, verb)
        if len(subjects) != 1:
            left_out["several subjects" if subjects else "no subject of its own"] += 1
            continue
        subject = subjects[0]
        found = number(word, words[subject])
        if found not in NUMBERS:
            left_out["its form shows no number"] += 1
            continue
        between = words[min(verb, subject) + 1 : max(verb, subject)]
        other = NUMBERS[found == NUMBERS[0]]
        attractors = sum(each.upos in ("NOUN", "PROPN") and each.feats.get("Number") == other for each in between)
        nearest = max((n for n in range(verb) if words[n].upos in ("NOUN", "PROPN", "PRON")), default=None)
        yield Case(place, verb, subject, found, attractors, nearest, word.relation in ("aux", "cop"))


def _subjects(words: Sequence[Word], verb: int) -> list[int]:
    """Places of the words that the verb may agree with."""
    relation = words[verb].relation
    host = words[verb].head if relation in ("aux", "cop") else verb
    own = [place for place, word in enumerate(words) if word.head == host and word.relation == "nsubj"]
    outer = [place for place in own if words[place].deprel == "nsubj:outer"]
    return outer if outer and relation == "cop" else [place for place in own if place not in outer]


def _check_cases(cases: Sequence[Case], left_out: Counter[str]) -> None:
    counts = Counter(case.number for case in cases)
    if len(counts) < len(NUMBERS):
        told = "".join(f"; {count} with {why}" for why, count in left_out.items())
        raise ValueError(
            f"sentences must have finite verbs of both numbers, got {counts['Sing']} Sing and {counts['Plur']} "
            f"Plur{told}. A treebank that marks the singular only asks for a rule of its language, such as "
            "number=graphseq.tasks.english_number"
        )
