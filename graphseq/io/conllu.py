"""Reader of dependency trees in the CoNLL-U format of the Universal Dependencies treebanks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq.io._text import read_text
from graphseq.io.containers import ON_ERROR, OnError, Skipped
from graphseq.io.sentences import Sentence, Treebank, Word

_COLUMNS = 10
_NAMED = 8  # the most words of a cycle that an error lists


class _Line(NamedTuple):
    number: int  # in the file, from 1
    text: str


class _Fault(Exception):
    """An error in a sentence, with its line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


@printable_errors
@checked_arguments
def read_conllu(path: str | Path, *, on_error: OnError = "refuse") -> Treebank:
    r"""Read the sentences of a CoNLL-U file, each with its dependency tree.

    The lines are read by the package ``conllu``. The trees are the basic dependencies: columns HEAD and DEPREL of the
    words. Two kinds of lines are not words, and are counted but not kept: a multi-word token ("1-2 don't"), whose words
    follow on lines of their own, and an empty node ("1.1"), which is part of the enhanced dependencies only.

    Args:
        path: the file; the English PUD treebank, 1,000 sentences, is :func:`graphseq.datasets.find`\ ``("EN_PUD")``.
        on_error: "refuse" a file with an invalid sentence, or "skip" such sentences and list them in ``skipped``.

    Raises:
        ModuleNotFoundError: the package ``conllu`` is not installed.
        FileNotFoundError: the file or its folder does not exist.
        ValueError: not UTF-8; no sentence; or an invalid sentence: not ten columns, fields that cannot be read, words
            not numbered 1, 2, …, a head that does not exist, two roots or none, a cycle. The message names the file,
            the sentence and the line.

    Source:
        https://universaldependencies.org/format.html. English PUD: Zeman et al., *CoNLL 2017 shared task: multilingual
        parsing from raw text to Universal Dependencies* (2017), CC BY-SA 3.0.

    Example:
        >>> import tempfile
        >>> lines = "1 They they PRON _ _ 2 nsubj _ _\n2 sing sing VERB _ _ 0 root _ _\n".replace(" ", "\t")
        >>> with tempfile.NamedTemporaryFile("w", suffix=".conllu") as file:
        ...     _ = file.write("# sent_id = a\n" + lines), file.flush()
        ...     bank = read_conllu(file.name)
        >>> bank[0].id, [(word.form, word.head) for word in bank[0].words]
        ('a', [('They', 1), ('sing', -1)])
    """
    _checks.one_of("on_error", on_error, ON_ERROR)
    path = Path(path)
    sentences: list[Sentence] = []
    skipped: list[Skipped] = []
    multiword = empty = 0
    for number, block in enumerate(_blocks(_text(path)), start=1):
        name = _name(block, number)
        try:
            tokens = _tokens(block)
            sentences.append(Sentence(name, block[0].number, _words(tokens)))
        except _Fault as fault:
            if on_error == "refuse":
                raise ValueError(
                    f"{path}, line {fault.line}, sentence {name}: {fault.reason}. Correct it, or read with "
                    'on_error="skip" to go on without such sentences'
                ) from None
            skipped.append(Skipped(name, fault.line, fault.reason))
            continue
        multiword += sum(_kind(token) == "-" for _, token in tokens)
        empty += sum(_kind(token) == "." for _, token in tokens)
    if not sentences:
        why = f"all {len(skipped)} were skipped, the first for: {skipped[0].reason}" if skipped else "it is empty"
        raise ValueError(f"{path} has no sentence: {why}. A CoNLL-U file has one word a line, in ten columns with tabs")
    return Treebank(path.name, tuple(sentences), tuple(skipped), multiword, empty)


def _text(path: Path) -> str:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} does not exist, so {path.name} cannot be read from it")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; .conllu files of treebanks are at https://universaldependencies.org"
        )
    return read_text(path)


def _blocks(text: str) -> Iterator[list[_Line]]:
    """Yield the numbered lines of each sentence; sentences are separated by blank lines."""
    block: list[_Line] = []
    lines = text.split("\n")  # splitlines would also split at characters that a form may contain
    for number, line in enumerate(lines, start=1):
        if line.strip():
            block.append(_Line(number, line.rstrip("\r")))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _name(block: Sequence[_Line], number: int) -> str:
    for line in block:
        key, equals, value = line.text.partition("=")
        if line.text.startswith("#") and equals and key[1:].strip() == "sent_id":
            return value.strip()
    return str(number)


def _tokens(block: Sequence[_Line]) -> list[tuple[_Line, Mapping[str, Any]]]:
    """Return the package's token for each line that is not a comment."""
    conllu = _package()
    lines = [line for line in block if not line.text.startswith("#")]
    if not lines:
        raise _Fault(block[0].number, "it has comments and no words")
    for line in lines:
        count = len(line.text.split("\t"))
        if count != _COLUMNS:
            raise _Fault(line.number, f"it has {count} columns, not {_COLUMNS} with tabs between them")
        if "  " in line.text:  # at which the package would split too
            raise _Fault(line.number, "it has two spaces in a row, where a field may have one at most")
    tokens = []
    for line in lines:
        try:
            tokens += [(line, token) for token in conllu.parse(line.text)[0]]
        except conllu.exceptions.ParseException as error:
            raise _Fault(line.number, f"it cannot be read: {str(error).rstrip('.')}") from None
    return tokens


def _package() -> Any:
    try:
        import conllu  # noqa: PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading CoNLL-U needs the package conllu: pip install 'graphseq[sentences]'"
        ) from error
    return conllu


def _kind(token: Mapping[str, Any]) -> str:
    """Return the separator in a token's number: a dash in multi-word tokens, a dot in empty nodes, else nothing."""
    return str(token["id"][1]) if isinstance(token["id"], tuple) else ""


def _words(tokens: Sequence[tuple[_Line, Mapping[str, Any]]]) -> tuple[Word, ...]:
    """Return the words in order, after checking that they form a tree."""
    words = [(line, token) for line, token in tokens if not _kind(token)]
    if not words:
        raise _Fault(tokens[0][0].number, "it has no words, only multi-word tokens or empty nodes")
    for number, (line, token) in enumerate(words, start=1):
        if token["id"] != number:
            raise _Fault(line.number, f"words must be numbered 1, 2, …: expected {number}, got {token['id']}")
        if not isinstance(token["head"], int) or not 0 <= token["head"] <= len(words):
            came = token["head"]
            raise _Fault(line.number, f"the head of a word must be 0 to {len(words)}, as many as there are; got {came}")
    roots = [number for number, (_, token) in enumerate(words) if token["head"] == 0]
    if len(roots) > 1:
        first, second = (words[number] for number in roots[:2])
        raise _Fault(
            second[0].number,
            f"it has two roots, {_called(first[1])} on line {first[0].number} and {_called(second[1])}; a tree has one",
        )
    _check_acyclic(words)
    return tuple(
        Word(
            token["form"],
            token["lemma"],
            token["upos"],
            {name: value or "" for name, value in (token["feats"] or {}).items()},
            token["head"] - 1,
            token["deprel"],
        )
        for _, token in words
    )


def _check_acyclic(words: Sequence[tuple[_Line, Mapping[str, Any]]]) -> None:
    """Follow the heads from every word, visiting each word once, and raise if they form a cycle."""
    known: set[int] = {0}
    for start in range(1, len(words) + 1):
        path: list[int] = []
        number = start
        while number not in known:
            known.add(number)
            path.append(number)
            number = words[number - 1][1]["head"]
        if number in path:
            cycle = [*path[path.index(number) :], number]
            names = [_called(words[number - 1][1]) for number in cycle]
            listed = names if len(names) <= _NAMED else [*names[:_NAMED], "…"]
            raise _Fault(words[number - 1][0].number, f"heads go in a cycle, {' → '.join(listed)}, and lead to no root")


def _called(token: Mapping[str, Any]) -> str:
    return f"word {token['id']} {token['form']!r}"
