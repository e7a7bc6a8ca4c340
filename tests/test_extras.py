"""Without an extra, what needs it says by name how to install it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import graphseq as gs
from graphseq.experiments.engine import cluster
from graphseq.experiments.messages.boosting import BoostedRanking, Boosting
from graphseq.plot.molecules import molecule_layout
from graphseq.tasks.one_word import _regression
from graphseq.training.tensorboard import writer_class


@pytest.mark.parametrize(
    ("package", "extra", "use"),
    [
        ("rdkit", "molecules", lambda path: gs.io.from_smiles("CO")),
        ("rdkit", "molecules", lambda path: molecule_layout("CO")),
        ("conllu", "sentences", gs.io.read_conllu),
        ("h5py", "traffic", lambda path: gs.io.read_traffic(path.with_suffix(".h5"))),
        ("tensorboard", "tensorboard", lambda path: writer_class()),
        ("distributed", "cluster", lambda path: cluster._distributed()),
        ("sklearn", "examples", lambda path: _regression()),
        ("lightgbm", "boosting", lambda path: BoostedRanking(Boosting(), 0)),
    ],
)
def test_what_is_missing_is_named(
    package: str, extra: str, use: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tree.conllu"
    path.write_text("1\tSnow\t_\t_\t_\t_\t0\t_\t_\t_\n\n")
    for name in [name for name in sys.modules if name.split(".")[0] == package or name == "torch.utils.tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'graphseq\[{extra}\]'"):
        use(path)
