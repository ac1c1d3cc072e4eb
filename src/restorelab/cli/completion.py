"""`restorelab completion`: completion scripts for shells, made of the config files and the help of each command."""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from restorelab.config import conf_files, packaged
from restorelab.config.schema import GROUPS, conf_dir
from restorelab.errors import ConfigError, nearest

SHELLS = ("bash", "zsh", "fish")

USAGE = """\
restorelab completion SHELL: print the script that completes restorelab, train.py and sweep.py with Tab.

  bash            source <(restorelab completion bash)
  zsh             source <(restorelab completion zsh)
  fish            restorelab completion fish | source

Put the line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish. The words are those of the shipped configs and of
./conf at the time of the command: groups with their options, keys, and the options of each command.
"""

RUN, SWEEP = "train", "sweep"
TAKING_A_RUN = ("train", "sweep", "preview", "export-set", "evaluate")
"""Commands that take the overrides of a run."""


def run(argv: Sequence[str]) -> int:
    """Print the completion script of a shell.

    Raises:
        ConfigError: for no shell or another one.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    shell = argv[0] if len(argv) == 1 else ""
    if shell not in SHELLS:
        raise ConfigError(f"completion {' '.join(argv)}: expected one shell. {nearest(shell, SHELLS)}")
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](words()), end="")
    return 0


def words() -> dict[str, list[str]]:
    """Return the words that each command takes, sorted; `""` holds the commands themselves.

    A word is a command's option, `group=option`, or a key with `=` behind it.
    """
    from restorelab.cli import main

    commands = {"train": "restorelab.cli.main", **main.MODULES}
    every = {name: set(_usage_options(module)) for name, module in commands.items()}
    for name in TAKING_A_RUN:
        every[name] |= set(_run_words())
    every[SWEEP] |= set(_keys(conf_files.read_yaml(conf_dir() / "sweep.yaml"), ""))
    every[SWEEP] |= {f"{group}={option}" for group in ("study", "executor") for option in conf_files.options(group)}
    every["fetch"] |= {f"{group}={option}" for group in ("data", "test") for option in conf_files.options(group)}
    every["verify"] |= set(conf_files.options("verify"))
    every["restore"] |= {f"model={name}" for name in ("auto", *packaged.names())}
    every["export"] |= set(packaged.names())
    every["cache"].add("clean")
    every["completion"] |= set(SHELLS)
    every[""] = {*commands, "--help", "--version"}
    return {name: sorted(taken | ({"--help"} if name else set())) for name, taken in every.items()}


def _run_words() -> Iterator[str]:
    """Yield the groups of a run with their options, and all of its keys."""
    for group in (*GROUPS, "experiment"):
        for option in conf_files.options(group):
            yield f"{group}={option}"
            if group != "experiment":
                yield from _keys(conf_files.read_yaml(conf_files.find(group, option)), f"{group}.")
    yield from _keys(conf_files.read_yaml(conf_dir() / "train.yaml"), "")


def _keys(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield `key=` for each value of a config."""
    for key, value in node.items():
        if key in ("defaults", "hydra", "choices", "sessions") or str(key).startswith("_"):
            continue
        if isinstance(value, Mapping) and value:
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}="


def _usage_options(module: str) -> list[str]:
    """Return the `key=` words that the USAGE text of a command's module lists, without importing it."""
    spec = find_spec(module)
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8")) if spec and spec.origin else ast.Module([], [])
    texts = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "USAGE"
        and isinstance(node.value, ast.Constant)
    ]
    return re.findall(r"^  ([a-z][\w.]*=)", str(texts[0]), re.MULTILINE) if texts else []


def _bash(taken: Mapping[str, Sequence[str]]) -> str:
    """Return the script for bash, which divides words at `=`; a word is cut there again before it is offered."""
    cases = "\n".join(f"        {name}) words='{' '.join(own)}' ;;" for name, own in taken.items() if name)
    return f"""\
# Made by `restorelab completion bash`.
_restorelab_words() {{
    local words
    case "$1" in
{cases}
        *) words='{" ".join(taken[""])}' ;;
    esac
    printf '%s\\n' $words
}}
_restorelab() {{
    local line="${{COMP_LINE:0:$COMP_POINT}}" word command="" part
    word="${{line##*[[:space:]]}}"
    for part in $line; do
        case "$part" in
            restorelab|*/restorelab|python*|*/python*) ;;
            train.py|*/train.py) command=train; break ;;
            sweep.py|*/sweep.py) command=sweep; break ;;
            -*) ;;
            *) [ "$part" = "$word" ] || command="$part"; break ;;
        esac
    done
    case "$command$line" in
        python*|*/python*) return ;;
    esac
    local offered
    offered="$(_restorelab_words "$command" | grep -F -- "$word" | awk -v word="$word" 'index($0, word) == 1')"
    case "$word" in
        *=*) COMPREPLY=($(printf '%s\\n' "$offered" | sed 's/^[^=]*=//' | grep .)) ;;
        *) COMPREPLY=($(printf '%s\\n' "$offered" | sed 's/=.*/=/' | sort -u)) ;;
    esac
    case "${{COMPREPLY[*]}}" in
        *=) compopt -o nospace 2>/dev/null ;;
    esac
}}
complete -o bashdefault -o default -F _restorelab restorelab train.py sweep.py python python3
"""


def _zsh(taken: Mapping[str, Sequence[str]]) -> str:
    """Return the script for zsh, which offers keys first, and behind a key's `=` whole words."""
    cases = "\n".join(
        f"        {name}) reply=({' '.join(map(shlex.quote, own))}) ;;" for name, own in taken.items() if name
    )
    return f"""\
# Made by `restorelab completion zsh`.
_restorelab_words() {{
    case "$1" in
{cases}
        *) reply=({" ".join(taken[""])}) ;;
    esac
}}
_restorelab() {{
    local command="" part
    local -a reply keys plain
    for part in "${{(@)words[1,CURRENT-1]}}"; do
        case "$part" in
            restorelab|*/restorelab|python*|*/python*|-*) ;;
            train.py|*/train.py) command=train; break ;;
            sweep.py|*/sweep.py) command=sweep; break ;;
            *) command="$part"; break ;;
        esac
    done
    if [[ "$command" != (train|sweep) && "$words[1]" == (python*|*/python*) ]]; then
        _files
        return
    fi
    _restorelab_words "$command"
    if [[ "$PREFIX" == *=* ]]; then
        compadd -- "${{(@)reply:#*=}}" || _files
        return
    fi
    keys=("${{(@u)${{(@M)reply:#*=*}}/=*/=}}")
    plain=("${{(@)reply:#*=*}}")
    compadd -S "" -- $keys
    compadd -- $plain
    _files
}}
compdef _restorelab restorelab train.py sweep.py python python3
"""


def _fish(taken: Mapping[str, Sequence[str]]) -> str:
    """Return the script for fish, which offers a word as a whole."""
    lines = ["# Made by `restorelab completion fish`."]
    lines.append(f"complete -c restorelab -n __fish_use_subcommand -f -a '{' '.join(taken[''])}'")
    for name, words in taken.items():
        if name:
            lines.append(f"complete -c restorelab -n '__fish_seen_subcommand_from {name}' -a '{' '.join(words)}'")
    for script, name in (("train.py", RUN), ("sweep.py", SWEEP)):
        for python in ("python", "python3"):
            condition = f'string match -q -- "*{script}*" (commandline -p)'
            lines.append(f"complete -c {python} -n '{condition}' -a '{' '.join(taken[name])}'")
    return "\n".join(lines) + "\n"
