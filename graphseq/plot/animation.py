"""Writing an animation to a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from matplotlib.animation import Animation, PillowWriter

from graphseq import _checks, _files


def save_animation(
    path: str | Path, animation: Animation, *, frames_per_second: float = 1.0, dpi: int = 100, overwrite: bool = False
) -> Path:
    """Write an animation as a GIF that repeats without end, beside its place first and then renamed.

    Args:
        path: a name that ends in .gif.
        animation: such as :func:`graphseq.plot.animate_message` gives.
        frames_per_second: how fast it goes.
        dpi: pixels an inch.
        overwrite: replace a file that is already there.

    Returns:
        ``path``.

    Raises:
        TypeError: something that is no animation.
        ValueError: another suffix than .gif, or numbers that are not above 0.
        FileExistsError: the file is there and ``overwrite`` is false; nothing is drawn then.

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
    _checks.at_least("dpi", dpi, 1)

    def put(file: BinaryIO) -> None:
        # matplotlib writes to names only, not to open files.
        with TemporaryDirectory() as folder:
            drawn = Path(folder) / "frames.gif"
            animation.save(drawn, writer=PillowWriter(fps=rate), dpi=dpi)  # type: ignore[arg-type]
            file.write(drawn.read_bytes())

    return _files.write(path, put, overwrite=overwrite)
