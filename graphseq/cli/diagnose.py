"""``diagnose``: why a model of the user's own does not learn, with a report as a page."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from graphseq import _files
from graphseq.cli.arguments import Parser, add_output, rate, seed, whole
from graphseq.cli.console import Console

LOSSES = ("cross_entropy", "mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits")
FILES = ("report.html", "report.pdf", "diagnosis.json")


def add(parser: Parser) -> None:
    """Give ``parser`` this command's flags."""
    parser.description = (
        "Find out why a model of yours does not learn its data, or that nothing is wrong: rows out of reach, "
        "over-smoothing, over-squashing, vanishing gradients and others, with the numbers that decided and advice. A "
        "copy of the model is trained for some steps; your files are read, and MODEL is imported as Python would."
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="FILE.py:NAME or package.module:NAME: a torch.nn.Module, or a function or class that gives one when "
        "called without arguments, or with the data",
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        help="a file of torch.save: a PyG Data or a list of them, a data set's processed/data.pt, a dict of tensors x, "
        "edge_index, y (or edge_label, edge_label_index), or a pair of tensors x (B, T, F) and y",
    )
    parser.add_argument(
        "--loss",
        choices=LOSSES,
        metavar="NAME",
        help=f"of torch.nn.functional: {', '.join(LOSSES)} (default: by the answers: cross_entropy for classes, "
        "mse_loss for numbers, binary_cross_entropy_with_logits for several labels of 0 and 1)",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="load this state_dict into the model")
    parser.add_argument("--hops", type=whole(0), metavar="N", help="how far away the rows lie that the answers need")
    steps = "the most training steps of a copy, at each of two rates; one may go on for twice as many; 0 for none"
    parser.add_argument("--steps", type=whole(0), metavar="N", help=steps)
    parser.add_argument(
        "--budget", type=rate, default=60.0, metavar="SECONDS", help="the most for the training of copies"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of all draws")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=f"save {', '.join(FILES)} here")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there; with --out")
    add_output(parser)
    parser.aliases = {"budget_seconds": "--budget"}


def stopped(_: argparse.Namespace) -> str:
    """Return the comment on an interruption."""
    return "stopped; nothing was written"


def run(options: argparse.Namespace, words: Sequence[str], console: Console) -> int:
    """Diagnose, save and print; returns the exit status. Nothing is printed before everything is saved."""
    if options.overwrite and options.out is None:
        raise ValueError("--overwrite is about files; it needs --out")
    if options.out is not None:
        _may_write(options.out, options)
    from graphseq.cli.diagnose_files import load_data, load_model, load_weights, loss_for  # noqa: PLC0415 - torch
    from graphseq.reach.diagnosis import diagnose  # noqa: PLC0415
    from graphseq.reach.report.page import plain  # noqa: PLC0415
    from graphseq.training.history import machine  # noqa: PLC0415

    data = load_data(options.data)
    model = load_model(options.model, data)
    if options.weights is not None:
        load_weights(model, options.weights)
    name, loss = loss_for(options.loss, data)
    console.say(f"loss: {name}")
    given = {} if options.steps is None else {"steps": options.steps}
    found = diagnose(
        model, data, loss=loss, hops=options.hops, budget_seconds=options.budget, seed=options.seed, **given
    )
    record = {
        "command": shlex.join(["python", "-m", "graphseq", *words]),
        "machine": machine(),
        "model": options.model,
        "data": str(options.data),
        "loss": name,
        **found.to_dict(),
        "figures": plain(found.page),
    }
    if options.out is not None:
        title = f"Diagnosis of {options.model} on {options.data}"
        options.out.mkdir(parents=True, exist_ok=True)
        found.to_html(options.out / FILES[0], title=title, overwrite=options.overwrite)
        found.to_pdf(options.out / FILES[1], title=title, overwrite=options.overwrite)
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        _files.write_text(options.out / FILES[2], text, overwrite=options.overwrite)
    console.result(str(found), record)
    console.say(f"written to {options.out}: {', '.join(FILES)}" if options.out else "--out FOLDER saves it as a page")
    return 0


def _may_write(out: Path, options: argparse.Namespace) -> None:
    """Refuse files that are in the way at once, not after the work."""
    existing = [name for name in FILES if (out / name).exists()]
    if existing and not options.overwrite:
        raise FileExistsError(
            f"--out {out} already holds {', '.join(existing)}; name another folder, or add --overwrite"
        )
