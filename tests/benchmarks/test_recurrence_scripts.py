"""The scripts on recurrence run, and what they write is what they say."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load, page


def test_the_benchmark_of_the_scan_gives_ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "scan.json"
    monkeypatch.setattr(
        "sys.argv", ["scan", "--lengths", "5", "40", "--batch", "2", "--rounds", "3", "--out", str(out)]
    )
    script = load(ROOT / "benchmarks" / "scan.py")
    script.main()
    results = json.loads(out.read_text())["results"]
    assert list(results) == ["B=2 T=5", "B=2 T=40"]
    for row in results.values():
        assert list(row) == ["scan", "loop", "MinLSTM", "nn.LSTM"]
        assert row["scan"]["times_scan"]["median"] == row["MinLSTM"]["times_MinLSTM"]["median"] == 1
        assert row["loop"]["times_scan"]["low"] <= row["loop"]["times_scan"]["median"]
    with pytest.raises(SystemExit):
        script.main()


def test_the_four_optimisers_begin_at_one_point_and_each_has_its_best_rate(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "optimizers.py")
    files = example.main(tmp_path / "new", steps=30, seeds=1)
    assert [file.name for file in files] == ["optimizers.png", "optimizers.json"]
    record = json.loads(files[1].read_text())
    assert list(record["task"]) == list(record["valley"]) == ["SGD", "momentum", "RMSprop", "Adam"]
    assert len({found["loss"][0] for found in record["task"].values()}) == 1
    for found in record["task"].values():
        assert found["last_loss_by_lr"][str(found["lr"])] == min(found["last_loss_by_lr"].values())
    for found in record["valley"].values():
        assert found["path"][0] == list(example.START)
        assert found["steps"] == min(steps for steps in found["steps_by_lr"].values() if steps is not None)
    # Gradient descent on a quadratic, in closed form: each coordinate shrinks by 1 - lr times its curvature.
    sgd = record["valley"]["SGD"]
    shrink = 1 - sgd["lr"], 1 - example.CURVATURE * sgd["lr"]
    expected = [start * factor**10 for start, factor in zip(example.START, shrink, strict=True)]
    assert sgd["path"][10] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(FileExistsError, match=r"optimizers\.png"):
        example.main(tmp_path / "new", steps=30, seeds=1)


def test_a_run_of_palindromes_is_recorded_once_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    plain = script.Setup("reference", "RNN", "one-hot", (3,), (3,), hidden=16, steps=60)
    taught = script.Setup(
        "improved", "RNN", "one-hot", (4, 8), (8, 40), "latch", optimizer="Adam", clip=1.0, stop_window=20, steps=400
    )
    script.main(tmp_path, [(plain, 0)])
    first = json.loads((tmp_path / "results.json").read_text())["records"][0]
    table = script.main(tmp_path, [(plain, 0), (plain, 1), (taught, 0)])
    whole = json.loads((tmp_path / "results.json").read_text())
    assert whole["table"] == table.splitlines()
    assert whole["records"][0] == first
    assert [record["config"]["seed"] for record in whole["records"]] == [0, 1, 0]
    latched = whole["records"][2]
    assert latched["solved"]
    assert [stage["length"] for stage in latched["stages"]] == [4, 8]
    assert latched["steps"] == sum(stage["steps"] for stage in latched["stages"]) <= 400
    assert [(test["length"], test["score"]) for test in latched["test"]] == [(8, 1.0), (40, 1.0)]
    line = next(line for line in whole["lines"] if line["setup"] == "improved")
    assert (line["horizon"], line["trained_to"], line["tested_to"], line["seeds"]) == (40, 8, 40, 1)


def test_a_stopped_run_of_palindromes_goes_on_from_its_checkpoint_with_the_same_batches(tmp_path: Path) -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    setup = script.Setup("reference, He's start", "RNN", "scalar", (4,), (4,), "kaiming", hidden=8, steps=30)
    whole = script.run(setup, 1)
    script.run(script.replace(setup, steps=20), 1, tmp_path)  # stopped there
    assert [path.name for path in tmp_path.iterdir()] == ["reference-Hes-start_RNN_scalar_4_1.pt"]
    resumed = script.run(setup, 1, tmp_path)
    assert [resumed[key] for key in ("steps", "last_batches", "test")] == [
        whole[key] for key in ("steps", "last_batches", "test")
    ]


def test_an_effective_horizon_is_the_longest_length_that_is_solved_at_95_percent() -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    tests = [{"length": length, "score": score} for length, score in ((30, 0.94), (10, 1.0), (20, 0.95), (40, 0.1))]
    assert script.horizon(tests) == 20
    assert script.horizon([{"length": 4, "score": 0.5}]) == 0


def test_no_seed_is_dropped_and_one_that_solved_all_it_was_asked_is_a_lower_bound() -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    scores = {0: {10: 1.0, 20: 1.0, 30: 1.0}, 1: {10: 1.0, 20: 1.0}, 2: {10: 1.0, 20: 0.5}}
    records = [
        {"config": {"seed": seed}, "test": [{"length": length, "score": score}]}
        for seed, tests in scores.items()
        for length, score in tests.items()
    ]
    assert script.horizons_of(records) == [(30, True), (20, True), (10, False)]
    facts = {"name": "a", "model": "RNN", "encoding": "scalar", "lengths": [30]}
    whole = [
        {"config": {**record["config"], **facts}, "test": record["test"], "parameters": 1, "steps": 1, "seconds": 1.0}
        for record in records
    ]
    (line,) = script.lines(whole)
    assert (line["seeds"], line["horizon"], line["horizon_low"], line["horizon_high"]) == (3, 20, 10, 30)
    assert script.table([line]).splitlines()[1].split()[8:11] == ["≥20", "[10,", "≥30]"]


def test_set_ups_differ_only_in_what_their_names_say() -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    for encoding in ("scalar", "one-hot"):
        chosen = script.setups(encoding)
        assert len({(each.name, each.model, each.lengths) for each in chosen}) == len(chosen)
        assert all(each.steps <= 10_000 and each.batch_size == 128 for each in chosen)
        reference = [each for each in chosen if each.name == "reference"]
        facts = {(e.optimizer, e.lr, e.clip, e.hidden, e.layers, e.start, e.steps, e.stop_window) for e in reference}
        assert facts == {("RMSprop", 0.001, 10.0, 128, 1, "torch", 10_000, 100)}
        assert {each.model for each in reference} == {"RNN", "LSTM"}


def test_set_ups_of_lengths_that_are_asked_are_those_of_both_models() -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    made = script.setups("scalar", [4, 7])
    both = [(name, model, (n,)) for name in ("reference", script.HE) for model in ("RNN", "LSTM") for n in (4, 7)]
    biased = [(script.HE_BIAS, "LSTM", (n,)) for n in (4, 7)]
    assert [(each.name, each.model, each.lengths) for each in made] == both + biased
    for setup in script.setups("scalar", [20]):
        assert setup in script.setups("scalar")
    assert [each.name for each in script.setups("one-hot", [300])] == ["reference", "reference", "trial: no curriculum"]


def test_runs_of_other_steps_do_not_mix(tmp_path: Path) -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    plain = script.Setup("reference", "RNN", "one-hot", (3,), (3,), hidden=4, steps=2)
    script.main(tmp_path, [(plain, 0)])
    with pytest.raises(
        ValueError, match=r"has runs of reference, RNN, one-hot with at most 2 steps; choose another --ou"
    ):
        script.main(tmp_path, [(script.replace(plain, steps=3), 0)])


def test_a_set_up_is_shortened_only_where_it_is_longer() -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    for setup in script.setups("scalar"):
        assert script.shortened(setup, 10_000, 10_000) == setup
    rnn = script.taught("improved", "RNN", "one-hot", 300)
    short = script.shortened(rnn, 20, 50)
    assert (short.lengths, short.tested, short.steps) == ((4, 8, 16, 20), (10, 20), 50)
    assert script.shortened(script.reference("RNN", "one-hot", (30,))[0], 20, 50) is None


def test_figures_of_palindromes_are_drawn_from_the_record(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "palindromes.py")

    def record(name: str, model: str, encoding: str, seed: int, scores: dict[int, float]) -> dict[str, object]:
        config = {"name": name, "model": model, "encoding": encoding, "seed": seed, "lengths": [max(scores)]}
        return {"config": config, "test": [{"length": n, "score": score} for n, score in scores.items()]}

    records = [
        record(name, model, encoding, seed, scores)
        for name, scores in (("reference", {4: 1.0}), ("reference", {12: 0.6}), ("improved", {10: 1.0, 300: 1.0}))
        for model in ("RNN", "LSTM")
        for encoding in ("scalar", "one-hot")
        for seed in (0, 1)
    ]
    records += [record("trial: none", "RNN", "scalar", 0, {10: 0.1})]
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"records": records}))
    files = example.main(file, tmp_path / "new")
    names = ["figure_1_rnn.png", "figure_2_lstm.png", "figure_3_both.png", "figures_of_the_study.png"]
    assert [path.name for path in files] == names
    he = [record("reference, He's start", "LSTM", "scalar", seed, {20: score}) for seed, score in enumerate((1.0, 0.9))]
    panels = example.study([*records, *he]).axes
    labels = [[text.get_text() for text in panel.get_legend().get_texts()] for panel in panels]
    he_lstm = "LSTM, reference, He's start"
    assert labels[0] == ["RNN, reference"]
    assert labels[1:] == [["LSTM, reference", he_lstm], ["RNN, improved", he_lstm, "LSTM, improved"]]
    drawn = next(line for line in panels[1].get_lines() if line.get_label() == he_lstm)
    assert drawn.get_xydata().tolist() == [[20.0, pytest.approx(0.95)]]
    assert example.curve(records, "reference", "RNN", "scalar") == {4: [1.0, 1.0], 12: [0.6, 0.6]}
    panel = example.figure(records, ("RNN",)).axes[0]
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert labels == ["RNN, reference (2 seeds)", "RNN, improved (2 seeds)"]
    with pytest.raises(FileExistsError, match=r"figure_1_rnn\.png"):
        example.main(file, tmp_path / "new")
    # Student's t of 2 degrees of freedom is 4.303: with scores far apart it goes past 0 and 1 and is cut there.
    assert example.interval([0.1, 0.5, 0.9]) == (pytest.approx(0.5), 0.0, 1.0)
    assert example.interval([0.2, 0.8]) == (0.5, 0.5, 0.5)
    assert example.interval([0.5, 0.5, 0.52])[1] == pytest.approx(0.5066667 - 4.302653 * 0.0115470 / 3**0.5, abs=1e-6)


def test_the_recorded_gradients_fade_before_training_and_stay_in_the_lstms_cell_after_it() -> None:
    record = json.loads((ROOT / "docs" / "gradients" / "gradients.json").read_text())
    assert record["config"]["draws"] == [1000, 100]  # at 10 digits and at 100
    after = record["after_training"]["100"]
    for reading in ("one-hot", "scalar"):
        before = record["over_time"][reading]["100"]
        assert all(curve[0] < 1e-12 * max(curve) for curve in before.values())
    assert after["RNN"][0] < 1e-12 * max(after["RNN"])
    assert after["LSTM, cell"][0] > 0.1 * max(after["LSTM, cell"])


def test_the_recorded_optimisers_do_what_the_example_says() -> None:
    record = json.loads((ROOT / "docs" / "palindromes" / "optimizers.json").read_text())
    last = {name: sum(found["loss"][-50:]) for name, found in record["task"].items()}
    assert min(last, key=last.__getitem__) == "Adam"
    assert max(last, key=last.__getitem__) == "SGD"
    steps = {name: found["steps"] for name, found in record["valley"].items()}
    assert min(steps, key=steps.__getitem__) == "RMSprop"
    assert max(steps, key=steps.__getitem__) == "SGD"


def test_the_recorded_palindromes_are_what_their_table_says_and_reach_as_far_as_is_claimed() -> None:
    script = load(ROOT / "benchmarks" / "palindromes.py")
    whole = json.loads((ROOT / "docs" / "palindromes" / "results.json").read_text())
    assert whole["lines"] == script.lines(whole["records"])
    assert whole["table"] == script.table(whole["lines"]).splitlines()
    known = [
        script.config_of(setup, 0) | {"seed": None} for each in ("scalar", "one-hot") for setup in script.setups(each)
    ]
    assert all(record["config"] | {"seed": None} in known for record in whole["records"])
    assert all(record["steps"] <= 10_000 for record in whole["records"])
    for model, length in (("RNN", 300), ("LSTM", 1000), ("MinLSTM", 10_000)):
        right = {
            record["config"]["seed"]: test["score"]
            for record in whole["records"]
            for test in record["test"]
            if (record["config"]["name"], record["config"]["model"], test["length"]) == ("improved", model, length)
            and record["config"]["encoding"] == "one-hot"
        }
        assert right == dict.fromkeys(range(5), 1.0)


def test_the_table_of_palindromes_is_the_recorded_one() -> None:
    record = json.loads((ROOT / "docs" / "palindromes" / "results.json").read_text())
    text = page("palindromes")
    assert "\n".join(record["table"]) in text
    whole = {line["model"]: line for line in record["lines"] if line["setup"] == "improved" and line["seeds"] == 5}
    assert {"RNN", "LSTM", "MinLSTM"} <= set(whole)
    for model in ("RNN", "LSTM", "MinLSTM"):
        own = [r for r in record["records"] if (r["config"]["model"], r["config"]["name"]) == (model, "improved")]
        tests = [t for r in own if r["config"]["encoding"] == "one-hot" for t in r["test"]]
        assert all(t["score"] == 1 for t in tests)
        assert max(t["length"] for t in tests) == 10_000


def test_a_solved_run_that_is_wrong_on_fresh_digits_was_right_in_its_last_batches() -> None:
    records = json.loads((ROOT / "docs" / "palindromes" / "results.json").read_text())["records"]
    both = [record for record in records if "last_batches" in record]
    assert all(record["solved"] == (record["last_batches"] == 1) for record in both)
    # Those of He's start leave out the update that no batch has tested.
    he = [record for record in both if record["config"]["name"].startswith("reference, He's start")]
    assert len(he) == len(both)
    assert all(record["test"][0]["score"] > 0.99 for record in he if record["solved"])


def test_the_studys_lstm_is_right_at_all_lengths_of_its_figure_from_five_seeds() -> None:
    records = json.loads((ROOT / "docs" / "palindromes" / "results.json").read_text())["records"]
    for start, lengths in (("He's start", range(4, 31, 2)), ("He's start, forget bias 1", [*range(4, 31, 2), 100])):
        scores: dict[int, list[float]] = {}
        for record in records:
            if (record["config"]["model"], record["config"]["name"]) == ("LSTM", f"reference, {start}"):
                scores.setdefault(record["config"]["lengths"][0], []).append(record["test"][0]["score"])
        for length in lengths:
            assert len(scores[length]) == 5, (start, length)
            assert min(scores[length]) > 0.99, (start, length)


def test_the_studys_rnn_is_right_as_far_as_the_page_says() -> None:
    records = json.loads((ROOT / "docs" / "palindromes" / "results.json").read_text())["records"]
    right: dict[int, list[bool]] = {}
    for record in records:
        if (record["config"]["model"], record["config"]["name"]) == ("RNN", "reference, He's start"):
            right.setdefault(record["config"]["lengths"][0], []).append(record["test"][0]["score"] > 0.99)
    assert {length: len(found) for length, found in right.items()} == dict.fromkeys(range(4, 31, 2), 5)
    farther = {16: 3, 18: 3, 20: 3, 22: 1, 24: 0, 26: 1, 28: 0, 30: 0}
    assert {length: sum(found) for length, found in right.items()} == dict.fromkeys(range(4, 15, 2), 5) | farther


def test_updates_after_a_solved_batch_are_tested_on_fresh_digits(tmp_path: Path) -> None:
    script = load(ROOT / "benchmarks" / "palindromes_spikes.py")
    whole = json.loads((ROOT / "docs" / "palindromes" / "spikes.json").read_text())["runs"][0]
    assert (whole["right_after"], whole["tested_steps"], whole["lowest"]) == (103, 106, 0.678)
    (run,) = script.main(tmp_path / "spikes.json", [3], [0])
    assert run["solved"]
    assert run["after_each_step"]["step"][-1] == run["steps"]
    assert run["tested_steps"] >= 40  # the last 100 steps, of which the first 60 began the tests


def test_each_start_is_tried_once(tmp_path: Path) -> None:
    script = load(ROOT / "benchmarks" / "palindromes_starts.py")
    first = script.main(tmp_path / "starts.json", script.SETUPS[:2], "LSTM", 4, [0], 2)
    assert script.main(tmp_path / "starts.json", script.SETUPS, "LSTM", 4, [0], 2)[:2] == first
    weight = script.exchanged(torch.empty(400, 1))
    assert weight.std() < 0.1  # fan-in 400, not 1
    names = [setup.name for setup in script.SETUPS]
    assert len(set(names)) == len(names)
    assert names[-2:] == ["He, ε = 0.0001", "He, digits divided by 9"]
    assert set(first[0]["kept"]) == {"4", "100"}
    network = script.network(script.SETUPS[0], "LSTM", 0)
    with torch.no_grad():
        network.encoder.kernel.weight_ih_l0.zero_()
        network.encoder.kernel.weight_hh_l0.zero_()
    assert script.kept(network, script.Divided(7, 1.0), 0) == pytest.approx(0.5**5)  # half at each of five steps
    graph = script.Divided(5, 9.0).batch(1, torch.Generator().manual_seed(0))
    assert (graph.x[:, 0] * 9).tolist() == pytest.approx([4, 9, 3, 9])


def test_the_recorded_starts_are_what_their_table_says_and_learn_where_the_untrained_gates_keep_enough() -> None:
    script = load(ROOT / "benchmarks" / "palindromes_starts.py")
    recorded = json.loads((ROOT / "docs" / "palindromes" / "starts.json").read_text())
    assert textwrap.indent(script.table(recorded), "  ") in page("palindromes")
    assert len(recorded) == 3 * len(script.SETUPS)
    assert {(one["config"]["model"], one["config"]["length"]) for one in recorded} == {("LSTM", 20)}
    keeps = [one for one in recorded if one["kept"]["20"] > 0.03 and one["config"]["start"] != "N(0, 1)"]
    assert all(one["accuracy"] > 0.99 for one in keeps)
    little = [one for one in recorded if one["kept"]["20"] <= 0.03]
    assert [one["accuracy"] > 0.99 for one in little].count(True) == 1
    assert len(little) == 9
