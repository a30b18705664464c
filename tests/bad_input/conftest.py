"""Bad input: one line on stderr that names the culprit, status 2, nothing written."""

import re
import shutil

import gymnasium
import pytest
from programs import PROGRESS, TINY, run


def snapshot(folder):
    """Everything in a folder."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    """Relative paths lie in the test's folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refused(tmp_path, capsys):
    """Runs a program that must refuse its input before it starts to work."""

    def check(program, *arguments, words=(), printed=""):
        before = snapshot(tmp_path)
        capsys.readouterr()
        assert run(program, *arguments) == 2
        output, error = capsys.readouterr()
        assert re.fullmatch(r"mamlrl: [^\r\n]+\n", error)
        for word in words:
            assert str(word) in error
        assert re.fullmatch(printed, output, flags=re.DOTALL)
        assert snapshot(tmp_path) == before

    return check


@pytest.fixture
def stopped(capsys):
    """Runs a training that must stop with one line below its progress bar."""

    def check(*arguments, words=()):
        capsys.readouterr()
        assert run("train", *arguments) == 2
        output, error = capsys.readouterr()
        lines = [line for line in error.splitlines() if line and not PROGRESS.search(line)]
        assert len(lines) == 1, error
        assert lines[0].startswith("mamlrl: ")
        assert error.endswith(f"{lines[0]}\n")
        for word in words:
            assert str(word) in lines[0]
        assert output == ""

    return check


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "good"
    assert run("train", *TINY, "--iterations=2", "--output", folder) == 0
    return folder


@pytest.fixture
def good(trained, tmp_path):
    """A run of two meta-iterations, for a test to spoil."""
    shutil.copytree(trained, tmp_path / "good")
    return tmp_path / "good"


@pytest.fixture
def register():
    """Registers environments; returns the options that choose one, small enough for tests."""
    names = []

    def add(env_class, name="fake/Fake-v0"):
        gymnasium.register(id=name, vector_entry_point=env_class)
        names.append(name)
        return [*TINY, f"--env.id={name}", '--env.kwargs={"horizon": 10}']

    yield add
    for name in names:
        del gymnasium.registry[name]
