"""Paths that no file can have."""

import pytest
from programs import ONE

LONG = "x" * 5000


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("evaluate", [LONG]),
        ("evaluate", [f"{LONG}/latest.pt"]),
        ("evaluate", ["good", f"--json={LONG}"]),
        ("plot", ["curves", LONG, "--output=figure.png"]),
        ("plot", ["adaptation", LONG, "--output=figure.png"]),
        ("plot", ["paths", LONG, "--output=figure.png"]),
        ("plot", ["curves", "good", f"--output={LONG}.png"]),
        ("video", [LONG, "--output=film.gif"]),
        ("video", ["good", f"--output={LONG}.gif", "--size=32"]),
        ("compare", [f"--checkpoint={LONG}", "--adaptation.proximal.weight=1", "--output=new"]),
        ("compare", [*ONE, "--policy.activation=tanh", "--adaptation.proximal.weight=100", f"--output={LONG}"]),
        ("train", [*ONE, f"--output={LONG}"]),
        ("train", [f"--output={LONG}", "--resume"]),
        ("train", [*ONE, "--output=new", f"--init_from={LONG}"]),
        ("train", [f"--config={LONG}", "--output=new"]),
        ("train", ["--config=omniglot_5way_1shot", f"--data.path={LONG}", "--output=new"]),
        ("strokes", [f"--output={LONG}"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)
def test_names_that_are_too_long(refused, good, program, arguments):
    refused(program, *arguments, words=[LONG[:20]], printed=".*")
