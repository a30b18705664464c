"""The library that MuJoCo draws with: how it is chosen, and what is said where there is none."""

import os
import subprocess
import sys

import pytest

from mamlrl.envs.pictures import graphics


def test_where_nothing_can_be_drawn_every_attempt_says_so():
    program = """
import gymnasium, mamlrl
env = gymnasium.make("mamlrl/HalfCheetahDirection-v0", render_mode="rgb_array")
env.reset()
for _ in range(2):
    try:
        env.render()
    except RuntimeError as error:
        print(error)
"""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["MUJOCO_GL"] = "glfw"
    command = [sys.executable, "-P", "-c", program]  # -P: the installed package, not the sources in this folder
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert all("cannot draw" in line and "libegl1 and libgl1" in line for line in lines)


@pytest.mark.parametrize(
    ("libraries", "chosen"),
    [
        ({"EGL", "GL", "OSMesa"}, "egl"),
        ({"EGL", "GL"}, "egl"),
        ({"EGL", "OSMesa"}, "osmesa"),  # MuJoCo's EGL needs GL, too
        ({"OSMesa"}, "osmesa"),
        ({"EGL"}, None),
        (set(), None),
    ],
)
def test_a_library_that_is_here_is_chosen(monkeypatch, libraries, chosen):
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(graphics.sys, "platform", "linux")
    monkeypatch.setattr(graphics, "find_library", lambda name: name if name in libraries else None)
    graphics.choose_platform()
    assert os.environ.get("MUJOCO_GL") == chosen


@pytest.mark.parametrize(("platform", "value"), [("linux", "glfw"), ("linux", ""), ("darwin", None)])
def test_a_choice_that_is_made_and_other_systems_are_left_alone(monkeypatch, platform, value):
    monkeypatch.setattr(os, "environ", {} if value is None else {"MUJOCO_GL": value})
    monkeypatch.setattr(graphics.sys, "platform", platform)
    monkeypatch.setattr(graphics, "find_library", lambda name: name)
    graphics.choose_platform()
    assert os.environ.get("MUJOCO_GL") == value
