"""What one word says of a verb's number: baselines of :class:`~graphseq.tasks.Agreement` that read no graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.io.sentences import Sentence
from graphseq.tasks.agreement import NUMBERS, Agreement

ONE_WORD = ("majority", "nearest noun", "nearest noun, gold", "subject given", "subject given, gold")
"""The commonest number; the nearest noun or pronoun before the verb; and the subject, of a verb that is told which."""


def one_word(name: str, sentences: Sequence[Sentence], task: Agreement, train: Agreement, test: Agreement) -> Tensor:
    """Answers to ``test`` from one word for each verb.

    Of its features, as models see them, by a logistic regression fitted to ``train``; or, in a "gold" one, of the
    number that it is annotated with, which no model may see. Where there is no noun before the verb, or it has no
    number, that is the commonest of ``train`` (for the regression, what it makes of a hidden word).

    Args:
        name: one of ``ONE_WORD``.
        sentences: what ``task`` was made of.
        task: the whole.
        train: the part of it to learn from.
        test: the part to answer.

    Returns:
        Classes (K,), in the order of ``test.answers``.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: an unknown name.
    """
    _checks.one_of("name", name, ONE_WORD)
    common = int(torch.bincount(train.answers, minlength=2).argmax())
    if name == "majority":
        return torch.full_like(test.answers, common)
    places = [case.subject if name.startswith("subject") else case.nearest for case in task.cases]
    if name.endswith("gold"):
        pairs = [(task.cases[number], places[number]) for number in test.own_cases]
        return torch.tensor([_annotated(sentences[case.sentence], place, common) for case, place in pairs])
    moves = [0 if place is None else place - case.verb for case, place in zip(task.cases, places, strict=True)]
    whole = task.graphs(torch.arange(len(task)))
    x = whole.x[whole.target_rows + torch.tensor(moves)]
    fitted = _regression().fit(x[train.own_cases].numpy(), train.answers.numpy())
    return torch.from_numpy(fitted.predict(x[test.own_cases].numpy()))


def _annotated(sentence: Sentence, place: int | None, common: int) -> int:
    number = None if place is None else sentence.words[place].feats.get("Number")
    return NUMBERS.index(number) if number in NUMBERS else common


def _regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - only these baselines need it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a regression on one word needs scikit-learn: pip install 'graphseq[examples]'"
        ) from error
    return LogisticRegression(max_iter=2000)
