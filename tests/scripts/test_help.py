"""`--help` of every program: short, with examples that work as they stand."""

import re
import shlex
from importlib import import_module

import pytest
from programs import run

from mamlrl.experiments.command_line import load_config
from mamlrl.scripts import main
from mamlrl.scripts.main import PROGRAMS

WITHOUT_SETTINGS = ("strokes", "kanji", "policies", "reproduce")


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def help_of(program, capsys):
    """The text of a program's help, or of the command's."""
    if program is None:
        return main._usage()
    with pytest.raises(SystemExit) as left:
        run(program, "--help")
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("program", [None, *PROGRAMS])
def test_help_is_short(program, capsys):
    text = help_of(program, capsys)
    assert 20 <= len(text.splitlines()) <= 40
    assert text.startswith("usage: mamlrl")


@pytest.mark.parametrize("program", [None, *PROGRAMS])
def test_examples_stand_before_options_and_can_be_parsed(program, capsys):
    text = help_of(program, capsys)
    examples = re.findall(r"^  (mamlrl .*)", text, re.MULTILINE)
    assert len(examples) >= 2
    assert text.index(examples[-1]) < text.index("programs (each" if program is None else "options:\n")
    for example in examples:
        _, named, *arguments = shlex.split(example)
        line = import_module(f"mamlrl.scripts.{named.replace('-', '_')}").command_line()
        line.parse(arguments)
        if named in WITHOUT_SETTINGS:
            line.refuse_settings(named)
        else:
            of_a_run = load_config("sinusoid" if "sinusoid" in example else "navigation2d")
            line.experiment(None if line.configs() else of_a_run)


@pytest.mark.parametrize("program", PROGRAMS)
def test_own_options_stand_before_settings(program, capsys):
    text = help_of(program, capsys)
    if program in WITHOUT_SETTINGS:
        assert "--help-settings" not in text
    else:
        assert (
            text.index("options:\n") < text.index("settings of the experiment:\n") < text.index("--help-settings")
        )
