"""Every example runs, and every snippet and table of the pages of results is what the code gives."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load, page

import graphseq as gs
from graphseq.cli import flags
from graphseq.cli.main import _parser
from graphseq.experiments.accuracy import report
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings as TextSettings
from graphseq.reach.diagnosis.confidence import RECORD
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.text.flops import multiply_adds


def test_first_steps_says_that_the_gcn_does_not_see_far_enough(capsys: pytest.CaptureFixture[str]) -> None:
    results = load(ROOT / "examples" / "first_steps.py").main(steps=150)
    assert "sees 4 of the 6 hops it needs" in capsys.readouterr().out
    assert results["GCN, 4 layers"].low < 0.1 < results["GCN, 4 layers"].high
    assert results["RNN"].score > 0.9
    assert results["GCN-LSTM"] == results["LSTM"]


def test_why_it_stops_says_what_its_docstring_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = load(ROOT / "examples" / "why_it_stops.py")
    files = example.main(tmp_path / "new")
    out = capsys.readouterr().out
    assert "C to E: 3 hops, by C-B-A-E and C-D-F-E" in out
    assert "a GCN of 2 layers sees from E: A B D E F\n" in out
    assert [file.name for file in files] == ["hops.png", "fields.png", "cones.png"]
    files[0].write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"hops\.png"):
        example.main(tmp_path / "new")
    assert files[0].read_bytes() == b"mine"


def test_the_gallery_draws_everything_from_the_numbers_beside_it(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "gallery.py")
    files = example.main(tmp_path / "new", steps=30, longest=3, seeds=2)
    assert sorted(file.name for file in files) == sorted(file.name for file in (tmp_path / "new").iterdir())
    linear, families, large = json.loads((tmp_path / "new" / "influence.json").read_text())["by_hop"]
    closed = json.loads((tmp_path / "new" / "influence.json").read_text())["closed_forms"]
    for name, form in closed.items():
        assert linear[name] == pytest.approx(form, rel=1e-9)
    assert [value > 0 for value in families["GCN, 8 layers"]] == [True] * 9 + [False] * 12
    assert all(value > 0 for value in families["LSTM"])
    assert large["64 draws"] == pytest.approx(large["exact"], rel=0.5)
    cliff = json.loads((tmp_path / "new" / "cliff.json").read_text())
    scores = {int(depth): lengths for depth, lengths in cliff["accuracy_by_depth_length_seed"].items()}
    # A path of 3 rows needs 2 layers: with 1 all seeds are at chance.
    assert max(scores[1][1]) < 0.2 < min(scores[1][0])
    with pytest.raises(FileExistsError, match=r"influence\.png"):
        example.main(tmp_path / "new")


@pytest.mark.parametrize("name", ["cliff", "smoothness", "influence"])
def test_the_gallery_that_is_recorded_is_of_whole_runs(name: str) -> None:
    record = json.loads((ROOT / "docs" / "gallery" / f"{name}.json").read_text())
    assert record["seconds"] > 0
    assert "torch" in record["machine"]
    if name == "cliff":
        for depth, lengths in record["accuracy_by_depth_length_seed"].items():
            for hops, scores in enumerate(lengths, start=1):
                assert len(scores) == len(record["seeds"]) >= 3
                assert hops <= int(depth) or max(scores) < 0.15


def test_the_snippet_of_the_first_steps_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = page("first_steps").split("```python\n")[1].split("```")[0]
    assert "steps=600" in code
    names: dict[str, object] = {}
    exec(code.replace("steps=600", "steps=2").replace("progress=True", "progress=False"), names)  # noqa: S102
    printed = capsys.readouterr().out
    assert "GCN sees 3 of 5 hops" in printed
    assert "→ 2 more layers: num_layers=5" in printed
    assert names["states"].shape == (48 * 34, 16)
    assert names["data"].edge_index.tolist() == [[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]]


@pytest.mark.parametrize("folder", ["compare", "compare_text"])
def test_the_tables_of_the_comparisons_are_those_recorded(folder: str) -> None:
    record = json.loads((ROOT / "docs" / folder / "results.json").read_text())
    facts = {key: value for key, value in record["config"]["settings"].items() if key != "text_sha256"}
    settings = Settings.from_json(facts)
    table = report.table(settings, [report.Cell(**cell) for cell in record["cells"]])
    lines = [line.rstrip() for line in table.splitlines()]
    assert "\n".join(lines) in page(folder)
    assert record["config"]["command"] in page(folder)


def test_the_table_of_remedies_is_the_recorded_one_and_that_of_its_records() -> None:
    record = json.loads((ROOT / "docs" / "remedies" / "results.json").read_text())
    script = load(ROOT / "benchmarks" / "remedies.py")
    setting = script.Setting(**{key: tuple(v) if isinstance(v, list) else v for key, v in record["config"].items()})
    assert script.table(setting, record["records"]).splitlines() == record["table"]
    assert "\n".join(record["table"]) in page("remedies")
    assert setting == script.Setting()


def test_seeds_of_a_remedy_are_told_by_all_by_median_and_by_the_farthest() -> None:
    script = load(ROOT / "benchmarks" / "remedies.py")

    def tried(*scores: float) -> list[dict[str, float]]:
        return [{"seed": seed, "score": score} for seed, score in enumerate(scores)]

    # Two of three solve 32 hops; all were tried there, so that the median is exact.
    record = {"longest": 6, "tried": {"64": tried(0.1, 0.1, 0.1), "32": tried(1, 1, 0.8), "6": tried(1, 1, 1)}}
    cell = script.told(script.Setting(), record)
    assert (cell.every, cell.median_text, cell.farthest_text) == (6, "32", "32 2/3")
    # The first seed fails at 8, and the others were not tried there: they might solve it.
    bound = script.told(script.Setting(), {"longest": 4, "tried": {"8": tried(0.5), "4": tried(1, 1, 1)}})
    assert (bound.every, bound.median_text, bound.farthest_text) == (4, "≥4", "4")
    # Beyond a receptive field no seed can be tried.
    deep = script.told(script.Setting(), {"longest": 4, "tried": {"8": [], "4": tried(1, 1, 1)}})
    assert deep.median_text == "4"


def test_the_tables_of_the_diagnosis_are_those_recorded() -> None:
    record = json.loads((ROOT / "docs" / "diagnosis" / "results.json").read_text())
    script, text = load(ROOT / "benchmarks" / "diagnosis.py"), page("verdict")
    assert [table for table in script.tables(record) if table not in text] == []
    assert load(ROOT / "benchmarks" / "diagnosis_page.py").page(record) == text
    assert record["thresholds"] == asdict(Thresholds())
    assert script.confidences(record["planted"]) == RECORD


def test_the_page_shows_the_diagnosis_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = page("verdict").split('>>> task = gs.tasks.Transfer(length=9, shape="ring")\n')[1]
    code, _, rest = shown.partition(">>> print(gs.diagnose(model, task))\n")
    torch.manual_seed(0)
    names = {"gs": gs, "task": gs.tasks.Transfer(length=9, shape="ring")}
    exec(code.replace(">>> ", ""), names)  # noqa: S102
    print(gs.diagnose(names["model"], names["task"]))
    assert rest.partition("\n```")[0] == capsys.readouterr().out.rstrip()


def test_the_benchmark_of_fit_gives_ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "record.json"
    monkeypatch.setattr("sys.argv", ["fit_overhead", "--steps", "2", "--repeats", "3", "--out", str(out)])
    load(ROOT / "benchmarks" / "fit_overhead.py").main()
    record = json.loads(out.read_text())
    for row in record["results"].values():
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        assert row["ratio"] == pytest.approx(row["fit_ms"] / row["by_hand_ms"], rel=1.0)


def test_no_remedy_carries_farther_than_its_layers_but_the_one_that_reads_the_mean(tmp_path: Path) -> None:
    script = load(ROOT / "benchmarks" / "remedies.py")
    tiny = script.Setting(
        shapes=("path",), depths=(2,), distances=(1, 3), seeds=(0,), hidden=16, steps=120, lr=0.03, samples=200
    )
    records = script.main(tmp_path, tiny, jobs=1)
    longest = {record["remedy"]: record["longest"] for record in records}
    assert all(distance <= 1 for remedy, distance in longest.items() if remedy != "PairNorm")
    assert longest["plain GCN"] == longest["wave, c² = 3"] == 1
    assert [record["tried"][3] for record in records if record["remedy"] == "plain GCN"] == [[]]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("path*")}
    assert len(before) == len(script.REMEDIES)
    script.main(tmp_path, tiny, jobs=1)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(FileExistsError, match="another setting"):
        script.main(tmp_path, script.Setting(), jobs=1)


def test_gradients_fade_going_back_over_steps_and_over_layers(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "gradients.py")
    example.main(tmp_path / "new", draws=3, lengths=(6,))
    record = json.loads((tmp_path / "new" / "gradients.json").read_text())
    assert list(record["over_time"]) == ["one-hot", "scalar"]
    for curves in record["over_time"].values():
        assert curves["6"]["LSTM, cell"][-1] == 0  # nothing reads the last cell
    for curve in (record["over_time"]["one-hot"]["6"]["RNN"], record["over_layers"]["all rows"]):
        assert all(earlier < later for earlier, later in pairwise(curve))
    with pytest.raises(FileExistsError, match=r"gradients\.png"):
        example.main(tmp_path / "new", draws=1, lengths=(6,))


def test_the_page_says_of_the_gcn_lstm_what_was_measured() -> None:
    results = json.loads((ROOT / "docs" / "benchmarks" / "gcn_lstm.json").read_text())["results"]
    peer, floor = (
        [results[n][who]["times_ours"]["median"] for n in ("20", "1000", "10000")] for who in ("peer", "floor")
    )
    said = (
        f"{peer[0]:.0f}, {peer[1]:.1f} and {peer[2]:.1f} times ours; "
        f"`nn.LSTM` on the same nodes without any graph takes {floor[0]:.1f}, {floor[1]:.1f} and {floor[2]:.1f}"
    )
    assert said in " ".join(page("speed").split())


def test_rows_of_texts_are_kept_as_they_are_done_and_the_tables_say_which_were_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, fable = load(ROOT / "benchmarks" / "text_rows.py"), "In a Wood there dwelt a Fox. " * 60
    monkeypatch.setattr(script, "book", lambda _: fable)
    half = script.main(tmp_path, tmp_path / "work", ["grimms_2x512_half"], steps=2)
    for name in ("grimms_2x128_reference", "grimms_2x128_improved"):
        rows = script.main(tmp_path, tmp_path / "work", [name], steps=3)
    assert [row["name"] for row in rows] == ["grimms_2x512_half", "grimms_2x128_reference", "grimms_2x128_improved"]
    assert rows[0] == json.loads(json.dumps(half[0]))
    assert script.main(tmp_path, tmp_path / "work", ["grimms_2x128_improved"], steps=3) == rows  # as before
    assert rows[1]["settings"]["optimizer"] == "RMSprop"
    assert [rows[1]["reference"], rows[1]["steps"], rows[1]["averaged_over_steps"]] == [
        {"accuracy": 0.637, "loss": 1.1},
        3,
        3,
    ]
    with pytest.raises(ValueError, match="--only must be of grimms_2x128_reference"):
        script.main(tmp_path, tmp_path / "work", ["grimms"])
    told = load(ROOT / "examples" / "text_tables.py").main(tmp_path / "rows.json", tmp_path)
    line = next(line for line in told.splitlines() if line.startswith("grimms_fairy_tails, 2 × 128"))
    assert f"{rows[1]['accuracy']:.2%} {rows[1]['loss']:.3f}  {rows[1]['bits_in_windows']:.3f}" in line
    assert next(line for line in told.splitlines() if line.startswith("NL_darwin")).count("not run") == 2
    assert rows[2]["completions"]["greedy"] in told
    assert (tmp_path / "figure5.png").exists()
    assert (tmp_path / "figure6.png").exists()


def test_half_the_compute_is_at_most_half() -> None:
    script = load(ROOT / "benchmarks" / "text_rows.py")
    jobs = {job.name: job for job in script.jobs()}
    cost = {
        name: multiply_adds(build(jobs[name].settings, 87), jobs[name].steps)
        for name in ("grimms_2x512_reference", "grimms_2x512_half")
    }
    assert cost["grimms_2x512_half"] <= 0.5 * cost["grimms_2x512_reference"]
    for name, job in jobs.items():
        if job.setup == "improved":
            before = jobs[name.replace("improved", "reference")]
            same = ("hidden", "layers", "length", "batch_size", "held_out")
            assert job.steps == before.steps
            assert all(getattr(job.settings, key) == getattr(before.settings, key) for key in same)


def test_the_command_of_a_row_trains_that_row() -> None:
    for job in load(ROOT / "benchmarks" / "text_rows.py").jobs():
        options = _parser().parse_args(job.command)
        cosine = options.steps if options.cosine else 0
        assert flags.read(options, TextSettings, cosine=cosine) == job.settings


def test_set_ups_for_texts_are_trained_once_each(tmp_path: Path) -> None:
    script, fable = load(ROOT / "benchmarks" / "text_setups.py"), "In a Wood there dwelt a Fox. " * 60
    found = script.main(tmp_path, 3, fable)
    assert len({json.dumps(row["settings"]) for row in found.values()}) == len(found) == 10
    assert len({row["loss"] for row in found.values()}) == 10  # each setting does something
    before = (tmp_path / "setups.json").read_bytes()
    script.main(tmp_path, 3, fable)
    assert (tmp_path / "setups.json").read_bytes() == before
    with pytest.raises(ValueError, match="holds other trainings"):
        script.main(tmp_path, 4, fable)


def test_the_benchmark_of_texts_compares_what_writes_the_same() -> None:
    benchmark = load(ROOT / "benchmarks" / "text_speed.py")
    model = benchmark.build(benchmark.SETTINGS, len(benchmark.ALPHABET))
    assert benchmark.write_ours(model, 20)[1] == benchmark.write_bare(model, 20)[1]
    results = benchmark.main(steps=1, length=5, repeats=2)
    assert list(results) == ["training", "writing"]
    for row in results.values():
        assert list(row) == ["ours", "bare", "ratio", "ratio_low", "ratio_high"]


def test_the_benchmark_of_texts_reports_medians_without_the_first_run() -> None:
    benchmark = load(ROOT / "benchmarks" / "text_speed.py")
    ours, bare = (iter(seconds) for seconds in ([90.0, 1.0, 2.0, 4.0], [0.1, 2.0, 2.0, 2.0]))
    row = benchmark.compared(ours.__next__, bare.__next__, characters=100, repeats=3)
    assert row == {"ours": 50.0, "bare": 50.0, "ratio": 1.0, "ratio_low": 0.5, "ratio_high": 2.0}


def test_a_gcn_uses_no_more_context_than_its_layers_reach(tmp_path: Path) -> None:
    example, fable = load(ROOT / "examples" / "text_context.py"), "In a Wood there dwelt a Fox. " * 60
    found = example.main(tmp_path, fable, steps=3, samples=40)
    for layers in (1, 2, 4, 8):
        bits = found["GCN, 1 layer" if layers == 1 else f"GCN, {layers} layers"]["bits"]
        assert bits[layers + 1 :] == pytest.approx([bits[-1]] * (15 - layers), abs=1e-4)
    assert len({round(value, 6) for value in found["LSTM"]["bits"]}) == 16
    before = (tmp_path / "context.json").read_bytes()
    assert example.main(tmp_path, fable, steps=3, samples=40) == json.loads(json.dumps(found))
    assert (tmp_path / "context.json").read_bytes() == before
    with pytest.raises(ValueError, match="holds other measurements"):
        example.main(tmp_path, fable, steps=4, samples=40)


def test_the_tables_of_texts_are_those_of_the_recorded_rows(tmp_path: Path) -> None:
    folder, example = ROOT / "docs" / "text", load(ROOT / "examples" / "text_tables.py")
    assert example.main(folder / "rows.json", tmp_path) == (folder / "tables.txt").read_text()
    rows = example.read(folder / "rows.json")
    for (_, setup), row in rows.items():
        if setup == "improved":
            assert row["accuracy"] >= row["reference"]["accuracy"]
            assert row["loss"] <= row["reference"]["loss"]
    before = rows["grimms_2x128", "reference"]
    for setup in ("quarter", "dropout"):
        after = rows["grimms_2x128", setup]
        assert after["multiply_adds"] <= before["multiply_adds"]
        assert after["bits_in_windows"] < before["bits_in_windows"]


def test_texts_are_read_and_written_as_fast_as_was_asked() -> None:
    results = json.loads((ROOT / "docs" / "text" / "speed.json").read_text())["results"]
    assert results["training"]["ratio"] >= 0.95
    assert results["writing"]["ratio"] >= 0.5
