"""Training on MuJoCo Warp, on its CPU device: the programs, threads, and seeds."""

import pytest
from programs import deterministic_rows, run

pytestmark = pytest.mark.slow  # the first run compiles kernels, which takes minutes

SMALL = [
    "--env.kwargs.horizon=20",
    "--policy.hidden_sizes=[8]",
    "--sampling.episodes_per_task=3",
    "--meta_batch_size=4",
    "--trust_region.cg_iterations=2",
    "--iterations=2",
    "--evaluation.tasks=2",
    "--evaluation.episodes_per_task=2",
]


def train(folder, config, simulator):
    simulation = f"--env.kwargs.simulator={simulator}"
    assert run("train", f"--config={config}", *SMALL, simulation, "--output", folder) == 0
    return deterministic_rows(folder)


@pytest.mark.parametrize("config", ["half_cheetah_direction", "ant_direction"])
def test_a_seed_determines_a_run_that_begins_like_one_on_the_batch_engine(config, tmp_path):
    """The first config has two groups of tasks, each in a thread of its own."""
    pytest.importorskip("mujoco_warp")
    first, again = (train(tmp_path / name, config, "warp") for name in ("first", "again"))
    assert first == again
    batch = train(tmp_path / "batch", config, "batch")
    for name in ("return/step_0", "return/step_1"):
        assert first[0][name] != batch[0][name]
        assert float(first[0][name]) == pytest.approx(float(batch[0][name]), rel=1e-3, abs=1e-3)
    assert run("evaluate", tmp_path / "first") == 0
