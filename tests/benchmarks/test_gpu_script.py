"""The script for a GPU runs without one, and says what it cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from scripts import ROOT

SCRIPT = str(ROOT / "benchmarks" / "gpu.sh")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run(  # noqa: S603 - a script of ours
        ["bash", SCRIPT, *words],  # noqa: S607
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_all_parts_run_tiny_on_the_processor(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = run("--device", "cpu", "--tiny", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(out.read_text())
    assert record["card"] == "none, on the processor"
    assert list(record["parts"]) == ["contract", "gcn", "gcn_lstm", "scan", "bfloat16"]
    truths = [value for part in record["parts"].values() for value in part.values() if isinstance(value, bool)]
    assert len(truths) >= 7
    assert all(truths)
    assert "mixed devices: skipped" in done.stdout
    for row in record["parts"]["gcn"].values():
        assert row == record["parts"]["gcn"]["seconds"] or row["PyG"]["times_graphseq"]["median"] > 0


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_what_to_do() -> None:
    done = run()
    assert done.returncode == 2
    assert "there is no CUDA device; to see that it runs, take --device cpu --tiny" in done.stderr
