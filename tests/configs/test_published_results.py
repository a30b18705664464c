"""What configs leave to the defaults is still what the published results were trained with."""

from pathlib import Path

import pytest

from mamlrl.experiments.command_line import load_config
from mamlrl.runs.checkpoints import load_checkpoint

RESULTS = Path(__file__).parents[2] / "docs" / "results"
SHORTER = "--iterations={} --meta_batch_size={}"
EPISODES = "--sampling.episodes_per_task={0} --evaluation.episodes_per_task={0}"
HUNDRED_PULLS = f"{EPISODES.format(100)} {SHORTER.format(40, 100)}"
THOUSAND = f"{SHORTER.format(60, 20)} --evaluation.tasks=1000"  # of the recipe in configs/reproduce
TRAINED_WITH = {
    "navigation2d/seed0": "navigation2d",
    "navigation2d_tuned/seed0": "navigation2d_tuned",
    "navigation2d_text/seed0": "navigation2d_text",
    "half_cheetah_direction/seed0": "half_cheetah_direction --iterations=100",
    "half_cheetah_direction_gymnasium/seed0": f"half_cheetah_direction_gymnasium {SHORTER.format(70, 20)}",
    "half_cheetah_velocity/seed0": "half_cheetah_velocity --iterations=110",
    "ant_direction/seed0": f"ant_direction {SHORTER.format(35, 10)}",
    "ant_direction_gymnasium/seed0": f"ant_direction_gymnasium {SHORTER.format(400, 10)}",
    "ant_velocity/seed0": "ant_velocity --iterations=60 --meta_batch_size=10",
    "cartpole/seed0": "cartpole",
    "mountain_car/seed0": "mountain_car",
    "pendulum/seed0": "pendulum",
    "bandits/k5_n10_seed0": "bandit",
    "bandits/k10_n10_seed0": "bandit --env.kwargs.arms=10",
    "bandits/k5_n100_seed0": f"bandit {HUNDRED_PULLS}",
    "bandits/k10_n100_seed0": f"bandit --env.kwargs.arms=10 {HUNDRED_PULLS}",
    "mdps/n10_seed0": "tabular_mdp",
    "mdps/n25_seed0": f"tabular_mdp {EPISODES.format(25)} {SHORTER.format(100, 50)}",
    "metaworld/seed0": "ml1_reach_small --evaluation.tasks=50 --env.info={}",
    "sinusoid/maml_seed0": "sinusoid --evaluation.tasks=600",
    "sinusoid/first_order_seed0": "sinusoid --config=first_order --evaluation.tasks=600",
    "sinusoid/meta_sgd_seed0": "sinusoid --config=meta_sgd --evaluation.tasks=600",
    "sinusoid/imaml_seed0": "sinusoid_imaml --evaluation.tasks=600",
    "sinusoid/oracle_seed0": "sinusoid --config=oracle_inputs",
    "strokes/maml_seed0": "strokes",
    "strokes/first_order_seed0": "strokes --config=first_order",
    "strokes/imaml_seed0": "strokes_imaml",
    **{
        f"navigation2d_methods/{method}_seed0": f"navigation2d --config={method} {SHORTER.format(60, 20)}"
        for method in ("maml", "first_order", "meta_sgd", "imaml", "promp", "context")
    },
    **{
        f"navigation2d_methods/{method}_seed0": f"navigation2d --config={method} {THOUSAND}"
        for method in ("linearized_imaml", "e_maml")
    },
    **{
        f"navigation2d_methods/{method}_seed0": f"navigation2d --config={method} {SHORTER.format(200, 5)}"
        for method in ("pretrained", "oracle")
    },
}


@pytest.mark.parametrize("checkpoint", TRAINED_WITH)
def test_a_published_run_had_the_settings_of_its_config(checkpoint):
    trained, _ = load_checkpoint(RESULTS / f"{checkpoint}.pt")
    name, *options = TRAINED_WITH[checkpoint].split()
    assert trained == load_config(name, options)
