"""The man page, made of the parser, in the macros of man(7)."""

from __future__ import annotations

import argparse
import re

from tinylogbert_daemon import __version__
from tinylogbert_daemon.install.commands import Command, Option, describe

_DESCRIPTION = (
    "A daemon for log hosts: it tails log files, gives every line a verdict from a small BERT, "
    "without labels, parsers or rules, and turns the few lines that matter into explained alerts "
    "and Prometheus metrics. The other commands score single lines and files, train and compare "
    "models, and ask a running daemon.",
    "Where a command takes a file, - is standard input, and .gz and .xz are read as they are. "
    "Results go to standard output, everything else to standard error.",
)
_FILES = {
    "/etc/tinylogbert/tinylogbert.yaml": "the configuration; it explains its keys",
    "/var/lib/tinylogbert/state.db": "offsets, counts, incidents and owed alerts",
    "/var/lib/tinylogbert/alerts.jsonl": "the alerts, one JSON object a line",
    "/var/lib/tinylogbert/models": "models that were trained on this host",
}
_STATUS = {
    "0": "done",
    "1": "failed; one line on standard error says why",
    "2": "wrong usage",
}
_SIGNALS = {
    "SIGTERM, SIGINT": "finish the blocks in hand, commit, deliver and exit (10 seconds at most); "
    "a second SIGINT leaves at once",
    "SIGHUP": "read the configuration again, and keep the old one if the new is wrong",
}


def man(parser: argparse.ArgumentParser) -> str:
    """Return the page; every command and option of ``parser`` stands in it."""
    program, commands = describe(parser)
    name = program.name
    lines = [
        f'.TH {name.upper()} 1 "" "{name} {__version__}" "System Administration"',
        ".SH NAME",
        f"{name} \\- {_roff('score the lines of logs and alert on the few that matter')}",
        ".SH SYNOPSIS",
        *[line for one in commands for line in _usage(one)][1:],  # no gap below a heading
        ".SH DESCRIPTION",
        *[line for paragraph in _DESCRIPTION for line in (".PP", _roff(paragraph))][1:],
    ]
    lines += [".SH OPTIONS", *_options(program), ".SH COMMANDS"]
    for one in commands:
        lines += [f".SS {_roff(one.name)}", _roff(f"{one.summary[0].upper()}{one.summary[1:]}.")]
        lines += _options(one)
    lines += [
        *_section(
            "ENVIRONMENT",
            {
                "TINYLOGBERT_*": "sets a key of the configuration: "
                "TINYLOGBERT_HTTP__PORT is http.port"
            },
        ),
        *_section("FILES", _FILES),
        *_section("EXIT STATUS", _STATUS),
        *_section("SIGNALS", _SIGNALS),
        ".SH SEE ALSO",
        ".BR journalctl (1),",
        ".BR systemctl (1),",
        ".BR logrotate (8)",
    ]
    return "\n".join([*lines, ""])


def _usage(command: Command) -> list[str]:
    """Return a paragraph of the synopsis, less the option that every command has."""
    program, name, *rest = command.usage.replace(" [-h]", "").split(" ")
    return (
        [".PP", f".B {_roff(f'{program} {name}')}", _roff(" ".join(rest))]
        if rest
        else [".PP", f".B {_roff(f'{program} {name}')}"]
    )


def _options(command: Command) -> list[str]:
    lines: list[str] = []
    for option in command.options:
        lines += [".TP", _tag(option), _roff(option.help)]
    return lines


def _tag(option: Option) -> str:
    value = f"\\fI{_roff(option.value)}\\fR" if option.value else ""
    if not option.flags:
        return value
    names = ", ".join(f"\\fB{_roff(flag)}\\fR" for flag in option.flags)
    return f"{names} {value}".rstrip()


def _section(title: str, entries: dict[str, str]) -> list[str]:
    lines = [f".SH {title}"]
    for name, meaning in entries.items():
        lines += [".TP", f"\\fB{_roff(name)}\\fR", _roff(meaning)]
    return lines


def _roff(text: str) -> str:
    """Return text that roff sets as it stands: no escape, no request at the start of a line."""
    escaped = re.sub(r"[-\\'~^`]", lambda found: _ESCAPES[found[0]], " ".join(text.split()))
    plain = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in escaped)
    return f"\\&{plain}" if plain.startswith(".") else plain


_ESCAPES = {
    "-": "\\-",
    "\\": "\\e",
    "'": "\\(aq",
    "~": "\\(ti",
    "^": "\\(ha",
    "`": "\\(ga",
}
