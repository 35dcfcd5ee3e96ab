"""The completions hold every subcommand and option, and the real shells complete by them."""

from __future__ import annotations

import argparse
import shutil
import subprocess

import pytest

from tinylogbert_daemon.cli import COMMANDS, build_parser, main
from tinylogbert_daemon.errors import InstallError
from tinylogbert_daemon.install.commands import Command, describe
from tinylogbert_daemon.install.completion import SHELLS
from tinylogbert_daemon.install.manpage import man

PARSER = build_parser()
PROGRAM, DESCRIBED = describe(PARSER)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run(*command: str, given: str = "") -> str:
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_command_is_described_with_its_options() -> None:
    assert [one.name for one in DESCRIBED] == list(COMMANDS)
    for one in DESCRIBED:
        assert "--help" in one.flags
        assert one.usage.startswith(f"tinylogbert {one.name}")


def test_what_is_printed_is_of_this_parser(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, make in {**SHELLS, "man": man}.items():
        assert main(["completion", kind]) == 0
        assert capsys.readouterr().out == make(PARSER)


def _section(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


@pytest.mark.parametrize("command", DESCRIBED, ids=[one.name for one in DESCRIBED])
def test_each_has_every_option_of_the_command(command: Command) -> None:
    bash, zsh, fish = (make(PARSER) for make in SHELLS.values())
    of_bash = _section(bash, f"\n        {command.name}) values=", "\n")
    of_zsh = _section(zsh, f"\n                {command.name}) _arguments", ";;")
    of_fish = [
        line for line in fish.splitlines() if f"seen_subcommand_from {command.name}'" in line
    ]
    page = _section(man(PARSER), f"\n.SS {command.name.replace('-', chr(92) + '-')}\n", "\n.S")
    for flag in command.flags:
        assert flag in of_bash.replace("'", " ").split()
        assert f"{flag}[" in of_zsh
        short = f" -l {flag[2:]} " if flag.startswith("--") else f" -s {flag[1:]} "
        assert any(short in line for line in of_fish), flag
        assert f"\\fB{flag.replace('-', chr(92) + '-')}\\fR" in page


def _bash(*words: str) -> list[str]:
    quoted = " ".join(f"'{word}'" for word in ("tinylogbert", *words))
    # outside of a completion compopt has nothing to set
    script = (
        f"compopt() {{ echo files; }}\n{SHELLS['bash'](PARSER)}\n"
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _tinylogbert\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return [line for line in run("bash", "--norc", given=script).splitlines() if line]


@needs("bash")
def test_bash_completes() -> None:
    assert _bash("st") == ["status"]
    assert _bash("--ver") == ["--version"]
    assert set(_bash("")) == set(COMMANDS)
    assert _bash("train", "--mo") == ["--model-type"]
    assert _bash("train", "--model-type", "log") == ["logbert_distil"]
    assert _bash("run", "-c", "") == ["files"]
    assert _bash("run", "") == ["files"]
    assert _bash("run", "--for", "") == []
    assert _bash("completion", "z") == ["zsh"]


@needs("fish")
def test_fish_completes() -> None:
    def complete(line: str) -> list[str]:
        script = f"{SHELLS['fish'](PARSER)}\ncomplete -C '{line}'"
        return [
            found.split("\t")[0] for found in run("fish", "--no-config", "-c", script).splitlines()
        ]

    assert complete("tinylogbert stat") == ["status"]
    assert complete("tinylogbert train --mo") == ["--model-type"]
    assert complete("tinylogbert train --model-type ") == ["logbert_distil", "tinylogbert"]
    assert set(complete("tinylogbert completion ")) >= {"bash", "zsh", "fish", "man"}


@needs("zsh")
def test_zsh_takes_it() -> None:
    script = SHELLS["zsh"](PARSER)
    assert run("zsh", "-f", "-n", given=script) == ""
    loaded = f"autoload -U compinit; compinit -D -u\n{script}\necho $_comps[tinylogbert]"
    assert run("zsh", "-f", given=loaded).strip() == "_tinylogbert"


@needs("mandoc")
def test_the_man_page_is_well_formed() -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning"],
        input=man(PARSER),
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert said == []


@needs("groff")
def test_the_man_page_is_set_as_it_is_meant() -> None:
    shown = run("groff", "-man", "-Tutf8", "-P-cbou", "-rLL=300n", given=man(PARSER))
    shown = " ".join(shown.split())
    for one in DESCRIBED:
        assert f"tinylogbert {one.name}" in shown
        for option in one.options:
            assert ", ".join(option.flags) in shown
    assert "\\" not in shown


def test_text_of_a_parser_cannot_leave_its_place() -> None:
    parser = argparse.ArgumentParser("program")
    commands = parser.add_subparsers(dest="command")
    nasty = ".so '$(touch /x)' `id` [a:b] \\\\ \"c\""
    sub = commands.add_parser("go", help=nasty, description=nasty)
    sub.add_argument("--it", help=nasty, metavar="X")
    for name, make in SHELLS.items():
        if shutil.which(name):
            run(name, "-n", given=make(parser))
    assert not any(line.startswith(".so") for line in man(parser).splitlines())


def test_a_parser_without_commands_is_refused() -> None:
    with pytest.raises(InstallError, match="no subcommands"):
        describe(argparse.ArgumentParser("program"))
