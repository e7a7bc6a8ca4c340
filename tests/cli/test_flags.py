"""Flags from a dataclass of settings: type, check, default and help of each come from its field."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

import pytest

from graphseq.cli import flags
from graphseq.cli.arguments import Help, Parser
from graphseq.experiments.forecast.settings import Settings as ForecastSettings
from graphseq.experiments.settings import BaseSettings, Choices, Count, File, Metavar, Positive, Seed, Share, ShareOr0
from graphseq.experiments.text.settings import Settings as TextSettings


@dataclass(frozen=True)
class Settings(BaseSettings):
    """Settings of a test.

    Attributes:
        file: the file
            to read.
        hidden: hidden units, 100 % of them.
        models: models.
        seeds: seeds.
        kind: a kind.
        season: a season (default: none).
        lr: learning rate.
        held_out: a share.
        dropout: another share.
        fast: be fast.
        name: a name.
    """

    file: File
    hidden: Annotated[Count, Metavar("H")] = 8
    models: tuple[Annotated[str, Choices(("GCN", "LSTM", "GCN-LSTM"))], ...] = ("LSTM",)
    seeds: tuple[Seed, ...] = (0, 1)
    kind: Literal["one", "two"] = "one"
    season: Positive | None = None
    lr: Positive = 0.1
    held_out: Share = 0.5
    dropout: ShareOr0 = 0.0
    fast: bool = False
    name: str = ""


def parsed(*words: str, **defaults: object) -> Settings:
    parser = Parser(prog="test", formatter_class=Help)
    flags.add(parser, Settings, defaults=defaults)
    return flags.read(parser.parse_args(words), Settings)


def test_without_flags_all_is_at_its_default() -> None:
    assert parsed("x.csv") == Settings("x.csv")


def test_every_flag_arrives_under_its_name_and_type() -> None:
    words = "x.csv --hidden 3 --model gcn_lstm LSTM --seed 5 2 --kind TWO --season 7 --lr 2 --held-out 0.25 --dropout 0"
    assert parsed(*words.split(), "--fast", "--name", "n") == Settings(
        "x.csv", 3, ("LSTM", "GCN-LSTM"), (2, 5), "two", 7.0, 2.0, 0.25, 0.0, True, "n"
    )


def test_a_switch_that_is_on_by_default_has_an_opposite() -> None:
    @dataclass(frozen=True)
    class Switches(BaseSettings):
        """Two switches.

        Attributes:
            slow: be slow.
            fast: be fast.
        """

        slow: bool = True
        fast: bool = False

    parser = Parser(prog="test", formatter_class=Help)
    flags.add(parser, Switches)
    assert [flags.read(parser.parse_args(words), Switches).slow for words in ([], ["--no-slow"], ["--slow"])] == [
        *(True, False, True)
    ]
    assert "--no-fast" not in parser.format_help()
    assert "--slow, --no-slow be slow" in " ".join(parser.format_help().split())
    elsewhere = Parser(prog="test")
    flags.add(elsewhere, Switches, defaults={"slow": False})
    assert not flags.read(elsewhere.parse_args([]), Switches).slow


def test_a_command_can_have_defaults_of_its_own() -> None:
    assert parsed("x.csv", hidden=64).hidden == 64
    assert parsed("x.csv", "--hidden", "2", hidden=64).hidden == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--hidden 0", "argument --hidden: must be at least 1, got 0"),
        ("--hidden 1.5", "argument --hidden: must be a whole number, got '1.5'"),
        ("--seed -1", "argument --seed: must be at least 0, got -1"),
        ("--lr 0", "argument --lr: must be a number above 0, got '0'"),
        ("--lr inf", "argument --lr: must be a number above 0, got 'inf'"),
        ("--season nan", "argument --season: must be a number above 0, got 'nan'"),
        ("--held-out 0", "argument --held-out: must be a share between 0 and 1, got '0'"),
        ("--held-out 1", "argument --held-out: must be a share between 0 and 1, got '1'"),
        ("--dropout 1", "argument --dropout: must be a share of at least 0 and less than 1, got '1'"),
        ("--kind three", "argument --kind: invalid choice: 'three'"),
        ("--model RNN", "argument --model: invalid choice: 'RNN'"),
        ("--fats", "unrecognized arguments: --fats; did you mean --fast?"),
        ("--hiden=3", "unrecognized arguments: --hiden=3; did you mean --hidden?"),
    ],
)
def test_what_is_out_of_range_is_refused_by_its_flag(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parsed("x.csv", *words.split())
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"test: {message}")


def test_a_value_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="--model names a value twice: LSTM LSTM"):
        parsed("x.csv", "--model", "lstm", "LSTM")


def test_the_help_is_that_of_the_class_with_the_default() -> None:
    parser = Parser(prog="test", formatter_class=lambda prog: Help(prog, width=200))
    flags.add(parser, Settings)
    lines = [" ".join(line.split()) for line in parser.format_help().splitlines()]
    assert "FILE the file to read" in lines
    assert "--hidden H hidden units, 100 % of them (default: 8)" in lines
    assert "--seed SEED [SEED ...]" in lines
    assert "seeds (default: 0 1)" in lines
    assert "models: GCN, LSTM, GCN-LSTM (default: LSTM)" in lines
    assert "--kind {one,two} a kind (default: one)" in lines
    assert "--season NUMBER a season (default: none)" in lines
    assert "--fast be fast" in lines
    assert "--name NAME a name" in lines


@pytest.mark.parametrize("settings", [ForecastSettings, TextSettings])
def test_every_setting_has_a_help(settings: type) -> None:
    assert list(flags.attributes(settings)) == [field.name for field in fields(settings)]


def test_settings_survive_json_and_a_new_one_has_its_default() -> None:
    settings = Settings("x.csv", seeds=(3, 4), season=2.0)
    record = settings.to_json()
    assert Settings.from_json(record) == settings
    del record["lr"]
    assert Settings.from_json(record) == settings
    with pytest.raises(ValueError, match="settings must hold file, hidden"):
        Settings.from_json({**record, "hidden": "8"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--hidden 2147483648", "--hidden: must be at most 2,147,483,647, got 2147483648"),
        ("--hidden 1_0", "--hidden: must be a whole number, got '1_0'"),
        ("--hidden ١", "--hidden: must be a whole number, got '١'"),
        ("--lr 1_0.5", "--lr: must be a number above 0, got '1_0.5'"),
    ],
)
def test_counts_without_end_and_digits_of_python_alone_are_refused(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed("x.csv", *words.split())
    assert said in capsys.readouterr().err
