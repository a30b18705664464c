"""Published checkpoints by name: small ones travel with the package, each with a card that says what it is."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from mamlrl.errors import UserError
from mamlrl.experiments.files import config_names
from mamlrl.settings.plain_yaml import load, read_text

PACKAGE = Path(__file__).parents[1]
MAIN = ("seed0", "maml_seed0")  # the checkpoint that a folder's name alone stands for: the first that it has
CARDS = "cards.yaml"


@cache
def _checkpoints() -> dict[str, Path]:
    """Every published checkpoint by its name, `folder/file`, and those of `MAIN` by the names of configs, too."""
    installed = PACKAGE / "policies"
    root = installed if installed.is_dir() else PACKAGE.parent / "docs" / "results"  # of a checkout
    files = {f"{path.parent.name}/{path.stem}": path for path in sorted(root.glob("*/*.pt"))}
    found = [(config, f"{config}/{stem}") for config in config_names() for stem in reversed(MAIN)]
    return {**{config: files[name] for config, name in found if name in files}, **files}


def published_names() -> list[str]:
    """Returns the names of all published checkpoints, such as `navigation2d` and `navigation2d/seed1`."""
    return sorted(_checkpoints())


def published_checkpoint(name: str) -> Path:
    """Returns the file of a published checkpoint.

    Args:
        name: Such as `half_cheetah_direction`, or `half_cheetah_direction/seed1` for that of another seed.

    Raises:
        UserError: If there is none of that name; the message lists close matches.

    Example:
        >>> from mamlrl.runs.published import published_checkpoint
        >>> published_checkpoint("sinusoid").name
        'maml_seed0.pt'
    """
    if name not in _checkpoints():
        raise UserError(f"no published policy named {name}{close_names(name) or '; mamlrl policies lists them'}")
    return _checkpoints()[name]


def close_names(name: str) -> str:
    """Returns what ends a message on an unknown name: close names of published checkpoints, or nothing."""
    nearest = get_close_matches(name, published_names(), n=3, cutoff=0.6)
    return f"; did you mean the published {', '.join(nearest)}?" if nearest else ""


def published_card(name: str) -> dict[str, Any]:
    """Returns what is known of a published checkpoint: how it was trained, and what its evaluation gave.

    Args:
        name: See `published_checkpoint`.

    Returns:
        `train`, the command that trained it, which names its config; `kept`, which checkpoint of the run it is;
        `seed`, `meta_iterations` and `mamlrl_version`; and `evaluation`, with the command, the metric, and its
        means over tasks after 0, 1, ... steps.

    Raises:
        UserError: See `published_checkpoint`.
    """
    path = published_checkpoint(name)
    card: dict[str, Any] = load(read_text(path.parent / CARDS))[path.stem]
    return card
