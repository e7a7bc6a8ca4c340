"""A bound of who is written to next: boosted trees on wide features, kinds told, and the protocol's details moved.

Three questions beside the ranking of ``messages_ranked.py``, on the same lists of candidates:

- boosted trees on about a hundred features of the weeks before (of the pair, of two hops, of both ends), in the
  states "weeks" and "times", and in weeks without each group: does a strong learner of another kind reach more?
- the same told the kind of each pair (written before, first answer, neither), the one piece of knowledge that no model
  has: the candidates of other kinds left out.
- the rules that learn nothing under other details of the protocol: other draws, the source among the candidates, other
  sets of candidates, messages in place of pairs, the other direction, other bounds of the weeks.

Run it with ``python benchmarks/messages_bound.py --out docs/links/ranked``, some minutes of one core; it needs
LightGBM. It writes every line as it ends, goes on where it stopped, and ``messages_ranked.py --page`` writes the page
from both.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch

from graphseq import _files
from graphseq.experiments.messages.boosting import Boosting
from graphseq.experiments.messages.bound import Bound, boosted, prepare_bound
from graphseq.experiments.messages.protocol import published_parts, read_messages
from graphseq.experiments.messages.run import Settings
from graphseq.experiments.messages.variants import VARIANTS, varied
from graphseq.experiments.messages.wide import GROUPS
from graphseq.training.history import machine

SEED = 0
KNOWN: tuple[Literal["weeks", "times"], ...] = ("weeks", "times")
DRAWS = range(1, 4)  # of the candidates; the first is that of all other lines


PARTS = ("trees", "details", "groups")
"""The whole learner in both states; the details of the protocol; groups of features left out."""


def learners(parts: Sequence[str]) -> list[tuple[Literal["weeks", "times"], tuple[str, ...]]]:
    """Return state and groups left out of each learner of these parts."""
    found: dict[str, list[tuple[Literal["weeks", "times"], tuple[str, ...]]]] = {
        "trees": [(known, ()) for known in KNOWN],
        "groups": [("weeks", (group,)) for group in GROUPS if group != "times"],
    }
    return [one for part in parts if part in found for one in found[part]]


def trees(there: list[dict[str, Any]], parts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Train what is not there yet, and yield it line by line."""
    messages, settings, boosting = read_messages(), Settings(), Boosting()
    bounds: dict[str, Bound] = {}
    for known, without in learners(parts):
        if any((x["known"], x["without"]) == (known, list(without)) for x in there if "learner" in x):
            continue
        if known not in bounds:
            bounds[known] = prepare_bound(messages, published_parts(messages.num_snapshots), known, settings)
        yield boosted(bounds[known], known, boosting, SEED, without)


def details(there: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Compute the rules under details of the protocol that are not there yet, and yield them line by line."""
    messages = read_messages()
    parts, done = published_parts(messages.num_snapshots), [(x["variant"], x["draw"]) for x in there if "variant" in x]
    for name in VARIANTS:
        for draw in DRAWS if name == "as published" else DRAWS[:1]:
            if (name, draw) not in done:
                yield varied(messages, parts, name, Settings().negatives, draw)


def main(out: Path, parts: Sequence[str] = PARTS) -> None:
    """Compute what is missing of these parts, and write the record of all that is there."""
    out.mkdir(parents=True, exist_ok=True)
    runs = out / "bound.jsonl"
    there = [json.loads(line) for line in runs.read_text().splitlines()] if runs.exists() else []
    for line in chain(trees(there, parts), details(there) if "details" in parts else ()):
        with runs.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(json.dumps(line), flush=True)
        there.append(line)
    config = {"ranking": asdict(Settings()), "boosting": asdict(Boosting()), "seed": SEED}
    record = {"config": config, "machine": {**machine("cpu"), "lightgbm": version("lightgbm")}, "lines": there}
    _files.write_text(out / "bound.json", json.dumps(record, indent=1) + "\n", overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/links/ranked"), help="folder of the record")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to compute")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(arguments.out, arguments.parts)
