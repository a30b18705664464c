"""What `--help` prints: what a program is for, examples, its own options, and where its settings are listed."""

from __future__ import annotations

from argparse import SUPPRESS, Action, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class About(NamedTuple):
    """What a program says of itself.

    Attributes:
        prog: The program, such as `mamlrl train`.
        description: What it does, in one line or a few.
        examples: Command lines that work, as a user would type them.
        takes_settings: Whether it takes settings of an experiment beside its own options.
    """

    prog: str
    description: str
    examples: Sequence[str] = ()
    takes_settings: bool = True


class _Formatter(RawDescriptionHelpFormatter):
    """Shows one spelling of each option, and defaults that say something."""

    def _get_help_string(self, action: Action) -> str:
        default = action.default
        if isinstance(default, list | tuple):
            default = " ".join(map(str, default))
        silent = default is None or default is False or default in ("", SUPPRESS)
        shown = "" if silent else f" (default: {default})"
        needed = " (required)" if action.required and action.option_strings else ""
        return f"{action.help}{shown}{needed}".replace("%", "%%")

    def _format_action_invocation(self, action: Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = [name for name in action.option_strings if name.replace("-", "_") != f"__{action.dest}"]
        names = [name for name in action.option_strings if name == f"--{action.dest}" or name in names]
        return f"{', '.join(names or action.option_strings)} {self.arguments(action)}".rstrip()

    def arguments(self, action: Action) -> str:
        """Returns the placeholders of an action's values."""
        return self._format_args(action, action.dest.upper())


def short_help(about: About, actions: Iterable[Action]) -> str:
    """Returns the text for `--help`.

    Args:
        about: What the program says of itself.
        actions: Its own arguments and options.
    """
    positional = [action for action in actions if not action.option_strings]
    options = [action for action in actions if action.option_strings]
    formatter = _Formatter(about.prog, max_help_position=28)
    settings = ["[--SETTING VALUE ...]"] if about.takes_settings else []
    words = [about.prog, *map(formatter.arguments, positional), "[OPTIONS]", *settings]
    formatter.add_usage(" ".join(words), [], [])
    formatter.add_text(about.description)
    if about.examples:
        formatter.add_text("\n".join(["examples:", *(f"  {example}" for example in about.examples)]))
    for title, listed in [("arguments", positional), ("options", [*options, *_ALWAYS])]:
        _add_section(formatter, title, listed)
    if about.takes_settings:
        _add_section(formatter, "settings of the experiment", _SETTINGS)
    return formatter.format_help()


def _add_section(formatter: _Formatter, title: str, actions: Sequence[Action]) -> None:
    formatter.start_section(title)
    formatter.add_arguments(actions)
    formatter.end_section()


_ALWAYS = [Action(["-h", "--help"], "help", nargs=0, help="Print this and exit.")]
_SETTINGS = [
    Action(
        ["--config"],
        "config",
        metavar="NAME",
        help="Shipped config, or YAML file; a later one is laid over it.",
    ),
    Action(
        ["--SECTION.SETTING"],
        "setting",
        metavar="VALUE",
        help="Any setting, such as --seed 1 or --adam.learning_rate 0.01.",
    ),
    Action(["--print_config"], "print_config", nargs=0, help="Print the whole experiment and exit."),
    Action(
        ["--help-settings"],
        "help_settings",
        nargs=0,
        help="List all settings, of --config or --kind, and exit.",
    ),
]
