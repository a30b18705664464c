"""The command line of a program: options of its own, and those of an experiment of any kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from jsonargparse import Namespace

from mamlrl.errors import UserError
from mamlrl.experiments.arguments import kind_of, unknown
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.help import About, short_help
from mamlrl.experiments.messages import explain
from mamlrl.experiments.parser import argument_parser, build_experiment, experiment_parser, parse, setting_names
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import AnyPath


class CommandLine:
    """Separates a program's own options from those of the experiment, whose kind may be known only later.

    Args:
        prog: The program, such as `mamlrl train`.
        description: What it does.
        examples: Command lines for `--help`, as a user would type them.
        takes_settings: Whether `--help` speaks of settings; a program without them calls `refuse_settings`.

    Attributes:
        settings: Options of the experiment on the command line that was parsed, each as `--name=value`.
    """

    def __init__(
        self, prog: str, description: str, examples: Sequence[str] = (), takes_settings: bool = True
    ) -> None:
        self._about = About(prog, description, examples, takes_settings)
        self._own = argument_parser(add_help=False, prog=prog, description=description)
        self.settings: list[str] = []

    def add_argument(self, *names: str, **kwargs: Any) -> None:
        """Adds an option, or a positional argument, of the program; see `argparse`."""
        self._own.add_argument(*names, **kwargs)

    def add_class_arguments(self, section: type, **kwargs: Any) -> None:
        """Adds an option of the program for every field of a dataclass; see `jsonargparse`."""
        self._own.add_class_arguments(section, **kwargs)

    def parse(self, arguments: Sequence[str]) -> Namespace:
        """Returns the program's own options, and keeps those of the experiment.

        `--help` prints the program's own, `--help-settings` those of the experiment; either exits.

        Raises:
            UserError: If they cannot be used, in one line that names the option.
        """
        if {"-h", "--help"} & set(arguments):
            print(short_help(self._about, self._own._actions), end="")
            raise SystemExit(0)
        if self._about.takes_settings and {"--help-settings", "--help_settings"} & set(arguments):
            self._print_settings(arguments)
        own, self.settings = self._split(arguments)
        try:
            return parse(self._own, own)
        except UserError:  # rather than what is missing, name the option that was mistyped, if one was
            keys = ["config", *(name for kind in KINDS for name in setting_names(kind))]
            return parse(self._own, [*own, *unknown(self.settings)], keys)

    def experiment(self, saved: Experiment | None = None) -> Experiment:
        """Returns the experiment of the command line that was parsed.

        Configs are laid over one another in their order, and all other options over them, wherever they stand.

        Args:
            saved: What gives the settings that the command line does not; the defaults of its kind otherwise.

        Raises:
            UserError: If a setting cannot be used.
        """
        kind = kind_of(self.settings, saved.kind if saved else None)
        parser = experiment_parser(kind)
        if saved is not None:
            parser.set_defaults(plain_experiment(saved))
        configs = [setting for setting in self.settings if _is_config(setting)]
        others = [setting for setting in self.settings if not _is_config(setting)]
        stated = [*configs, f"--kind={kind}", *others]  # which may extend that of the last config
        return build_experiment(parser, parse(parser, stated, self._own_keys()))

    def configs(self) -> list[str]:
        """Returns the configs that the command line names, in their order."""
        return [setting.partition("=")[2] for setting in self.settings if _is_config(setting)]

    def sets(self, key: str) -> bool:
        """Returns whether the command line gives a setting, other than by a config."""
        return any(setting.partition("=")[0] == f"--{key}" for setting in self.settings)

    def refuse_settings(self, what: str) -> None:
        """Checks that the command line that was parsed holds no settings of an experiment.

        Args:
            what: Those that use none, for the message.

        Raises:
            UserError: If it does.
        """
        wrong = unknown(self.settings)
        if wrong:
            raise UserError(explain(f"unrecognized arguments: {' '.join(wrong)}", self._own_keys()))
        if self.settings:
            raise UserError(f"{what} take no settings of an experiment, got {' '.join(self.settings)}")

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

    def _print_settings(self, arguments: Sequence[str]) -> None:
        """Prints all settings of the kind of experiment that options name, and exits."""
        description = "Settings of an experiment, for a config and for every command line that takes them."
        usage = f"{self._about.prog} [--SETTING VALUE ...]"
        experiment_parser(kind_of(arguments), usage=usage, description=description).print_help()
        raise SystemExit(0)


def _is_config(setting: str) -> bool:
    return setting.partition("=")[0] == "--config"


def load_config(source: AnyPath, overrides: Sequence[str] = ()) -> Experiment:
    """Reads a config and applies overrides.

    Args:
        source: Name of a shipped config, or path of a YAML file.
        overrides: Command-line options such as `["--trust_region.max_kl", "0.02"]`, or `["--config=promp"]` to lay
            another config over it; other options are laid over all configs.

    Raises:
        UserError: If the config does not exist or a value in it cannot be used.
    """
    if isinstance(overrides, str) or not all(isinstance(each, str) for each in overrides):
        raise UserError(f"overrides must be a list of options, each of them text, got {overrides!r}")
    command_line = CommandLine("load_config", "Read a config.")
    command_line.parse([f"--config={os.fspath(source)}", *overrides])
    return command_line.experiment()
