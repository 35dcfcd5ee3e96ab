"""What an argparse parser offers, as plain values: completions and man page are made of them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from tinylogbert_daemon.errors import InstallError

_FILES = {"F", "FILE", "CONFIG", "D", "DIR", "M", "PATH"}
_WIDE = 100_000


@dataclass(frozen=True, slots=True)
class Option:
    """An option or, without ``flags``, a positional argument."""

    flags: tuple[str, ...]
    value: str
    """What stands for its value, in capitals; empty where it takes none."""
    choices: tuple[str, ...]
    files: bool
    repeated: bool
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand, or under the name of the program what may stand before one."""

    name: str
    summary: str
    usage: str
    options: tuple[Option, ...]

    @property
    def flags(self) -> list[str]:
        """Return all names of all options, in their order."""
        return [flag for option in self.options for flag in option.flags]


def describe(parser: argparse.ArgumentParser) -> tuple[Command, list[Command]]:
    """Return the program itself and its subcommands; raises :class:`InstallError` without any."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {one.dest: one.help or "" for one in action._choices_actions}
            commands = [
                _command(name, summaries[name], sub) for name, sub in action.choices.items()
            ]
            return _command(parser.prog, parser.description or "", parser), commands
    raise InstallError(f"{parser.prog}: has no subcommands to describe")


def _command(name: str, summary: str, parser: argparse.ArgumentParser) -> Command:
    formatter = argparse.HelpFormatter(parser.prog, width=_WIDE)
    actions = [one for one in parser._actions if not _is_subcommand(one)]
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    options = tuple(_option(action, formatter) for action in actions)
    return Command(name, summary, " ".join(formatter.format_help().split()), options)


def _is_subcommand(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _option(action: argparse.Action, formatter: argparse.HelpFormatter) -> Option:
    takes_value = action.nargs != 0
    choices = tuple(map(str, action.choices or ()))
    value = ""
    if takes_value:
        shown = action.metavar or ("|".join(choices) if choices else action.dest.upper())
        value = shown if isinstance(shown, str) else " ".join(shown)
    return Option(
        flags=tuple(action.option_strings),
        value=value,
        choices=choices,
        files=takes_value and not choices and value in _FILES,
        repeated=action.nargs in ("*", "+"),
        help=formatter._expand_help(action) if action.help else "",
    )
