"""Tasks in words, as videos show them."""

import gymnasium
import numpy as np
import pytest
from env_cases import IDS

from mamlrl.envs.locomotion.physical_tasks import Crippled, PhysicalParameters
from mamlrl.envs.locomotion.task_distribution import TaskDistribution
from mamlrl.envs.locomotion.tasks import Direction, Goal, Velocity


@pytest.mark.parametrize(
    ("task", "parameters", "text"),
    [
        (Velocity((0.0, 3.0)), [1.234], "goal velocity 1.23 m/s"),
        (Direction(1), [1.0], "forwards"),
        (Direction(1), [-1.0], "backwards"),
        (Direction(2), [0.0, -1.0], "direction -90 degrees"),
        (Goal(3.0), [1.5, -0.25], "goal (1.50, -0.25) m"),
        (
            PhysicalParameters(2.0),
            [0.5, 1.0, 2.0, 1.25],
            "mass x0.50, friction x1.00, damping x2.00, strength x1.25",
        ),
        (Crippled([[0, 1], [2, 3]]), [1.0, 1.0, 0.0, 0.0], "idle actuators: 2, 3"),
    ],
)
def test_tasks_describe_themselves(task, parameters, text):
    assert task.describe(np.array(parameters)) == text


@pytest.mark.parametrize("env_id", IDS)
def test_environments_describe_their_tasks(env_id):
    env = gymnasium.make_vec(env_id, num_envs=1)
    tasks = env.sample_tasks(np.random.default_rng(0), 50)
    texts = [env.describe_task(task) for task in tasks]
    assert all(text.isprintable() and text for text in texts)
    distinct = len(np.unique(tasks.round(1), axis=0))
    assert len(set(texts)) >= distinct > 1


def test_a_task_needs_no_words_and_no_markers():
    class Stand(TaskDistribution):
        def sample(self, rng, num_tasks):
            return rng.uniform(size=(num_tasks, 2))

        def reward(self, motion, tasks):
            return np.zeros(len(tasks))

    assert Stand().describe(np.array([0.123, 4.0])) == "task 0.12, 4.00"
    assert not Stand().markers(np.array([0.123, 4.0]), np.zeros(3))
