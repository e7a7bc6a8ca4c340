"""The part "Held out" of the page docs/results/text.md, made from the records of ``text_held_out.py`` and others.

Run it with ``python benchmarks/text_page.py``: no training, a second. It reads held_out.json, choices.json and
rows.json of docs/text, and replaces what stands on the page between the two headings.
"""

from __future__ import annotations

import json
import math
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from graphseq import _files
from graphseq.evaluation.tables import aligned

sys.path.append(str(Path(__file__).parent))

from text_held_out import CHOSEN, choices_table, table

ROOT = Path(__file__).parents[1]
FOLDER, PAGE = ROOT / "docs" / "text", ROOT / "docs" / "results" / "text.md"
BEGIN, END = "## Held out\n", "## How much context does each family use?\n"
ASKED, SEEDS = 0.15, 3
MEAN = "grimms_fairy_tails | a mean, not a product, seed 0"
EARLIER = ("EN_democracy | one network, seed 0", "EN_democracy | two networks, contexts of 8, seed 0")
SHAKESPEARE, PUBLISHED = "tinyshakespeare.txt", {"minGRU": 1.548, "Transformer": 1.547}
Record = dict[str, dict[str, Any]]

_TEXT = """## Held out

```
$ python benchmarks/text_held_out.py --out docs/text

{table}
```

Bits per character on the last tenth of each book, mean over seeds with a 95% interval. "Both" is the product of what
an LSTM of 2 × 128 and counts of n-grams say, each to a power (`graphseq.text.mixture`, `graphseq.text.ngram_arrays`:
Kneser-Ney, up to 8 characters back, 12 on EN_democracy and tiny Shakespeare). The LSTM learns from the first 80 % of
the book, the tenth after it has the powers fitted, one pair for each length of the longest context that was counted,
and the counts have all of the book before what they predict. On these two a second LSTM from another seed, trained
for the steps that the reference's budget leaves, learns from 90 % and is multiplied with the first, equally. On
EN_democracy this, and then contexts of up to 12 in place of 8, chosen on the validation part, were added after the
held-out part had been read for one seed: {once[0]:.3f} in windows with neither, {once[1]:.3f} with the second LSTM
alone. The reference is trained on 90 % and given the best of its reports, one every 1,000 steps, by the held-out part
itself. "Windows" are 30 characters (256 of tiny Shakespeare) without anything before them, "stream" carries state and
context from end to end, and in "counting on" the counts go on with every held-out character once it was predicted,
which a network without memory beyond its state cannot. A book of your own goes in as `--text my_book.txt`.

Against each of the reference's six rows, in windows (where no seed is finished, ours are the counts alone):

```
{rows}
```

{found}

Steps and dropout, with counts of 8 characters back, had the fewest bits in windows on the validation part, from a
seed that is not reported, among those that were compared:

```
$ python benchmarks/text_held_out.py --choose --out docs/text

{choices}
```

{missed}

"""


def read(name: str) -> Any:
    """Return a record of docs/text."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def mean(record: Record, text: str, name: str) -> float | None:
    """Return the mean over the seeds of a text, where there is one."""
    runs = [run["bits"][name] for key, run in record.items() if key.startswith(f"{text} | seed")]
    return fmean(runs) if runs else None


def margins(record: Record, rows: list[dict[str, Any]]) -> list[tuple[str, str, float, float, float]]:
    """Return row, how the reference is read, its bits, ours, and our share of its multiply-adds, of the six rows."""
    found = []
    for row in (one for one in rows if one["setup"] == "reference"):
        text = row["settings"] and next(name for name in CHOSEN if name.startswith(row["row"].rpartition("_")[0]))
        both = mean(record, text, "both, windows")
        ours = record[f"{text} | counts"]["bits"]["windows"] if both is None else both
        own = record.get(f"{text} | reference") if row["row"].endswith("_2x128") else None
        bits = own["best"]["windows"] if own else min(report["bits"] for report in row["reports"])
        cost = max((run["multiply_adds"] for key, run in record.items() if key.startswith(f"{text} | seed")), default=0)
        read = "all windows" if own else "500 windows"
        found.append((row["row"], read, bits, ours, cost / row["multiply_adds"]))
    return found


def rows_table(found: list[tuple[str, str, float, float, float]]) -> str:
    """Return a line for each row of the reference."""
    head = ["row", "reference, best", "of", "ours", "difference", "multiply-adds of its"]
    lines = [
        [row, f"{bits:.3f}", read, f"{ours:.3f}", f"{ours - bits:+.3f}", f"{share:.0%}"]
        for row, read, bits, ours, share in found
    ]
    return aligned([head, *lines], head=1)


def said(record: Record, found: list[tuple[str, str, float, float, float]]) -> str:
    """Return what the records say, in sentences."""
    won = sum(ours <= bits - ASKED for _, _, bits, ours, _ in found)
    row, _, bits, ours, _ = max(found, key=lambda one: one[3] - one[2])
    sentences = [
        f"**{won} of {len(found)} rows are won by {ASKED} bits or more** at no more steps than it took; the least "
        f"on {row}, by {bits - ours:.3f}. Bits of 500 evenly spaced windows are up to .04 more than those of all.",
        "What had fewer bits on the validation part: a product in place of a mean of the two, more steps, dropout on "
        "the short book alone, and powers by the length of the context.",
        "Powers fitted on chapters are no good guide to the licence that is a third of the held-out part of "
        "grimms_fairy_tails: a mean of counts of the first 80 % and a network of 1,500 steps had "
        f"{record[MEAN]['bits']['both, windows']:.3f} bits there in windows.",
    ]
    sentences += [
        f"On {text}, counting on, the network makes counts worse: {both:.3f} with it, {alone:.3f} without. The powers "
        f"were fitted on other chapters."
        for text in CHOSEN
        if (both := mean(record, text, "both, counting on") or 0)
        > (alone := record[f"{text} | counts"]["bits"]["counting on"])
    ]
    if seeds := sum(key.startswith(f"{SHAKESPEARE} | seed") for key in record):
        sentences.append(shakespeare(record, seeds))
    if todo := missing(record):
        sentences.append(f"Not run: {'; '.join(todo)}.")
    return "\n".join(
        textwrap.fill(f"- {one}", 138, subsequent_indent="  ", break_on_hyphens=False) for one in sentences
    )


def missing(record: Record) -> list[str]:
    """Return what has no record, in words."""
    found = []
    for text in CHOSEN:
        if seeds := [str(seed) for seed in range(SEEDS) if f"{text} | seed {seed}" not in record]:
            found.append(f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)} on {text}")
        if f"{text} | reference" not in record:
            found.append(f"the reference on {text} in all windows and in a stream")
    return found if any(key.startswith(SHAKESPEARE) for key in record) else [*found, "tiny Shakespeare"]


def shakespeare(record: Record, seeds: int) -> str:
    """Return what was measured on tiny Shakespeare, beside what others published."""
    names = ("both, windows", "both, stream", "both, counting on", "LSTM, stream")
    both, stream, going, alone = ((mean(record, SHAKESPEARE, name) or math.nan) * math.log(2) for name in names)
    others = ", ".join(f"{name} {nats}" for name, nats in PUBLISHED.items())
    return (
        f"**Tiny Shakespeare**, the usual last tenth, {seeds} seed{'s' * (seeds > 1)}: {both:.3f} nats in windows of "
        f"256 characters, {stream:.3f} in a stream ({alone:.3f} the LSTM alone), {going:.3f} counting on. Published: "
        f"{others}, in windows of 256 at random offsets. No setting was chosen for this text; here networks are "
        f"trained in windows of 30."
    )


def batch_spread(row: dict[str, Any]) -> float:
    """Return how far the accuracies of single batches spread, from the later half of a curve of means over batches.

    It is the standard deviation of the differences of successive means of k batches, times √(k / 2).
    """
    means, size = row["curves"]["accuracy"], row["curves"]["step"][0]
    later = means[len(means) // 2 :]
    changes = [float(after - before) for before, after in pairwise(later)]
    return pstdev(changes) * math.sqrt(size / 2)


def missed(rows: list[dict[str, Any]]) -> str:
    """Return what is said of the row whose accuracy in training is below the reference's, in its own set-up."""
    own = [row for row in rows if row["setup"] == "reference"]
    away = {row["row"]: (row["accuracy"] - row["reference"]["accuracy"]) / batch_spread(row) for row in own}
    (below,) = (row for row in own if away[row["row"]] < 0)
    book, said = below["row"].rpartition("_")[0], below["reference"]["accuracy"]
    characters = below["settings"]["batch_size"] * below["settings"]["length"]
    others = [value for name, value in away.items() if name != below["row"]]
    text = (
        f"- **The {said:.1%} of {book}** is a training accuracy. In the reference's set-up the mean of the last "
        f"{below['averaged_over_steps']} batches is {below['accuracy']:.1%}, and single batches of {characters:,} "
        f"characters spread around it by {100 * batch_spread(below):.1f} points: the reference's number is "
        f"{-away[below['row']]:.1f} of these above, as one printed batch may be. The other rows are above the "
        f"reference's numbers, by {min(others):.1f} to {max(others):.1f} of their spreads. By the mean "
        "it remains missed."
    )
    return textwrap.fill(text, 138, subsequent_indent="  ", break_on_hyphens=False)


def section() -> str:
    """Return the part of the page."""
    record, found = read("held_out.json"), margins(read("held_out.json"), read("rows.json"))
    texts = {"table": table(record), "rows": rows_table(found), "found": said(record, found)}
    filled = _TEXT.format(
        **texts,
        once=[record[key]["bits"]["both, windows"] for key in EARLIER],
        choices=choices_table(read("choices.json")),
        missed=missed(read("rows.json")),
    )
    return "\n".join(line.rstrip() for line in filled.splitlines()).rstrip() + "\n\n"


def main() -> None:
    """Write the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, after = page[: page.index(BEGIN)], page[page.index(END) :]
    _files.write_text(PAGE, before + section() + after, overwrite=True)


if __name__ == "__main__":
    main()
