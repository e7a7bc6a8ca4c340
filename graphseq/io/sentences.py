"""Sentences with dependency trees: words in order, each with the word that it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io.containers import Skipped


@dataclass(frozen=True)
class Word:
    """A word of a sentence with its Universal Dependencies annotation.

    Kept by a :class:`graphseq.io.Sentence`, as ``words``; see :func:`graphseq.io.read_conllu`.
    """

    form: str  #: as written in the text
    lemma: str
    upos: str  #: universal part of speech, such as "NOUN"
    feats: Mapping[str, str]  #: morphological features by name, such as Number
    head: int  #: the word that it depends on, counted from 0 in the sentence; -1 for the root
    deprel: str  #: relation to the head, such as "nsubj" or "nsubj:pass"

    @property
    def relation(self) -> str:
        """The universal part of ``deprel``: "nsubj" for "nsubj:pass"."""
        return self.deprel.partition(":")[0]


@dataclass(frozen=True)
class Sentence:
    """A sentence: its words in order, whose heads form a tree.

    Returned by :func:`graphseq.io.read_conllu`, as ``sentences``.
    """

    id: str  #: ``sent_id``, or its number in the file if it has none
    line: int  #: first line in the file, counted from 1
    words: tuple[Word, ...]

    @checked_arguments
    def graph(self, x: Tensor, *, y: Tensor | None = None, target: Tensor | None = None) -> SpaceTimeGraph:
        """Return the tree as a static graph: row i is word i, and each edge leads from a word to its head.

        It is a directed acyclic graph from the leaves to the root, as a tree-structured recurrence reads it.
        :func:`graphseq.transforms.to_sequence` reads the same rows as a sequence,
        :func:`graphseq.transforms.to_undirected` as a tree with edges in both directions, and
        :func:`graphseq.transforms.add_nodes_over_time` as a tree that grows word by word.

        Args:
            x: features of the n words, (n, F), or tokens (n,).
            y: answers, (K, …).
            target: words at which an output is asked for, (n,), ``bool``.

        Raises:
            TypeError, ValueError: as :class:`~graphseq.SpaceTimeGraph`; features of another number of words.

        Example:
            >>> they, sing = Word("They", "they", "PRON", {}, 1, "nsubj"), Word("sing", "sing", "VERB", {}, -1, "root")
            >>> Sentence("1", 1, (they, sing)).graph(torch.eye(2)).edge_index.tolist()
            [[0], [1]]
        """
        if not isinstance(x, Tensor) or x.dim() == 0 or len(x) != len(self.words):
            came = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x must have one row for each of the {len(self.words)} words of {self.id}; got {came}")
        pairs = [(number, word.head) for number, word in enumerate(self.words) if word.head >= 0]
        rows = torch.arange(len(self.words), device=x.device)
        index = torch.tensor(pairs, dtype=torch.long, device=x.device).reshape(-1, 2).t().contiguous()
        return SpaceTimeGraph(x, rows, torch.zeros_like(rows), index, y=y, target=target)


@dataclass(frozen=True, repr=False)
class Treebank(Sequence[Sentence]):
    """The sentences of a file in order, and the number of lines that were left out.

    Returned by :func:`graphseq.io.read_conllu`.
    """

    name: str
    sentences: tuple[Sentence, ...]
    skipped: tuple[Skipped, ...] = ()  #: sentences that could not be read
    num_multiword: int = 0  #: multi-word tokens ("1-2 don't"), whose words have lines of their own
    num_empty: int = 0  #: empty nodes ("1.1"), which are not part of the tree

    @overload
    def __getitem__(self, index: int) -> Sentence: ...

    @overload
    def __getitem__(self, index: slice) -> Treebank: ...

    def __getitem__(self, index: int | slice) -> Sentence | Treebank:
        """Return a sentence by its index, or a slice of them as a treebank, without the counts of omitted lines."""
        if isinstance(index, slice):
            return Treebank(self.name, self.sentences[index])
        return self.sentences[index]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.sentences)

    def __repr__(self) -> str:
        words = sum(len(sentence.words) for sentence in self.sentences)
        return (
            f"Treebank({self.name}: {len(self)} sentences, {words} words, {len(self.skipped)} sentences skipped, "
            f"{self.num_multiword} multi-word tokens split, {self.num_empty} empty nodes left out)"
        )
