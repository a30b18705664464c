"""Short runs of every kind of experiment, recorded to the last bit: a change of structure must not change them.

python tests/helpers/behaviour.py  # records anew, after a change that is meant to change numbers
"""

import csv
import hashlib
import json
import platform
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import gymnasium
import mujoco
import numpy as np
import torch

RECORDS = Path(__file__).parents[1] / "records" / "behaviour.json"
RESULTS = Path(__file__).parents[2] / "docs" / "results"

SMALL = ["--env.kwargs.horizon=20", "--meta_batch_size=4", "--sampling.episodes_per_task=4", "--iterations=2"]
IMAGES = ["--network.hidden_sizes=[4,4]", "--meta_batch_size=2", "--iterations=3", "--save_every=1"]
VALIDATION = ["--data.validation_tasks=4"]
LIKELIHOOD_RATIO = "--adaptation.loss=likelihood_ratio"

RUNS = {
    "navigation2d_maml": ["--config=navigation2d", *SMALL],
    "navigation2d_two_steps": ["--config=navigation2d", *SMALL, "--adaptation.steps=2"],
    "navigation2d_context": [
        "--config=navigation2d",
        *SMALL,
        "--policy.context_size=3",
        "--adaptation.adapted=context",
        "--sampling.groups=2",
        "--sampling.unit=transitions",
    ],
    "navigation2d_first_order": ["--config=navigation2d", *SMALL, "--adaptation.estimator=first_order"],
    "navigation2d_imaml": [
        "--config=navigation2d",
        *SMALL,
        LIKELIHOOD_RATIO,
        "--adaptation.estimator=imaml",
        "--adaptation.gradient_steps=4",
        "--adaptation.step_size=0.1",
        "--adaptation.proximal.optimizer=line_search",
        "--adaptation.proximal.weight=5",
        "--adaptation.proximal.damping=5",
    ],
    "navigation2d_meta_sgd": ["--config=navigation2d", *SMALL, "--adaptation.learned_step_size=per_parameter"],
    "navigation2d_promp": ["--config=navigation2d", *SMALL, LIKELIHOOD_RATIO, "--outer_optimizer=promp"],
    "half_cheetah_direction": ["--config=half_cheetah_direction", *SMALL],
    "half_cheetah_direction_gymnasium": ["--config=half_cheetah_direction_gymnasium", *SMALL],
    "ant_goal": ["--config=ant_goal", *SMALL],
    "sinusoid": ["--config=sinusoid", "--compile=false", "--iterations=20", "--save_every=10", *VALIDATION],
    "sinusoid_imaml": ["--config=sinusoid_imaml", "--iterations=3", "--save_every=1", *VALIDATION],
    "strokes": ["--config=strokes", *IMAGES, *VALIDATION],
    "strokes_imaml": ["--config=strokes_imaml", *IMAGES, *VALIDATION],
}

TIMES = ("seconds/", "wall_time", "env_steps_per_second")  # begin the names of columns that no seed determines
POLICY = ["--evaluation.tasks=3", "--evaluation.episodes_per_task=3", "--env.kwargs.horizon=20"]
SUPERVISED = ["--evaluation.tasks=3"]
METHODS = "navigation2d_methods"

EVALUATIONS = {
    "navigation2d/seed0.pt": POLICY,
    "navigation2d_text/seed0.pt": POLICY,
    **{f"{METHODS}/{name}_seed0.pt": POLICY for name in ("maml", "first_order", "imaml", "meta_sgd", "promp")},
    "half_cheetah_direction/seed0.pt": POLICY,
    "half_cheetah_direction_gymnasium/seed0.pt": POLICY,
    "half_cheetah_velocity/seed0.pt": POLICY,
    "ant_direction/seed0.pt": POLICY,
    "ant_direction_gymnasium/seed0.pt": POLICY,
    **{f"sinusoid/{name}_seed0.pt": SUPERVISED for name in ("maml", "first_order", "imaml", "meta_sgd")},
    **{f"strokes/{name}_seed0.pt": SUPERVISED for name in ("maml", "imaml", "zero_head")},
}


def machine() -> dict[str, str]:
    """What rounding may depend on."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = " ".join(sorted({line for line in lines if line.startswith(("vendor", "cpu family", "model"))}))
    libraries = {module.__name__: module.__version__ for module in (torch, np, mujoco, gymnasium)}
    return {"cpu": cpu, "vector": torch.backends.cpu.get_cpu_capability(), **libraries}


def draw_characters(folder: Path) -> str:
    """A small data set of strokes; returns the option that names it."""
    if not folder.exists():
        run("strokes", "--output", folder, "--alphabets=8", "--characters=10", "--images=20")
    return f"--data.folder={folder}"


def train(name: str, folder: Path) -> dict[str, object]:
    """Trains a case in an empty folder; returns its metrics, times left out, and its final parameters."""
    options = RUNS[name]
    if "strokes" in name:
        options = [*options, draw_characters(folder / "strokes")]
    run("train", *options, "--output", folder / "run")
    with open(folder / "run" / "metrics.csv", newline="") as file:
        rows = [
            {name: float(value) for name, value in row.items() if not name.startswith(TIMES)}
            for row in csv.DictReader(file)
        ]
    return {"metrics": rows, "params": digest(folder / "run" / "checkpoints" / "latest.pt")}


def digest(checkpoint: Path) -> dict[str, object]:
    """A checkpoint's parameters: all bits, and something that can be compared up to rounding."""
    params = torch.load(checkpoint, weights_only=True)["state"]["params"]
    return {
        "sha256": hashlib.sha256(params.numpy().tobytes()).hexdigest(),
        "size": len(params),
        "norm": float(params.double().norm()),
    }


def evaluate(name: str, folder: Path) -> list[dict[str, object]]:
    """Evaluates a shipped checkpoint; returns what the JSON holds of every step."""
    options = EVALUATIONS[name]
    if name.startswith("strokes"):
        options = [*options, draw_characters(folder / "strokes")]
    run("evaluate", RESULTS / name, *options, "--json", folder / "evaluation.json")
    return json.loads((folder / "evaluation.json").read_text())[0]["steps"]


def run(program: str, *arguments: object) -> None:
    """Runs a program in this process, in one thread and in silence."""
    module = __import__(f"mamlrl.scripts.{program}", fromlist=["run"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            assert module.run(list(map(str, arguments))) == 0
    finally:
        torch.set_num_threads(threads)


def _in_empty_folder(work, name):
    with TemporaryDirectory() as folder:
        return work(name, Path(folder))


if __name__ == "__main__":
    record = {
        "machine": machine(),
        "runs": {name: _in_empty_folder(train, name) for name in RUNS},
        "evaluations": {name: _in_empty_folder(evaluate, name) for name in EVALUATIONS},
    }
    RECORDS.parent.mkdir(exist_ok=True)
    RECORDS.write_text(json.dumps(record, indent=1) + "\n")
    sys.exit()
