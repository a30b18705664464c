"""What command-line arguments say before a parser reads them: the kind of experiment, and options of none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mamlrl.errors import UserError
from mamlrl.experiments.build import DEFAULT_KIND, KINDS
from mamlrl.experiments.files import stated_kind
from mamlrl.experiments.parser import experiment_parser


def kind_of(arguments: Sequence[str], saved: str | None = None) -> str:
    """Returns the kind of experiment that options, and the configs they name, are of.

    Args:
        arguments: The command line.
        saved: The kind that a checkpoint is of, if there is one.

    Raises:
        UserError: If they state different ones, or one that there is not.
    """
    stated = {} if saved is None else {"the checkpoint": saved}
    for option, value in _options(arguments):
        if option == "--kind":
            stated["--kind"] = value
        elif option == "--config" and (kind := stated_kind(value)) is not None:
            stated[f"config {value}"] = kind
    for source, kind in stated.items():
        KINDS.choose("kind" if source == "--kind" else f"{source}: kind", kind)
    if len(set(stated.values())) > 1:
        said = ", ".join(f"{source} is of kind {kind}" for source, kind in stated.items())
        raise UserError(f"kind: {said}; take one kind of experiment")
    return next(iter(stated.values()), DEFAULT_KIND)


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
