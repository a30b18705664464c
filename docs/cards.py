"""Writes a card for every checkpoint in docs/results: what it is, how it was trained, what its evaluation gave.

`make docs` runs it; a new checkpoint needs a line in `RUNS`, unless a comparison, `CONFIG_methods`, has it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from mamlrl.experiments.experiment import Experiment
from mamlrl.reproduction.recipe import Recipe
from mamlrl.reproduction.recipe_files import read_recipe, recipe_names
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.published import CARDS

RESULTS = Path(__file__).parent / "results"
HEAD = "# Written by docs/cards.py: what each checkpoint in this folder is.\n"


class Run(NamedTuple):
    """Runs of one experiment with several seeds.

    Attributes:
        name: Checkpoints of the runs; `{seed}` stands for the seed.
        evaluation: File with their evaluations.
        train: Options of `mamlrl train`, or what else trained them.
        evaluate: Options of `mamlrl evaluate`, beside the numbers of tasks and steps.
        seeds: Number of seeds, 0, 1, ...
        kept: Which checkpoint of the run it is.
    """

    name: str
    evaluation: str
    train: str
    evaluate: str = ""
    seeds: int = 1
    kept: str = "latest.pt"


AVERAGED = "python docs/results/sinusoid/averaged_networks.py"
HUNDRED_PULLS = (
    " --sampling.episodes_per_task 100 --evaluation.episodes_per_task 100 --meta_batch_size 100 --iterations 40"
)
TWENTY_FIVE_EPISODES = (
    " --sampling.episodes_per_task 25 --evaluation.episodes_per_task 25 --meta_batch_size 50 --iterations 100"
)
PRETRAINED = "an earlier script; of the same kind is mamlrl train --config strokes --config pretrained_classes"
NEW_HEAD = " --classifier.new_head random"
RUNS = [
    Run("navigation2d/seed{seed}", "episodes", "--config navigation2d", seeds=3),
    Run("navigation2d_tuned/seed{seed}", "episodes", "--config navigation2d_tuned", seeds=3),
    Run("navigation2d_text/seed{seed}", "episodes", "--config navigation2d_text", seeds=3, kept="best.pt"),
    Run(
        "imaml/implicit_seed{seed}",
        "implicit",
        "--config navigation2d --config linearized_imaml --adaptation.proximal.implicitness 1 "
        "--adaptation.gradient_steps 3 --adaptation.step_size 0.3 --adaptation.proximal.cg_iterations 4 "
        "--meta_batch_size 20 --iterations 60",
    ),
    Run(
        "half_cheetah_direction/seed{seed}",
        "evaluation",
        "--config half_cheetah_direction --iterations 100",
        seeds=3,
    ),
    Run(
        "half_cheetah_direction_gymnasium/seed{seed}",
        "evaluation",
        "--config half_cheetah_direction_gymnasium --iterations 70 --meta_batch_size 20",
    ),
    Run(
        "half_cheetah_velocity/seed{seed}",
        "evaluation",
        "--config half_cheetah_velocity --iterations 110",
        seeds=3,
    ),
    Run("ant_velocity/seed{seed}", "evaluation", "--config ant_velocity --iterations 60 --meta_batch_size 10"),
    Run("ant_direction/seed{seed}", "evaluation", "--config ant_direction --iterations 35 --meta_batch_size 10"),
    Run(
        "ant_direction_gymnasium/seed{seed}",
        "evaluation",
        "--config ant_direction_gymnasium --iterations 122 --meta_batch_size 10",
    ),
    Run("cartpole/seed{seed}", "evaluation", "--config cartpole"),
    Run("pendulum/seed{seed}", "evaluation", "--config pendulum"),
    Run("mountain_car/seed{seed}", "evaluation", "--config mountain_car"),
    *(
        Run(f"bandits/k{arms}_n{pulls}_seed{{seed}}", f"k{arms}_n{pulls}", f"--config bandit{options}")
        for arms, pulls, options in (
            (5, 10, ""),
            (10, 10, " --env.kwargs.arms 10"),
            (5, 100, HUNDRED_PULLS),
            (10, 100, f" --env.kwargs.arms 10{HUNDRED_PULLS}"),
        )
    ),
    Run("mdps/n10_seed{seed}", "n10", "--config tabular_mdp"),
    Run("mdps/n25_seed{seed}", "n25", f"--config tabular_mdp{TWENTY_FIVE_EPISODES}"),
    Run(
        "metaworld/seed{seed}",
        "ml1_reach_small",
        "--config ml1_reach_small --env.info {}",
        "--evaluation.episodes_per_task 5",
    ),
    Run("sinusoid/maml_seed{seed}", "maml_5_shots", "--config sinusoid"),
    Run("sinusoid/first_order_seed{seed}", "first_order", "--config sinusoid --config first_order"),
    Run(
        "sinusoid/meta_sgd_seed{seed}",
        "meta_sgd",
        "--config sinusoid --config meta_sgd",
        "--evaluation.later_step_factor 0.05",
    ),
    Run("sinusoid/imaml_seed{seed}", "imaml", "--config sinusoid_imaml"),
    Run(
        "sinusoid/pretrained_seed{seed}",
        "pretrained",
        "--config sinusoid --adaptation.step_size 0",
        "--evaluation.first_step_size 0.01",
    ),
    Run("sinusoid/oracle_seed{seed}", "oracle", "--config sinusoid --config oracle_inputs"),
    *(
        Run(
            f"sinusoid/averaged_{pull}",
            f"averaged_{pull}",
            f"{AVERAGED} {pull} {weight} averaged_{pull}.pt",
            "--evaluation.first_step_size 0.02",
        )
        for pull, weight in {"none": "0", "l2": "0.01", "mean": "0.1"}.items()
    ),
    Run("strokes/maml_seed{seed}", "maml", "--config strokes", kept="best.pt"),
    Run(
        "strokes/first_order_seed{seed}",
        "first_order",
        "--config strokes --config first_order",
        kept="best.pt",
    ),
    Run("strokes/imaml_seed{seed}", "imaml", "--config strokes_imaml", kept="best.pt"),
    Run(
        "strokes/random_head_seed{seed}",
        "random_head",
        PRETRAINED + NEW_HEAD,
        "--evaluation.first_step_size 0.1",
    ),
    Run("strokes/zero_head_seed{seed}", "zero_head", PRETRAINED, "--evaluation.first_step_size 0.03"),
]


def compared() -> Iterator[Run]:
    """Yields the runs of comparisons, whose options are those of the recipes."""
    for folder in sorted(RESULTS.glob("*_methods")):
        recipe = kept_recipe(folder)
        for method in recipe.methods:
            seeds = len(list(folder.glob(f"{method}_seed*.pt")))
            if seeds:
                options = " ".join(shlex.join(option.split("=", 1)) for option in recipe.options(method))
                yield Run(f"{folder.name}/{method}_seed{{seed}}", method, options, seeds=seeds)


def kept_recipe(folder: Path) -> Recipe:
    """Returns the recipe whose runs a folder keeps: its own `recipe.yaml`, or the shipped one of its config."""
    own = folder / "recipe.yaml"
    if own.exists():
        return read_recipe(str(own))
    config = folder.name.removesuffix("_methods")
    return next(recipe for name in recipe_names() if (recipe := read_recipe(name)).config == config)


def cards() -> dict[str, dict[str, Any]]:
    """Returns the cards by folder and by name of the checkpoint."""
    found: dict[str, dict[str, Any]] = {}
    for run in (*RUNS, *compared()):
        for name, card in _cards(run):
            folder, _, stem = name.partition("/")
            found.setdefault(folder, {})[stem] = card
    return found


def _cards(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    for seed in range(run.seeds):
        name = run.name.format(seed=seed)
        path = RESULTS / f"{name}.pt"
        experiment, state = load_checkpoint(path)
        by_script = not run.train.startswith("--config")
        command = run.train if by_script else f"mamlrl train {run.train} --seed {seed} --output RUN"
        yield (
            name,
            {
                **({} if by_script else {"config": run.train.split()[1]}),
                "train": command,
                **({} if by_script else {"kept": run.kept}),
                "seed": int(experiment.seed),
                "meta_iterations": state["iteration"],
                "mamlrl_version": torch.load(path, weights_only=True)["mamlrl_version"],
                "evaluation": _evaluation(name, run, experiment),
            },
        )


def _evaluation(name: str, run: Run, experiment: Experiment) -> dict[str, Any]:
    path = RESULTS / f"{name}.pt"
    record = _record(path.with_name(f"{run.evaluation}.json"), path.name)
    tasks = record["tasks"] if isinstance(record["tasks"], int) else len(record["tasks"])
    sizes = {"tasks": tasks, "steps": len(record["steps"]) - 1}
    others = {key: size for key, size in sizes.items() if getattr(experiment.evaluation, key) != size}
    options = [f"--evaluation.{key} {size}" for key, size in others.items()]
    choice = record.get("step_size_choice")  # on validation tasks
    chosen = [f"--evaluation.first_step_size {choice['step_size']}"] if choice else []
    return {
        "command": " ".join(filter(None, [f"mamlrl evaluate {name}", *options, run.evaluate, *chosen])),
        "file": f"{run.evaluation}.json",
        "metric": record.get("metric", "return"),
        "tasks": tasks,
        "mean": [row["mean"] for row in record["steps"]],
        "interval_95": [row["interval_95"] for row in record["steps"]],
    }


def _record(path: Path, checkpoint: str) -> dict[str, Any]:
    """Returns the evaluation of a checkpoint in a file from `mamlrl evaluate --json`."""
    (record,) = (each for each in json.loads(path.read_text()) if Path(each["checkpoint"]).name == checkpoint)
    return dict(record)


def page(folder_cards: dict[str, Any]) -> str:
    """Returns the text of a folder's file of cards."""
    return HEAD + yaml.safe_dump(folder_cards, sort_keys=False, width=200, default_flow_style=None)


if __name__ == "__main__":
    for folder, each in cards().items():
        (RESULTS / folder / CARDS).write_text(page(each))
