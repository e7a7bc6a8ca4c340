"""Draw the figures of ``docs/compare`` and ``docs/compare_text`` again from their records, without any training."""

from __future__ import annotations

import json
from pathlib import Path

from graphseq.experiments.accuracy.figure import figure
from graphseq.experiments.accuracy.report import Cell
from graphseq.experiments.accuracy.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Write the figures over the old ones."""
    for folder in (DOCS / "compare", DOCS / "compare_text"):
        record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        settings = {key: value for key, value in record["config"]["settings"].items() if key != "text_sha256"}
        drawing = figure(Settings.from_json(settings), [Cell(**cell) for cell in record["cells"]])
        drawing.savefig(folder / "figure.png", dpi=200)


if __name__ == "__main__":
    main()
