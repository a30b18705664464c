"""An exported policy, run by onnxruntime and NumPy alone, returns what `evaluate` says."""

import json
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from elsewhere import run_without

import mamlrl
from mamlrl.runs.published import published_checkpoint

ACT = """
import json
import gymnasium, numpy, onnxruntime

root, env_id, kwargs, episodes, *files = json.loads(sys.argv[1])
sys.path.insert(0, root)  # of the environments
returns = []
for task, file in files:
    act = onnxruntime.InferenceSession(file)
    env = gymnasium.make_vec("mamlrl.envs:" + env_id, num_envs=episodes, **kwargs)
    env.set_tasks(numpy.array([task]))
    observation, _ = env.reset(seed=len(returns))
    rng = numpy.random.default_rng(len(returns))
    earned, running = numpy.zeros(episodes), numpy.ones(episodes, bool)
    while running.any():
        noise = rng.standard_normal((episodes, env.single_action_space.shape[0]))
        inputs = {"observation": observation.astype("float32"), "noise": noise.astype("float32")}
        observation, reward, terminated, truncated, _ = env.step(act.run(["action"], inputs)[0])
        earned += reward * running
        running &= ~(terminated | truncated)
    returns.append(float(earned.mean()))
print(json.dumps(returns))
"""


def returns_elsewhere(policy, tasks, episodes, folder):
    """Returns after one step of exported policies, adapted to each task."""
    config, files = policy.experiment.env, []
    for index, task in enumerate(tasks):
        env = gymnasium.make_vec(config.id, num_envs=episodes, **config.kwargs)
        env.set_tasks(task[None])
        policy.adapt(env, episodes=episodes, seed=index).export(folder / f"{index}.onnx", deterministic=False)
        files.append((task.tolist(), str(folder / f"{index}.onnx")))
    root = str(Path(mamlrl.__file__).parents[1])
    return run_without({"torch"}, ACT, json.dumps([root, config.id, config.kwargs, episodes, *files]))


@pytest.mark.filterwarnings("ignore:.*earlier version")
@pytest.mark.parametrize(
    ("name", "num_tasks"),
    [
        ("navigation2d", 4),
        pytest.param("navigation2d", 40, marks=pytest.mark.slow),
        pytest.param("half_cheetah_direction", 20, marks=pytest.mark.slow),
    ],
)
def test_a_policy_in_numpy_returns_what_evaluate_says(name, num_tasks, tmp_path):
    policy = mamlrl.load(published_checkpoint(name))
    settings = replace(policy.experiment.evaluation, tasks=num_tasks, steps=1)
    experiment = replace(policy.experiment, evaluation=settings)
    evaluation = mamlrl.evaluate(experiment, policy.saved.state["params"])
    expected = evaluation.summary()[1]
    returns = returns_elsewhere(policy, evaluation.tasks, settings.episodes_per_task, tmp_path)
    print(f"{name}, {num_tasks} tasks: {np.mean(returns):.2f}; evaluate: {expected['mean']:.2f}", end=" ")
    print(f"+- {expected['interval_95']:.2f}")
    assert abs(np.mean(returns) - expected["mean"]) <= expected["interval_95"]
