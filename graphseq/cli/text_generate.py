"""``text generate``: generate text with a model that ``text train`` trained."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphseq.cli.arguments import Parser, add_output, rate, seed, whole
from graphseq.cli.console import Console

if TYPE_CHECKING:
    import torch

    from graphseq.experiments.text.trained import Trained


def add(parser: Parser) -> None:
    """Give ``parser`` the flags."""
    parser.description = (
        "Generate text with a model that text train has trained, printing each character as soon as it is drawn. "
        "Without flags, characters are drawn at temperature 1, and the text begins with a capital at random."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder that text train wrote: its --out")
    parser.add_argument("--length", type=whole(1), metavar="N", default=500, help="characters to generate")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--prompt", metavar="TEXT", help="text to continue")
    begin.add_argument(
        "--first",
        metavar="CHARACTERS",
        help="begin with one of these characters at random (default: the capitals of the text)",
    )
    method = parser.add_mutually_exclusive_group()
    method.add_argument("--greedy", action="store_true", help="take the likeliest character each time")
    method.add_argument("--beam", type=whole(1), metavar="WIDTH", help="beam search of this width")
    method.add_argument(
        "--temperature",
        type=_temperature,
        metavar="TEMPERATURE",
        help="temperature of the draws: below 1 favours likely characters, above 1 unlikely ones (default: 1)",
    )
    parser.add_argument("--top-k", type=whole(1), metavar="K", help="draw from the K likeliest characters only")
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        help="draw from the nucleus only: the likeliest characters whose probabilities sum to P",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of all draws")
    add_output(parser)
    parser.aliases = {"among": "--first", "width": "--beam"}


def _temperature(word: str) -> float:
    try:
        return rate(word)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; for the likeliest character each time, use --greedy") from None


def stopped(_: argparse.Namespace) -> str:
    """Return the comment on an interruption."""
    return "stopped"


def run(options: argparse.Namespace, _: Sequence[str], console: Console) -> int:
    """Generate and print; returns the exit status."""
    _check(options)
    import torch  # noqa: PLC0415 - loads on use, so that --help is quick

    from graphseq import seeding  # noqa: PLC0415
    from graphseq.experiments.text.trained import open_trained  # noqa: PLC0415
    from graphseq.text import first_character  # noqa: PLC0415

    trained = open_trained(options.folder)
    seed = options.seed if options.seed < 2**64 else seeding.derive(options.seed)  # torch's have 64 bits
    generator = torch.Generator().manual_seed(seed)
    prompt = options.prompt
    if prompt is None:
        prompt = first_character(trained.alphabet, generator, options.first)
    characters = _generated(trained, prompt, options, generator)
    if console.json:
        console.result("", {"prompt": prompt, "text": "".join(characters)})
        return 0
    console.stream(prompt)
    for character in characters:
        console.stream(character)
    console.stream("\n")
    return 0


def _generated(trained: Trained, prompt: str, options: argparse.Namespace, generator: torch.Generator) -> Iterable[str]:
    from graphseq.experiments.text.models import window  # noqa: PLC0415
    from graphseq.text import beam_search, generate, greedy  # noqa: PLC0415

    rows = window(trained.settings)
    if options.greedy:
        return greedy(trained.model, trained.alphabet, prompt, options.length, window=rows)
    if options.beam is not None:
        best, *_ = beam_search(trained.model, trained.alphabet, prompt, options.length, width=options.beam, window=rows)
        return best.text
    return generate(
        trained.model,
        trained.alphabet,
        prompt,
        options.length,
        generator=generator,
        temperature=1.0 if options.temperature is None else options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        window=rows,
    )


def _check(options: argparse.Namespace) -> None:
    """Refuse flags on drawing where nothing is drawn."""
    method = "--greedy" if options.greedy else "--beam" if options.beam is not None else None
    for name in ("top_k", "top_p"):
        if method and getattr(options, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is about drawing, and {method} draws nothing; leave one out")
