"""Output folders and files that cannot be written."""

import errno
from pathlib import Path

import pytest
from programs import ONE


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("file", ["file"]),
        ("file/run", ["file/run"]),
        ("file/a/b", ["file/a/b"]),
        ("/proc/none/run", ["/proc/none/run"]),
        ("a" * 300, ["aaa"]),
        ("good", ["good", "holds a run already", "--resume", "--output"]),
    ],
)
def test_output_folders(refused, good, output, words):
    Path("file").write_text("")
    refused("train", *ONE, "--output", output, words=words)


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "checkpoints", "tensorboard", ".lock"])
def test_output_folder_with_something_in_the_way(stopped, name):
    """Nothing can be said here about what is written: the folder could be made."""
    Path("run").mkdir()
    if name in ("checkpoints", "tensorboard"):
        Path("run", name).write_text("")
    else:
        Path("run", name).mkdir()
    stopped(*ONE, "--output=run", words=["run"])
    assert sorted(Path("run").rglob("*.tmp")) == []


def test_output_folder_without_permission(refused, monkeypatch):
    def forbid(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", forbid)
    refused("train", *ONE, "--output=run", words=["run", "Permission denied"])


@pytest.mark.parametrize("path", ["file/e.json", "folder", "/proc/none/e.json", "/dev/full"])
def test_evaluations_that_cannot_be_written_are_printed_all_the_same(refused, good, path):
    Path("file").write_text("")
    Path("folder").mkdir()
    refused("evaluate", "good", "--json", path, words=[path], printed=r"good/.*\n  step 2: .*\n")


@pytest.mark.parametrize("path", ["file/figure.png", "folder.png", "/proc/none/figure.png"])
def test_figures_that_cannot_be_written(refused, good, path):
    Path("file").write_text("")
    Path("folder.png").mkdir()
    refused("plot", "curves", "good", "--output", path, words=[path])


@pytest.mark.parametrize("path", ["figure.xyz", "new/figure.xyz", "new/figure", "figure."])
def test_figures_of_an_unknown_kind(refused, good, path):
    refused("plot", "curves", "good", "--output", path, words=[path, "png"])
