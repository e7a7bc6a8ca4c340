"""``text generate``: write with a model that ``text train`` trained."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphseq.cli.arguments import whole

if TYPE_CHECKING:
    import torch

    from graphseq.experiments.text.trained import Trained


def add(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the flags."""
    parser.description = (
        "Write with what text train has trained, each character as soon as it is drawn. Without flags, drawn at "
        "temperature 1 from a random capital."
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the --out of text train")
    parser.add_argument("--length", type=whole(1), metavar="N", default=500, help="characters to write")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--prompt", metavar="TEXT", default=argparse.SUPPRESS, help="what to go on from")
    begin.add_argument(
        "--first",
        metavar="CHARACTERS",
        default=argparse.SUPPRESS,
        help="begin with one of these at random (default: the capitals of the text)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--greedy", action="store_true", help="the likeliest character each time")
    how.add_argument("--beam", type=whole(1), metavar="WIDTH", default=argparse.SUPPRESS, help="beam search")
    how.add_argument(
        "--temperature",
        type=float,
        metavar="TEMPERATURE",
        default=argparse.SUPPRESS,
        help="below 1 keeps to what is likely, above strays (default: 1)",
    )
    parser.add_argument(
        "--top-k", type=whole(1), metavar="K", default=argparse.SUPPRESS, help="draw from the K likeliest only"
    )
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        default=argparse.SUPPRESS,
        help="draw from the nucleus of probability P",
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of all that is drawn")


def stopped(_: argparse.Namespace) -> str:
    """What to say when interrupted."""
    return "stopped"


def run(options: argparse.Namespace, _: Sequence[str]) -> int:
    """Write to the terminal; the exit status."""
    _check(options)
    import torch  # noqa: PLC0415 - loads on use, so that --help is quick

    from graphseq.experiments.text.trained import open_trained  # noqa: PLC0415
    from graphseq.text import first_character  # noqa: PLC0415

    trained = open_trained(options.folder)
    generator = torch.Generator().manual_seed(options.seed)
    prompt = getattr(options, "prompt", None)
    if prompt is None:
        prompt = first_character(trained.alphabet, generator, getattr(options, "first", None))
    written = _written(trained, prompt, options, generator)
    sys.stdout.write(prompt)
    for character in written:
        sys.stdout.write(character)
        sys.stdout.flush()
    print()
    return 0


def _written(trained: Trained, prompt: str, options: argparse.Namespace, generator: torch.Generator) -> Iterable[str]:
    from graphseq.experiments.text.models import window  # noqa: PLC0415
    from graphseq.text import beam_search, generate, greedy  # noqa: PLC0415

    rows = window(trained.settings)
    if options.greedy:
        return greedy(trained.model, trained.alphabet, prompt, options.length, window=rows)
    if hasattr(options, "beam"):
        found = beam_search(trained.model, trained.alphabet, prompt, options.length, width=options.beam, window=rows)
        return found[0].text
    return generate(
        trained.model,
        trained.alphabet,
        prompt,
        options.length,
        generator=generator,
        temperature=getattr(options, "temperature", 1.0),
        top_k=getattr(options, "top_k", None),
        top_p=getattr(options, "top_p", None),
        window=rows,
    )


def _check(options: argparse.Namespace) -> None:
    """Nothing that is asked for may go unheard."""
    how = "--greedy" if options.greedy else "--beam" if hasattr(options, "beam") else None
    for name in ("top_k", "top_p"):
        if how and hasattr(options, name):
            raise ValueError(f"--{name.replace('_', '-')} is about drawing, and {how} draws nothing; leave one out")
