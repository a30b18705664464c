"""What command-line arguments say before a parser reads them: the kind of experiment, and options of none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mamlrl.errors import UserError
from mamlrl.experiments.build import DEFAULT_KIND, KINDS, extends
from mamlrl.experiments.files import stated_kind
from mamlrl.experiments.parser import experiment_parser

CHECKPOINT, OPTION = "the checkpoint", "--kind"  # what states a kind, beside configs


def kind_of(arguments: Sequence[str], saved: str | None = None) -> str:
    """Returns the kind of experiment that options, and the configs they name, are of.

    Configs may state different kinds if one of them extends the others, as `classifier` extends `supervised`: the
    experiment is of this one. A checkpoint and `--kind` state it exactly.

    Args:
        arguments: The command line.
        saved: The kind that a checkpoint is of, if there is one.

    Raises:
        UserError: If they disagree, or state one that there is not.
    """
    stated = {} if saved is None else {CHECKPOINT: saved}
    for option, value in _options(arguments):
        if option == OPTION:
            stated[OPTION] = value
        elif option == "--config" and (kind := stated_kind(value)) is not None:
            stated[f"config {value}"] = kind
    for source, kind in stated.items():
        KINDS.choose("kind" if source == OPTION else f"{source}: kind", kind)
    exact = [stated[source] for source in (CHECKPOINT, OPTION) if source in stated]
    for kind in stated.values() if stated else [DEFAULT_KIND]:
        if all(kind == each for each in exact) and all(extends(kind, each) for each in stated.values()):
            return kind
    said = ", ".join(f"{source} is of kind {kind}" for source, kind in stated.items())
    raise UserError(f"kind: {said}; take one kind of experiment")


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options that have a value, `--a=b` or `--a b`, with it."""
    for argument, following in zip(arguments, [*arguments, "--"][1:], strict=True):
        name, equals, value = argument.partition("=")
        if name.startswith("--") and (equals or not following.startswith("--")):
            yield name, value if equals else following


def unknown(arguments: Sequence[str]) -> list[str]:
    """Returns the options that are no setting of any kind of experiment, nor in a section of settings."""
    known = {
        _section(name)
        for kind in KINDS
        for action in experiment_parser(kind)._actions
        for name in action.option_strings
    }
    return [argument for argument in arguments if argument.startswith("--") and _section(argument) not in known]


def _section(argument: str) -> str:
    return argument.partition("=")[0].partition(".")[0]
