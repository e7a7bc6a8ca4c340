"""Baselines of :class:`~graphseq.tasks.Agreement` that predict the number of a verb from one word, without a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.io.sentences import Sentence
from graphseq.tasks.agreement import NUMBERS, Agreement

ONE_WORD = ("majority", "nearest noun", "nearest noun, gold", "subject given", "subject given, gold")
"""The most frequent number; the nearest noun or pronoun before the verb; and the subject, if it is given."""


@checked_arguments
def one_word(name: str, sentences: Sequence[Sentence], task: Agreement, train: Agreement, test: Agreement) -> Tensor:
    """Return predictions for ``test`` from one word for each verb.

    The prediction is a logistic regression on the features of that word, fitted to ``train``, or in "gold" baselines
    its annotated number, which no model may see. Without a noun before the verb, or without its number, it is the most
    frequent number of ``train`` (in the regression, the prediction for a hidden word).

    Args:
        name: one of ``ONE_WORD``.
        sentences: the sentences of ``task``.
        task: the whole task.
        train: the part to fit to.
        test: the part to predict.

    Returns:
        Classes (K,), in the order of ``test.answers``.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: an unknown name.

    Example:
        With a treebank and a split of its task::

            baseline = gs.tasks.one_word("majority", treebank.sentences, task, train, test)
            (baseline == test.answers).float().mean()
    """
    _checks.one_of("name", name, ONE_WORD)
    common = int(torch.bincount(train.answers, minlength=2).argmax())
    if name == "majority":
        return torch.full_like(test.answers, common)
    words = [case.subject if name.startswith("subject") else case.nearest for case in task.cases]
    if name.endswith("gold"):
        pairs = [(task.cases[number], words[number]) for number in test.own_cases]
        return torch.tensor([_annotated(sentences[case.sentence], word, common) for case, word in pairs])
    offsets = [0 if word is None else word - case.verb for case, word in zip(task.cases, words, strict=True)]
    graph = task.graphs(torch.arange(len(task)))
    x = graph.x[graph.target_rows + torch.tensor(offsets)]
    fitted = _regression().fit(x[train.own_cases].numpy(), train.answers.numpy())
    return torch.from_numpy(fitted.predict(x[test.own_cases].numpy()))


def _annotated(sentence: Sentence, word: int | None, common: int) -> int:
    number = None if word is None else sentence.words[word].feats.get("Number")
    return NUMBERS.index(number) if number in NUMBERS else common


def _regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a regression on one word needs scikit-learn: pip install 'graphseq[examples]'"
        ) from error
    return LogisticRegression(max_iter=2000)
