"""Completions of bash, zsh and fish, made of the parser: no list to keep beside it.

A generator of our own instead of a library, so that an installed program can print the completion
of itself without one, and because of the three shells the known ones leave one out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator

from tinylogbert_daemon.install.commands import Command, Option, describe


def bash(parser: argparse.ArgumentParser) -> str:
    """Return the completion for bash, to be sourced."""
    program, commands = describe(parser)
    name = program.name
    lines = [
        f"# completion of {name} for bash",
        f"_{name}() {{",
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}",
        "    local command='' flags='' values='' word",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        "        case $word in",
        "            -*) ;;",
        "            *) command=$word; break ;;",
        "        esac",
        "    done",
        "    COMPREPLY=()",
        "    case $command:$prev in",
        *_bash_values(commands),
        "    esac",
        "    case $command in",
        f"        '') values={_words(one.name for one in commands)}"
        f" flags={_words(program.flags)} ;;",
    ]
    for one in commands:
        choices = [
            choice for option in one.options if not option.flags for choice in option.choices
        ]
        lines.append(f"        {one.name}) values={_words(choices)} flags={_words(one.flags)} ;;")
    lines += [
        "    esac",
        "    if [[ $cur == -* ]]; then values=$flags; fi",
        '    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")',
        "    if [[ -n $command && $cur != -* && -z $values ]]; then compopt -o default; fi",
        "}",
        f"complete -F _{name} {name}",
    ]
    return _text(lines)


def _bash_values(commands: list[Command]) -> Iterator[str]:
    """Give the cases of an option before the word that is completed."""
    for command in commands:
        for option in command.options:
            if not option.flags or not option.value:
                continue
            pattern = "|".join(f"{command.name}:{flag}" for flag in option.flags)
            if option.choices:
                offered = f'mapfile -t COMPREPLY < <(compgen -W {_words(option.choices)} -- "$cur")'
            else:
                offered = "compopt -o default" if option.files else ":"
            yield f"        {pattern}) {offered}; return ;;"


def zsh(parser: argparse.ArgumentParser) -> str:
    """Return the completion for zsh, a function for its ``fpath``."""
    program, commands = describe(parser)
    name = program.name
    lines = [
        f"#compdef {name}",
        f"_{name}() {{",
        '    local curcontext="$curcontext" state',
        "    local -a commands",
        "    commands=(",
        *(f"        {_quote(f'{_colons(one.name)}:{one.summary}')}" for one in commands),
        "    )",
        "    _arguments -C \\",
        *(f"        {spec} \\" for option in program.options for spec in _zsh_specs(option)),
        "        '1: :->command' '*:: :->arguments'",
        "    case $state in",
        "        command) _describe -t commands command commands ;;",
        "        arguments)",
        "            case $words[1] in",
    ]
    for one in commands:
        specs = [spec for option in one.options for spec in _zsh_specs(option)]
        lines.append(f"                {one.name}) _arguments \\")
        lines += [f"                    {spec} \\" for spec in specs]
        lines.append("                    ;;")
    lines += [
        "            esac ;;",
        "    esac",
        "}",
        f'if [[ $funcstack[1] == _{name} ]]; then _{name} "$@"; else compdef _{name} {name}; fi',
    ]
    return _text(lines)


def _zsh_specs(option: Option) -> Iterator[str]:
    """Give the arguments that ``_arguments`` takes for an option, one for each of its names."""
    value = ""
    if option.value:
        action = f"({' '.join(option.choices)})" if option.choices else ""
        value = f":{_colons(option.value)}:{action or ('_files' if option.files else ' ')}"
    if not option.flags:
        place = "*" if option.repeated else ""
        yield _quote(f"{place}:{_colons(option.value)}:{value.rpartition(':')[2]}")
        return
    others = f"({' '.join(option.flags)})" if len(option.flags) > 1 else ""
    for flag in option.flags:
        yield _quote(f"{others}{flag}[{_brackets(option.help)}]{value}")


def fish(parser: argparse.ArgumentParser) -> str:
    """Return the completion for fish, to be sourced."""
    program, commands = describe(parser)
    complete = f"complete -c {program.name}"
    lines = [f"# completion of {program.name} for fish", f"{complete} -f"]
    lines += [f"{complete} -n __fish_use_subcommand {_fish_option(one)}" for one in program.options]
    for one in commands:
        given = f"{complete} -n '__fish_seen_subcommand_from {one.name}'"
        lines.append(
            f"{complete} -n __fish_use_subcommand -a {one.name} -d {_fish_quote(one.summary)}"
        )
        lines += [f"{given} {_fish_option(option)}" for option in one.options]
    return _text(lines)


def _fish_option(option: Option) -> str:
    parts = [_fish_flag(flag) for flag in option.flags]
    if option.value:
        if option.flags:
            parts.append("-r" if option.files else "-x")
        if option.choices:
            parts.append(f"-a {_fish_quote(' '.join(option.choices))}")
        elif option.files:
            parts.append("-F")
    if option.help:
        parts.append(f"-d {_fish_quote(option.help)}")
    return " ".join(parts)


def _fish_flag(flag: str) -> str:
    return f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"


SHELLS: dict[str, Callable[[argparse.ArgumentParser], str]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
}


def _text(lines: list[str]) -> str:
    return "\n".join([*lines, ""])


def _words(words: Iterable[str]) -> str:
    return _quote(" ".join(words))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _colons(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _brackets(text: str) -> str:
    return _colons(text).replace("[", "\\[").replace("]", "\\]")
