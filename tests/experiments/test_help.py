"""The text for `--help`: one spelling of each option, what is required, and defaults that say something."""

from argparse import ArgumentParser

import pytest

from mamlrl.experiments.help import About, short_help


@pytest.fixture
def actions():
    parser = ArgumentParser(add_help=False)
    parser.add_argument("inputs", nargs="+", help="What to read.")
    parser.add_argument("--output", required=True, help="What to write.")
    parser.add_argument("--init_from", "--init-from", help="Where to begin.")
    parser.add_argument("--fast", action="store_true", help="Hurry.")
    parser.add_argument("--offset", type=int, default=0, help="Of 100% at most.")
    parser.add_argument("--tasks", nargs="+", default=[0, 2], help="Which.")
    return parser._actions


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def lines(*arguments):
    return [" ".join(line.split()) for line in short_help(*arguments).splitlines()]


def test_the_text_has_examples_options_and_settings_in_this_order(actions):
    text = lines(About("mamlrl test", "Test things.", ["mamlrl test in --output out"]), actions)
    assert text[:5] == [
        "usage: mamlrl test INPUTS [INPUTS ...] [OPTIONS] [--SETTING VALUE ...]",
        "",
        "Test things.",
        "",
        "examples:",
    ]
    titles = ["examples:", "mamlrl test in --output out", "arguments:", "options:", "settings of the experiment:"]
    assert [line for line in text if line in titles] == titles


def test_options_are_shown_once_with_defaults_that_say_something(actions):
    text = lines(About("mamlrl test", "Test things."), actions)
    for line in (
        "inputs What to read.",
        "--output OUTPUT What to write. (required)",
        "--init_from INIT_FROM Where to begin.",
        "--fast Hurry.",
        "--offset OFFSET Of 100% at most. (default: 0)",
        "Which. (default: 0 2)",
        "-h, --help Print this and exit.",
    ):
        assert line in text
    assert "examples:" not in text


def test_a_program_without_settings_does_not_speak_of_them(actions):
    text = short_help(About("mamlrl test", "Test things.", takes_settings=False), actions)
    assert "SETTING" not in text
    assert "--config" not in text
