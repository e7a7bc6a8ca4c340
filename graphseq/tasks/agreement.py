"""Number agreement: predict from its sentence whether a hidden finite verb is singular or plural."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from graphseq._arguments import checked_arguments
from graphseq.datasets.words import word_features
from graphseq.io.sentences import Sentence, Word
from graphseq.tasks.graphs import GraphClassification

NUMBERS = ("Sing", "Plur")
"""The classes in order."""

Number = Callable[[Word, Word], str | None]
"""A function from a finite verb and its subject to "Sing" or "Plur", or ``None`` if the verb shows neither."""


@dataclass(frozen=True)
class Case:
    """A target verb; words are counted from 0 in their sentence.

    Kept by :class:`graphseq.tasks.Agreement`, as ``cases``.
    """

    sentence: int  #: index of the sentence
    verb: int
    subject: int
    number: str  #: "Sing" or "Plur"
    attractors: int  #: number of nouns and proper nouns between the two with the other number
    nearest: int | None  #: the nearest noun, proper noun or pronoun before the verb, if there is one
    auxiliary: bool  #: True if the verb is an auxiliary or copula of another word: two hops, not one

    @property
    def distance(self) -> int:
        """Number of words from the subject to the verb; negative if the subject comes after it."""
        return self.verb - self.subject


@checked_arguments
def marked_number(verb: Word, subject: Word) -> str | None:
    """Return the number with which the treebank marks the verb, as most treebanks do.

    Example:
        >>> verb = Word("writes", "write", "VERB", {"Number": "Sing"}, -1, "root")
        >>> marked_number(verb, subject=verb)
        'Sing'
    """
    return verb.feats.get("Number")


@checked_arguments
def english_number(verb: Word, subject: Word) -> str | None:
    """Return the number of an English verb, for a treebank that marks the singular only, such as English PUD.

    A form in the present tense, or of "to be" in the past, that is not marked singular is plural, unless its subject is
    "I" or "you", with which it can be either.

    Example:
        >>> verb = Word("write", "write", "VERB", {"Tense": "Pres"}, -1, "root")
        >>> dogs, you = (Word("", "", "PRON", feats, 0, "nsubj") for feats in ({}, {"Person": "2"}))
        >>> english_number(verb, dogs), english_number(verb, you)
        ('Plur', None)
    """
    if (marked := verb.feats.get("Number")) is not None:
        return marked
    tense = verb.feats.get("Tense")
    contrasts = tense == "Pres" or (tense == "Past" and verb.lemma == "be")
    either = subject.feats.get("Person") in ("1", "2") and subject.feats.get("Number") != "Plur"
    return "Plur" if contrasts and not either else None


DISTANCES = {"1": range(1, 2), "2 to 4": range(2, 5), "5 to 8": range(5, 9), "9 or more": range(9, 999)}
"""Groups of cases by the distance from subject to verb; :func:`case_groups` adds verbs before their subject."""

ATTRACTORS = {"0 between": range(1), "1 between": range(1, 2), "2 or more between": range(2, 999)}
"""Groups of cases by the number of attractors between subject and verb."""

KINDS = {"main verbs": range(1), "auxiliaries": range(1, 2)}
"""Groups of cases by :attr:`Case.auxiliary`."""


@checked_arguments
def case_groups(cases: Sequence[Case]) -> dict[str, list[int]]:
    """Return the indices of the cases in each group: "all", "subject after", and DISTANCES, ATTRACTORS and KINDS.

    Example:
        >>> list(case_groups([]))[:2]
        ['all', 'subject after']
    """
    kinds = [(DISTANCES, "distance"), (ATTRACTORS, "attractors"), (KINDS, "auxiliary")]
    grouped = {
        name: [number for number, case in enumerate(cases) if getattr(case, attribute) in values]
        for groups, attribute in kinds
        for name, values in groups.items()
    }
    after = [number for number, case in enumerate(cases) if case.distance < 0]
    return {"all": list(range(len(cases))), "subject after": after, **grouped}


class Agreement(GraphClassification):
    r"""Classification of hidden finite verbs of a sentence as singular or plural, as in their number agreement.

    .. math:: y = \text{number of the subject}

    The subject is one hop away in the tree, and some words away in time. The targets are words of UPOS VERB or AUX with
    VerbForm=Fin for which ``number`` returns Sing or Plur, and which have one subject: the word that depends on the
    verb as ``nsubj`` (or a subtype such as ``nsubj:pass``), or, for an auxiliary or copula, on its head;
    ``nsubj:outer`` is the subject of the copula. All targets of a sentence are hidden at once. Other verbs, participles
    and determiners are visible, and may agree.

    A graph is a sentence as its tree, :meth:`graphseq.io.Sentence.graph`, with features of
    :func:`graphseq.datasets.word_features`, which contain neither the form of the verb nor annotations of words.
    Sentences without a target are left out.

    Args:
        sentences: such as a :class:`graphseq.io.Treebank`.
        number: :func:`marked_number`, or a rule of the language for a treebank that marks one number only, such as
            :func:`english_number`.
        buckets: see :func:`graphseq.datasets.word_features`.

    Attributes:
        cases: all target verbs, in the order of the answers of the whole task, sentence by sentence.
        left_out: number of finite verbs that are no targets, by reason.

    Raises:
        ValueError: no targets, or only one of the two numbers; the message counts the verbs by reason.

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

    @checked_arguments
    def __init__(self, sentences: Sequence[Sentence], *, number: Number = marked_number, buckets: int = 256) -> None:
        self.left_out: Counter[str] = Counter()
        self.cases = [
            case for index, sentence in enumerate(sentences) for case in _cases(index, sentence, number, self.left_out)
        ]
        _check_cases(self.cases, self.left_out)
        graphs = []
        for index, group in groupby(self.cases, key=lambda case: case.sentence):
            words, cases = sentences[index].words, list(group)
            target = torch.zeros(len(words), dtype=torch.bool)
            target[[case.verb for case in cases]] = True
            y = torch.tensor([NUMBERS.index(case.number) for case in cases])
            x = word_features(words, buckets=buckets, hidden=[case.verb for case in cases])
            graphs.append(sentences[index].graph(x, y=y, target=target))
        super().__init__(graphs, len(NUMBERS))

    @property
    def own_cases(self) -> list[int]:
        """Indices of the ``cases`` of this task, in the order of its answers; of a part, those of its sentences."""
        numbers: list[int] = self._joined.cut(self._numbers).answer.tolist()
        return numbers


def _cases(index: int, sentence: Sentence, number: Number, left_out: Counter[str]) -> Iterator[Case]:
    words = sentence.words
    for verb, word in enumerate(words):
        if word.upos not in ("VERB", "AUX") or word.feats.get("VerbForm") != "Fin":
            continue
        subjects = _subjects(words, verb)
        if len(subjects) != 1:
            left_out["several subjects" if subjects else "no subject of its own"] += 1
            continue
        subject = subjects[0]
        shown = number(word, words[subject])
        if shown not in NUMBERS:
            left_out["its form shows no number"] += 1
            continue
        between = words[min(verb, subject) + 1 : max(verb, subject)]
        other = NUMBERS[shown == NUMBERS[0]]
        attractors = sum(noun.upos in ("NOUN", "PROPN") and noun.feats.get("Number") == other for noun in between)
        nearest = max((n for n in range(verb) if words[n].upos in ("NOUN", "PROPN", "PRON")), default=None)
        yield Case(index, verb, subject, shown, attractors, nearest, word.relation in ("aux", "cop"))


def _subjects(words: Sequence[Word], verb: int) -> list[int]:
    """Return the indices of the words that the verb may agree with."""
    relation = words[verb].relation
    host = words[verb].head if relation in ("aux", "cop") else verb
    subjects = [index for index, word in enumerate(words) if word.head == host and word.relation == "nsubj"]
    outer = [index for index in subjects if words[index].deprel == "nsubj:outer"]
    return outer if outer and relation == "cop" else [index for index in subjects if index not in outer]


def _check_cases(cases: Sequence[Case], left_out: Counter[str]) -> None:
    counts = Counter(case.number for case in cases)
    if len(counts) < len(NUMBERS):
        reasons = "".join(f"; {count} with {why}" for why, count in left_out.items())
        raise ValueError(
            f"sentences must have finite verbs of both numbers, got {counts['Sing']} Sing and {counts['Plur']} "
            f"Plur{reasons}. A treebank that marks the singular only needs a rule of its language, such as "
            "number=graphseq.tasks.english_number"
        )
