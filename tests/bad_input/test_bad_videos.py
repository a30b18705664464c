"""Videos that cannot be drawn or written."""

import re
from pathlib import Path

import pytest
from fake_envs import FakeEnv
from programs import ONE, run, start


@pytest.mark.parametrize("path", ["file/film.gif", "folder.gif", "/proc/none/film.gif", "/proc/film.mp4"])
def test_videos_that_cannot_be_written(refused, good, path):
    Path("file").write_text("")
    Path("folder.gif").mkdir()
    refused("video", "good", "--output", path, words=[path])


def test_videos_of_an_environment_that_cannot_be_drawn(refused, register):
    options = register(FakeEnv)
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    refused("video", "run", "--output=film.gif", words=["env.id", "fake/Fake-v0", "cannot be drawn"])


@pytest.mark.parametrize("value", ["glfw", "typewriter"])
def test_videos_where_mujoco_has_nothing_to_draw_with(tmp_path, monkeypatch, value):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    cheetah = ["--env.id=mamlrl/HalfCheetahDirection-v0", '--env.kwargs={"horizon": 10}']
    assert run("train", *ONE, *cheetah, "--output=run") == 0
    monkeypatch.setenv("MUJOCO_GL", value)
    process = start("video", tmp_path / "run", "--output", tmp_path / "film.gif")
    _, error = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"mamlrl: env\.id: mamlrl/HalfCheetahDirection-v0 [^\r\n]+\n", error), error
    assert "libegl1 and libgl1" in error
    assert not Path("film.gif").exists()
