"""The examples of images run, and what they recorded is what the README and their docstrings say."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import ROOT, load

pytest.importorskip("sklearn", reason="the examples of images need the extra: pip install graphseq[examples]")
pytest.importorskip("skimage", reason="the examples of images need the extra: pip install graphseq[examples]")


def test_regions_move_the_one_asked_within_as_many_hops_as_there_are_layers(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "regions.py")
    record = example.main(tmp_path / "new", "astronaut", regions=40)
    near, far = record["mean influence by hop"][: example.LAYERS + 1], record["mean influence by hop"][5:]
    assert min(near) > 0
    assert set(far) <= {0.0}
    assert sum(record["regions by hop"]) == record["regions"] > 20
    with pytest.raises(FileExistsError, match=r"regions\.png, .*regions\.json already there"):
        example.main(tmp_path / "new", "astronaut")
