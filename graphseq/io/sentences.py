"""Sentences with their dependency trees: words in order, each with the word that it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io.containers import Skipped


@dataclass(frozen=True)
class Word:
    """One word of a sentence, as Universal Dependencies annotates it."""

    form: str  #: as it is written
    lemma: str
    upos: str  #: universal part of speech, such as "NOUN"
    feats: Mapping[str, str]  #: features such as Number, by name
    head: int  #: the word that it depends on, counted from 0 in the sentence; -1 for the root
    deprel: str  #: as what, such as "nsubj" or "nsubj:pass"

    @property
    def relation(self) -> str:
        """The universal part of ``deprel``: "nsubj" of "nsubj:pass"."""
        return self.deprel.partition(":")[0]


@dataclass(frozen=True)
class Sentence:
    """One sentence: its words in order, the heads of which make a tree."""

    id: str  #: its ``sent_id``, or its number in the file where it has none
    line: int  #: where it begins in the file, counted from 1
    words: tuple[Word, ...]

    def graph(self, x: Tensor, *, y: Tensor | None = None, target: Tensor | None = None) -> SpaceTimeGraph:
        """The tree as a static graph: row i is word i, and each edge leads from a word to its head.

        It has generations, from the leaves to the root, and so it is what a recurrence on directed acyclic graphs
        reads. :func:`graphseq.transforms.to_sequence` reads the same rows as a sequence,
        :func:`graphseq.transforms.to_undirected` as a tree whose edges lead both ways, and
        :func:`graphseq.transforms.add_nodes_over_time` as words that come one after another.

        Args:
            x: features of the n words, (n, F), or tokens (n,).
            y: what is asked for, (K, …).
            target: words asked, (n,), ``bool``.

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
        pairs = [(place, word.head) for place, word in enumerate(self.words) if word.head >= 0]
        rows = torch.arange(len(self.words), device=x.device)
        index = torch.tensor(pairs, dtype=torch.long, device=x.device).reshape(-1, 2).t().contiguous()
        return SpaceTimeGraph(x, rows, torch.zeros_like(rows), index, y=y, target=target)


@dataclass(frozen=True, repr=False)
class Treebank(Sequence[Sentence]):
    """The sentences of a file, in order, and what was left out of them."""

    name: str
    sentences: tuple[Sentence, ...]
    skipped: tuple[Skipped, ...] = ()  #: sentences that are not among them
    num_multiword: int = 0  #: lines of multi-word tokens ("1-2 don't"), whose words stand by themselves
    num_empty: int = 0  #: empty nodes ("1.1"), which are no words and have no place in the tree

    @overload
    def __getitem__(self, place: int) -> Sentence: ...

    @overload
    def __getitem__(self, place: slice) -> Treebank: ...

    def __getitem__(self, place: int | slice) -> Sentence | Treebank:
        """A sentence by its place, or some of them as a treebank, of which nothing was left out."""
        if isinstance(place, slice):
            return Treebank(self.name, self.sentences[place])
        return self.sentences[place]

    def __len__(self) -> int:
        """How many sentences there are."""
        return len(self.sentences)

    def __repr__(self) -> str:
        words = sum(len(sentence.words) for sentence in self.sentences)
        return (
            f"Treebank({self.name}: {len(self)} sentences, {words} words, {len(self.skipped)} sentences skipped, "
            f"{self.num_multiword} multi-word tokens split, {self.num_empty} empty nodes left out)"
        )
