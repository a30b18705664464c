"""The command line of a program: options of its own, and those of an experiment of any kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from mamlrl.errors import UserError
from mamlrl.experiments.build import DEFAULT_KIND, KINDS
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.files import stated_kind
from mamlrl.experiments.messages import explain
from mamlrl.experiments.parser import argument_parser, build_experiment, experiment_parser, parse, setting_names
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import AnyPath


class CommandLine:
    """Separates a program's own options from those of the experiment, whose kind may be known only later.

    Args:
        prog: The program, such as `mamlrl train`.
        description: What it does.
    """

    def __init__(self, prog: str, description: str) -> None:
        self._about: dict[str, Any] = {"prog": prog, "description": description}
        self._own = argument_parser(add_help=False, **self._about)
        self._additions: list[Callable[[ArgumentParser], Any]] = []
        self._settings: list[str] = []

    def add_argument(self, *names: str, **kwargs: Any) -> None:
        """Adds an option, or a positional argument, of the program; see `argparse`."""
        self._add(lambda parser: parser.add_argument(*names, **kwargs))

    def add_class_arguments(self, section: type, **kwargs: Any) -> None:
        """Adds an option of the program for every field of a dataclass; see `jsonargparse`."""
        self._add(lambda parser: parser.add_class_arguments(section, **kwargs))

    def _add(self, addition: Callable[[ArgumentParser], Any]) -> None:
        addition(self._own)
        self._additions.append(addition)

    def parse(self, arguments: Sequence[str]) -> Namespace:
        """Returns the program's own options, and keeps those of the experiment.

        Raises:
            UserError: If they cannot be used, in one line that names the option.
        """
        if {"-h", "--help"} & set(arguments):
            self._print_help(arguments)
        own, self._settings = self._split(arguments)
        try:
            return parse(self._own, own)
        except UserError:  # rather than what is missing, name the option that was mistyped, if one was
            keys = ["config", *(name for kind in KINDS for name in setting_names(kind))]
            return parse(self._own, [*own, *_unknown(self._settings)], keys)

    def experiment(self, saved: Experiment | None = None) -> Experiment:
        """Returns the experiment of the command line that was parsed.

        Configs are laid over one another in their order, and all other options over them, wherever they stand.

        Args:
            saved: What gives the settings that the command line does not; the defaults of its kind otherwise.

        Raises:
            UserError: If a setting cannot be used.
        """
        parser = experiment_parser(_kind(self._settings, saved.kind if saved else None))
        if saved is not None:
            parser.set_defaults(plain_experiment(saved))
        configs = [setting for setting in self._settings if setting.partition("=")[0] == "--config"]
        others = [setting for setting in self._settings if setting not in configs]
        return build_experiment(parser, parse(parser, [*configs, *others], self._own_keys()))

    def refuse_settings(self, what: str) -> None:
        """Checks that the command line that was parsed holds no settings of an experiment.

        Args:
            what: Those that use none, for the message.

        Raises:
            UserError: If it does.
        """
        unknown = _unknown(self._settings)
        if unknown:
            raise UserError(explain(f"unrecognized arguments: {' '.join(unknown)}", self._own_keys()))
        if self._settings:
            raise UserError(f"{what} take no settings of an experiment, got {' '.join(self._settings)}")

    def _split(self, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
        """Own arguments, positional ones first, and the experiment's: all other options, as `--name=value`."""
        positional: list[str] = []
        options: list[str] = []
        settings: list[str] = []
        names = {name for action in self._own._actions for name in action.option_strings}
        place = positional  # of the next argument, unless it is an option
        for argument in arguments:
            name, equals, _ = argument.partition("=")
            if name in names:
                options.append(argument)
                place = options
            elif name.startswith("--"):
                settings.append(argument)
                place = positional if equals else settings
            elif place is settings:
                settings[-1] += f"={argument}"
                place = positional
            else:
                place.append(argument)
        return [*positional, *options], settings

    def _own_keys(self) -> list[str]:
        return [action.dest for action in self._own._actions]

    def _print_help(self, arguments: Sequence[str]) -> None:
        """Prints the options of the program and the experiment, and exits."""
        parser = experiment_parser(_kind(arguments, None), **self._about)
        for addition in self._additions:
            addition(parser)
        parser.print_help()
        raise SystemExit(0)


def load_config(source: AnyPath, overrides: Sequence[str] = ()) -> Experiment:
    """Reads a config and applies overrides.

    Args:
        source: Name of a shipped config, or path of a YAML file.
        overrides: Command-line options such as `["--trust_region.max_kl", "0.02"]`, or `["--config=promp"]` to lay
            another config over it; other options are laid over all configs.

    Raises:
        UserError: If the config does not exist or a value in it cannot be used.
    """
    command_line = CommandLine("load_config", "Read a config.")
    command_line.parse([f"--config={os.fspath(source)}", *overrides])
    return command_line.experiment()


def _kind(arguments: Sequence[str], saved: str | None) -> str:
    """The kind of experiment that options, and the configs they name, are of.

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


def _unknown(arguments: Sequence[str]) -> list[str]:
    """Options that are no setting of any kind of experiment, nor in a section of settings."""
    known = {
        _section(name)
        for kind in KINDS
        for action in experiment_parser(kind)._actions
        for name in action.option_strings
    }
    return [argument for argument in arguments if argument.startswith("--") and _section(argument) not in known]


def _section(argument: str) -> str:
    return argument.partition("=")[0].partition(".")[0]
