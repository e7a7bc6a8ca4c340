"""The forecaster that the command leaves: the model of least validation error for each horizon, ready to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphseq import _files
from graphseq._torch import archive
from graphseq.experiments.engine import run_dir
from graphseq.experiments.forecast.forecaster import forecaster_of
from graphseq.experiments.forecast.report import Facts, Line, best_of
from graphseq.experiments.forecast.saved import Kept
from graphseq.experiments.forecast.settings import Case, Settings
from graphseq.io import TemporalDataset

FILE, NEXT = "forecaster.pt", "next.csv"


def keep_best(
    settings: Settings, data: TemporalDataset, lines: Sequence[Line], facts: Sequence[Facts], out: Path
) -> list[str]:
    """Write the forecaster and its forecasts of what follows the recording; return the names of the files.

    Of several seeds the models are those of the first. Nothing is written where no model has a finite error on the
    validation set, or where its run was made before weights were kept.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: a file of weights is damaged.
    """
    chosen: dict[int, tuple[str, Mapping[str, Any], Any]] = {}
    for horizon in settings.horizon:
        model = best_of([line for line in lines if line.horizon == horizon])
        path = out / run_dir.RUNS / f"{Case(model or '', settings.seeds[0], horizon).key}.pt"
        if model is None or not path.exists():
            return []
        content, _ = archive.read(path, "file of weights")
        if not isinstance(content, dict) or set(content) != {"weights", "width"}:
            raise ValueError(f"{path} holds no weights; delete it and the line of its run in results.jsonl")
        chosen[horizon] = (model, content["weights"], content["width"])
    forecaster = forecaster_of(Kept(settings, data, chosen, lines, facts))
    forecaster.save(out / FILE, overwrite=True)
    _files.write_text(out / NEXT, forecaster.predict().to_csv(), overwrite=True)
    return [FILE, NEXT]
