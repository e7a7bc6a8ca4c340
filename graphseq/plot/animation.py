"""Saving an animation: the whole file is written or none of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from matplotlib.animation import Animation, PillowWriter

from graphseq import _checks, _files
from graphseq._arguments import checked_arguments


@checked_arguments
def save_animation(
    path: str | Path, animation: Animation, *, frames_per_second: float = 1.0, dpi: int = 100, overwrite: bool = False
) -> Path:
    """Save an animation as a GIF that repeats without end.

    The file is written under a temporary name and then renamed.

    Args:
        path: a name that ends in .gif.
        animation: a matplotlib animation, such as that of :func:`graphseq.plot.animate_message`.
        frames_per_second: the speed.
        dpi: pixels per inch.
        overwrite: replace a file that is already there.

    Returns:
        ``path``.

    Raises:
        TypeError: ``animation`` is not a matplotlib animation.
        ValueError: the name has another suffix than .gif, or a number is not above 0.
        FileExistsError: the file exists and ``overwrite`` is false; nothing is drawn then.

    Example:
        >>> import graphseq as gs, networkx as nx, tempfile
        >>> graph = gs.from_graph(nx.path_graph(3))
        >>> moving = gs.plot.animate_message(graph, 0, gs.plot.message_weights(graph, 0, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_animation(f"{folder}/message.gif", moving).read_bytes()[:6]
        b'GIF89a'
    """
    if not isinstance(animation, Animation):
        raise TypeError(f"animation must be a matplotlib Animation, got {type(animation).__name__}")
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"path must end in .gif, got {str(path)!r}")
    rate = _checks.positive("frames_per_second", frames_per_second)
    _checks.between("frames_per_second", rate, 0.01, 1000)
    _checks.at_least("dpi", dpi, 10, 10_000)

    def write(file: BinaryIO) -> None:
        # matplotlib writes to names only, not to open files.
        with TemporaryDirectory() as folder:
            frames = Path(folder) / "frames.gif"
            animation.save(frames, writer=PillowWriter(fps=rate), dpi=dpi)  # type: ignore[arg-type]
            file.write(frames.read_bytes())

    return _files.write(path, write, overwrite=overwrite)
