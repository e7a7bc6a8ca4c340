"""The text of a comparison: the user's file, or one that every Python has."""

from __future__ import annotations

from pydoc_data import topics


def load(path: str, encoding: str) -> tuple[str, str]:
    """The text and its name; ``path`` "" stands for the text that ships with Python itself.

    Raises:
        OSError, ValueError: see :func:`graphseq.tasks.read_text`.
    """
    if not path:
        return "\n".join(topics.topics[name] for name in sorted(topics.topics)), "pydoc_data.topics, Python's own help"
    from graphseq.tasks.characters import read_text  # noqa: PLC0415 - brings torch, which the caller may not want

    return read_text(path, encoding=encoding), path
