"""Options and arguments of the programs."""

from itertools import pairwise

import pytest
import torch
from programs import ONE, TINY

IMAML = ["--adaptation.estimator=imaml", "--adaptation.loss=likelihood_ratio", "--adaptation.proximal.weight=2"]
COMPARE = [*TINY, "--policy.activation=tanh", "--adaptation.proximal.weight=100", "--output=c"]
SAVED = "--checkpoint=good/checkpoints/best.pt"
BOMB = f"[&a [{','.join('1' * 9)}],"
BOMB += ",".join(f"&{name} [{','.join([f'*{before}'] * 9)}]" for before, name in pairwise("abcdefghij")) + "]"
HUGE = 2**64  # more than a generator takes for a seed


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--config=nonsense", ["nonsense", "navigation2d"]),
        ("--config=none/nonsense.yaml", ["none/nonsense.yaml", "navigation2d"]),
        ("--config=/", ["config /", "navigation2d"]),
        ("--meta_batch_sise=3", ["--meta_batch_sise", "did you mean meta_batch_size?"]),
        ("--trust_region.max_k=3", ["--trust_region.max_k", "did you mean trust_region.max_kl?"]),
        ("--trustregion.max_kl=3", ["--trustregion.max_kl", "did you mean trust_region.max_kl?"]),
        ("--max_kl=0.1", ["--max_kl", "did you mean trust_region.max_kl?"]),
        ("--env.kwarg.horizon=3", ["--env.kwarg.horizon", "did you mean env.kwargs?"]),
        ('--trust_region={"max_kll": 3}', ["trust_region", "max_kll", "did you mean trust_region.max_kl?"]),
        ("surplus", ["surplus"]),
        ("--meta_batch_size=abc", ["meta_batch_size", "abc"]),
        ("--meta_batch_size=2.5", ["meta_batch_size", "2.5"]),
        ("--meta_batch_size=0", ["meta_batch_size", "0", "> 0"]),
        ("--meta_batch_size=null", ["meta_batch_size"]),
        ("--meta_batch_size=", ["meta_batch_size"]),
        ("--adaptation.steps=-1", ["adaptation.steps", "-1", ">= 0"]),
        ("--adaptation.step_size=-1", ["adaptation.step_size", "-1", ">= 0"]),
        ("--adaptation.step_size=nan", ["adaptation.step_size", "nan"]),
        ("--adaptation.step_size=inf", ["adaptation.step_size", "inf"]),
        ("--adaptation.step_size=big", ["adaptation.step_size", "big"]),
        ("--adaptation.estimator=reptile", ["adaptation.estimator", "reptile", "maml", "first_order"]),
        ("--adaptation.estimator=imaml", ["adaptation.proximal.weight", "above 0", "0.0"]),
        (
            '--adaptation={"estimator": "imaml", "proximal": {"weight": 2}}',
            ["adaptation.loss", "reinforce", "imaml", "likelihood_ratio"],
        ),
        ("--adaptation.gradient_steps=2", ["adaptation.loss", "gradient_steps 2", "likelihood_ratio"]),
        (
            "--adaptation.proximal.learned=true",
            ["adaptation.estimator", "maml", "proximal.learned", "imaml, linearized_imaml do"],
        ),
        ("--adaptation.proximal.weight=-1", ["adaptation.proximal.weight", "-1", ">= 0"]),
        ("--adaptation.adapted=context", ["adaptation.adapted", "context", "policy.context_size"]),
        ("--outer_optimizer=sgd", ["outer_optimizer", "sgd", "trust_region", "adam", "promp"]),
        ("--advantages.discount=1.5", ["advantages.discount", "1.5", "<= 1"]),
        ("--advantages.gae_lambda=-0.1", ["advantages.gae_lambda", "-0.1", ">= 0"]),
        ("--trust_region.curvature_fraction=0", ["trust_region.curvature_fraction", "0", "> 0"]),
        ("--trust_region.curvature_fraction=1.1", ["trust_region.curvature_fraction", "1.1", "<= 1"]),
        ("--trust_region.max_kl=0", ["trust_region.max_kl", "> 0"]),
        ("--trust_region=3", ["trust_region", "3"]),
        ("--policy=null", ["policy", "null"]),
        ("--policy.hidden_sizes=[0]", ["policy.hidden_sizes", "0", "> 0"]),
        ("--policy.hidden_sizes=8", ["policy.hidden_sizes", "8"]),
        ("--policy.activation=elu", ["policy.activation", "elu", "relu", "tanh"]),
        ("--policy.initial_std=0", ["policy.initial_std", "> 0"]),
        ("--sampling.unit=steps", ["sampling.unit", "steps", "episodes", "transitions"]),
        ("--sampling.rescale_actions=maybe", ["sampling.rescale_actions", "maybe"]),
        ("--evaluation.tasks=0", ["evaluation.tasks", "0", "> 0"]),
        ("--evaluation.first_step_size=-1", ["evaluation.first_step_size", "-1", ">= 0"]),
        ("--seed=-1", ["seed", "-1", ">= 0"]),
        (f"--seed={HUGE}", ["seed", HUGE]),
        ("--device=nonsense", ["device", "nonsense", "cpu"]),
        ("--device=mps", ["device", "mps", "cpu"]),
        ("--device=meta", ["device", "meta", "cpu"]),
        ("--device=cuda:99", ["device", "cuda:99", "cpu"]),
        pytest.param(
            "--device=cuda",
            ["device", "cuda", "cpu"],
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here"),
        ),
        ("--env.id=mamlrl/Navigation-v0", ["mamlrl/Navigation-v0", "did you mean mamlrl/Navigation2D-v0?"]),
        ("--env.id=Navigation2D-v0", ["env.id", "did you mean mamlrl/Navigation2D-v0?"]),
        ("--env.id=nonsense", ["env.id", "nonsense", "did you mean mamlrl/"]),
        ("--env.id=no_such_module:Nav-v0", ["env.id", "no_such_module:Nav-v0", "PYTHONPATH"]),
        ("--env.id=not an id", ["env.id", "not an id"]),
        ("--env.id=", ["env.id"]),
        ("--env.id=CartPole-v1", ["env.id", "CartPole-v1", "not a task environment", "mamlrl/Navigation2D-v0"]),
        ("--env.id=Pendulum-v1", ["env.id", "Pendulum-v1", "mamlrl/Navigation2D-v0"]),
        ("--env.kwargs=3", ["env.kwargs", "3"]),
        ("--env.kwargs.horizont=3", ["env.kwargs", "mamlrl/Navigation2D-v0", "'horizont'; did you mean horizon?"]),
        ("--env.kwargs.nonsense=3", ["env.kwargs", "mamlrl/Navigation2D-v0", "argument 'nonsense'"]),
        ("--env.kwargs.horizon=true", ["env.kwargs", "horizon must be", "got True"]),
        ("--env.kwargs.render_mode=human", ["env.kwargs", "render_mode"]),
        ("--env.kwargs.horizon=0", ["env.kwargs", "horizon must be", "got 0"]),
        ("--env.kwargs.horizon=2.5", ["env.kwargs", "horizon must be", "got 2.5"]),
        ("--env.kwargs.horizon=abc", ["env.kwargs", "horizon must be", "got abc"]),
        ("--env.kwargs.goal_range=-1", ["env.kwargs", "goal_range must be", "above 0", "got -1"]),
        ("--env.kwargs.goal_range=abc", ["env.kwargs", "goal_range must be", "got abc"]),
        ("--env.kwargs.distance=manhattan", ["env.kwargs", "distance must be", "got 'manhattan'"]),
        ("--env.kwargs.num_envs=3", ["env.kwargs", "num_envs"]),
        ("--meta-batch-size=3", ["--meta-batch-size", "did you mean meta_batch_size?"]),
        ("--trust-region.max-kl=3", ["--trust-region.max-kl", "did you mean trust_region.max_kl?"]),
        ("--policy.hidden-sizes=[3]", ["did you mean policy.hidden_sizes?"]),
        ("--adaptation.step_size=1e300", ["adaptation.step_size", "3.4e+38", "1e300"]),
        ("--adaptation.step_size=1e-320", ["adaptation.step_size", "1.2e-38", "1e-320"]),
        (f"--adaptation.step_size={'1' * 400}", ["adaptation.step_size must be", "..."]),
        (f"--adaptation.step_size={'1' * 5000}", ["adaptation.step_size", "fewer digits"]),
        (f"--seed={'1' * 5000}", ["seed", "fewer digits"]),
        ("--trust_region.curvature_fraction=1e-320", ["trust_region.curvature_fraction", "1.2e-38"]),
        ("--policy.initial_std=1e300", ["policy.initial_std", "3.4e+38"]),
        ("--evaluation.first_step_size=1e300", ["evaluation.first_step_size", "or null, got 1e300"]),
        ("--meta_batch_size=1000000000000", ["meta_batch_size", "at most 1000000000"]),
        ("--meta_batch_size=1000000000", ["meta_batch_size", "GiB"]),
        ("--sampling.episodes_per_task=1000000000", ["episodes_per_task", "GiB"]),
        ("--policy.hidden_sizes=[1000000000]", ["policy.hidden_sizes", "GiB"]),
        ("--policy.hidden_sizes=[300000,300000,300000]", ["policy.hidden_sizes", "GiB"]),
        ("--policy.hidden_sizes=[10000000000]", ["policy.hidden_sizes", "at most 1000000000"]),
        ("--policy.context_size=1000000000", ["policy.context_size", "GiB"]),
        ("--adaptation.steps=1000000000", ["adaptation.steps", "GiB"]),
        ("--env.kwargs.horizon=100000000000", ["env.kwargs", "horizon", "1000000000"]),
        ("--env.kwargs.horizon=10000000", ["env.kwargs.horizon", "GiB"]),
        (f"--env.kwargs={BOMB}", ["--env.kwargs", "more than 10000 values"]),
        (f"--env.kwargs.goal={BOMB}", ["--env.kwargs.goal", "more than 10000 values"]),
        (f"--policy.hidden_sizes={'[' * 5000}", ["--policy.hidden_sizes", "more than 50 deep"]),
        (f"--output={'{a: ' * 5000}", ["--output", "more than 50 deep"]),
        ("--env.kwargs=!!set {a, b}", ["--env.kwargs", "!!set"]),
        ("--env.kwargs={a: &b [*b]}", ["--env.kwargs", "alias"]),
    ],
)  # fmt: skip
def test_options(refused, option, words):
    refused("train", *ONE, option, "--output=run", words=words)


@pytest.mark.parametrize(
    ("program", "arguments", "words"),
    [
        ("train", [], ["output"]),
        ("train", ["--output"], ["output"]),
        ("train", ["--config", "--output=run"], ["--config"]),
        ("evaluate", [], ["checkpoints"]),
        ("evaluate", ["good", "--evaluation.step=3"], ["did you mean evaluation.steps?"]),
        ("evaluate", ["good", "--evaluation.steps=-1"], ["evaluation.steps", "-1"]),
        ("evaluate", ["good", f"--evaluation.seed={HUGE}"], ["evaluation.seed", HUGE]),
        ("evaluate", ["good", "--device=nonsense"], ["device", "nonsense"]),
        ("evaluate", ["good", "--env.kwargs.horizon=0"], ["env.kwargs", "horizon must be", "got 0"]),
        ("evaluate", ["good", "none"], ["no checkpoint at none"]),
        ("evaluate", ["good", *IMAML, "--evaluation.later_step_factor=0"], ["later_step_factor", "imaml"]),
        ("evaluate", ["good", *IMAML, "--evaluation.first_step_size=1"], ["evaluation.first_step_size"]),
        ("compare", ["--adaptation.proximal.weight=1"], ["output"]),
        ("compare", ["--output=c"], ["adaptation.proximal.weight", "above 0"]),
        ("compare", [*COMPARE, "--estimators=maml,reptile"], ["estimators", "reptile", "first_order", "imaml"]),
        ("compare", [*COMPARE, "--estimators="], ["estimators", "first_order", "imaml"]),
        ("compare", [*COMPARE, "--inner_steps=0,1"], ["inner_steps", "0,1"]),
        ("compare", [*COMPARE, "--inner_steps=-1"], ["inner_steps", "-1"]),
        ("compare", [*COMPARE, "--inner_steps=1.5"], ["inner_steps", "1.5"]),
        ("compare", [*COMPARE, "--cg_steps=1,x"], ["cg_steps", "1,x"]),
        ("compare", [*COMPARE, "--repeats=0"], ["repeats", "0"]),
        ("compare", [*COMPARE, "--adaptation.learned_step_size=one"], ["adaptation.learned_step_size", "fixed"]),
        ("compare", [*COMPARE, "--adaptation.proximal.learned=true"], ["adaptation.proximal.learned", "fixed"]),
        ("compare", [*COMPARE, "--checkpoint=none.pt"], ["no checkpoint at none.pt"]),
        ("compare", [*COMPARE, SAVED, "--policy.hidden_sizes=[4]"], ["(44,)", "(24,)"]),
        ("compare", [*COMPARE, "--output=good/config.yaml"], ["good/config.yaml"]),
        ("compare", [*COMPARE, "--adaptation.proximal.weight=1e-6"], ["adaptation.proximal.weight", "raise"]),
        ("plot", [], ["figure", "output"]),
        ("plot", ["curves", "good"], ["output"]),
        ("plot", ["pie", "good", "--output=x.png"], ["figure", "pie", "curves", "adaptation", "paths"]),
        ("plot", ["paths", "good", "--outputs=x.png"], ["--outputs", "output"]),
        ("plot", ["curves", "good", "--output=x.png", "--outputs=y"], ["--outputs=y", "did you mean output?"]),
        ("plot", ["curves", "good", "--output=x.png", "--nonsense", "3"], ["unrecognized", "--nonsense=3"]),
        ("plot", ["curves", "good", "--output=x.png", "--evaluation.tasks=3"], ["curves", "--evaluation.tasks=3"]),
        ("plot", ["adaptation", "e.json", "--output=x.png", "--kind=policy"], ["adaptation", "--kind=policy"]),
        ("plot", ["paths", "good", "--output=x.png", "--nonsense=3"], ["unrecognized", "--nonsense=3"]),
        ("video", ["--output=x.gif"], ["checkpoint"]),
        ("video", ["good"], ["output"]),
        ("video", ["none", "--output=x.gif"], ["no checkpoint at none"]),
        ("video", ["good", "--output=x.avi"], ["x.avi", "suffix", ".mp4", ".gif"]),
        ("video", ["good", "--output=new/x"], ["new/x", "suffix", ".mp4", ".gif"]),
        ("video", ["good", "--output=x.gif", "--tasks", "3"], ["held-out tasks 0 to 2", "[3]"]),
        ("video", ["good", "--output=x.gif", "--tasks", "-1"], ["tasks", "-1", ">= 0"]),
        ("video", ["good", "--output=x.gif", "--tasks"], ["tasks"]),
        ("video", ["good", "--output=x.gif", "--size=31"], ["size", "31", ">= 32"]),
        ("video", ["good", "--output=x.gif", "--size=2049"], ["size", "2049", "<= 2048"]),
        ("video", ["good", "--output=x.gif", "--speed=0"], ["speed", "0", ">= 0.01"]),
        ("video", ["good", "--output=x.gif", "--max_fps=nan"], ["max_fps", "nan"]),
        ("video", ["good", "--output=x.gif", "--episode_seed=-1"], ["episode_seed", "-1"]),
        ("video", ["good", "--output=x.gif", "--fps=3"], ["--fps", "did you mean max_fps?"]),
        ("benchmark", ["--repeats=0"], ["repeats", "0"]),
        ("benchmark", ["--repeat=3"], ["--repeat", "did you mean repeats?"]),
        ("benchmark", ["--env.id=nonsense"], ["env.id", "nonsense"]),
    ],
)  # fmt: skip
def test_arguments_of_each_program(refused, good, program, arguments, words):
    refused(program, *arguments, words=words)


BODY = ["--meta_batch_size=2", "--sampling.episodes_per_task=2", "--env.kwargs.horizon=3", "--iterations=1"]


@pytest.mark.parametrize(
    ("config", "option", "words"),
    [
        (
            "half_cheetah_velocity",
            "family=gym",
            ["family must be one of rllab, gymnasium", "mean gymnasium?"],
        ),
        ("ant_goal", "family=[1]", ["family must be", "got [1]"]),
        ("ant_goal", "famly=rllab", ["mamlrl/AntGoal-v0", "'famly'; did you mean family?"]),
        ("ant_goal", "goal=3", ["mamlrl/AntGoal-v0", "'goal'; did you mean goal_range?"]),
        ("ant_goal", "task=3", ["mamlrl/AntGoal-v0", "'task'"]),
        ("ant_goal", "goal_range=abc", ["goal_range must be", "got abc"]),
        ("ant_goal", "goal_range=1e300", ["goal_range must be", "below 1e+09", "got 1e+300"]),
        ("ant_goal", "ctrl_cost_weight=-1", ["ctrl_cost_weight must be", "at least 0", "got -1"]),
        ("ant_goal", "contact_cost_weight=abc", ["contact_cost_weight must be", "got abc"]),
        ("ant_goal", "healthy_reward=-1", ["healthy_reward must be", "at least 0", "got -1"]),
        ("half_cheetah_velocity", "healthy_reward=1", ["'healthy_reward'"]),
        ("ant_goal", "num_threads=1.5", ["num_threads must be", "at least 0", "got 1.5"]),
        ("ant_parameters", "max_factor=1", ["max_factor must be", "above 1", "got 1"]),
        ("ant_parameters", "max_factor=null", ["max_factor must be", "got None"]),
        ("ant_velocity", "velocity_range=[0, fast]", ["velocity_range must be", "got [0, 'fast']"]),
        ("ant_velocity", "velocity_range={low: 1}", ["velocity_range must be", "got {'low': 1}"]),
        ("ant_velocity", "velocity_range=[-1e308, 1e308]", ["velocity_range must be", "1e+09"]),
    ],
)
def test_arguments_of_bodies(refused, config, option, words):
    words = ["env.kwargs", *words]
    refused("train", f"--config={config}", *BODY, f"--env.kwargs.{option}", "--output=run", words=words)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--network.hidden_sizes=[1000000000]", ["network.hidden_sizes", "GiB"]),
        ("--data.queries=1000000000", ["data.queries", "GiB"]),
        ("--data.validation_tasks=1000000000", ["data.validation_tasks", "GiB"]),
        ("--evaluation.tasks=1000000000", ["evaluation.tasks", "GiB"]),
    ],
)
def test_what_no_memory_can_hold_of_examples(refused, option, words):
    refused("train", "--config=sinusoid", option, "--output=run", words=words)
