"""Paths on command lines: what Hydra's grammar cannot hold is quoted for the user, and commands that we print are, too.

Hydra reads `=`, commas, brackets, quotes and letters beyond ASCII in a bare value as its own signs, or not at all.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

PATHS = ("run_dir", "runs_dir", "data_dir", "ckpt", "transfer", "root", "clean", "degraded", "clean_name",
         "degraded_name")  # fmt: skip
"""The last words of the keys that hold paths, or patterns of names: `data.root`, `data.source.degraded_name`."""

BARE = re.compile(r"(?!(true|false|null|nan|inf)$)[A-Za-z/.@_][\w/.@+%:-]*", re.ASCII | re.IGNORECASE)
"""Values that Hydra reads as text as they stand, without a sign of its own in them."""

DOUBLE = '"'

OWN = re.compile(
    r"""null|\?\?\?|(['"]).*\1|\[.*\]|\$\{.*\}.*|(choice|glob|range|sort|shuffle|interval|tag|str)\(.*\)""", re.DOTALL
)
"""Values that are written in Hydra's grammar already."""


def quoted(value: str, mark: str = "'") -> str:
    """A text as Hydra's grammar quotes it, so that it is read back as it is."""
    literal = re.sub(rf"(\\*)(\$\{{|{mark})", r"\1\1\\\2", value)  # no interpolation, and no end of the text
    return mark + re.sub(r"(\\+)$", r"\1\1", literal) + mark


def paths(arguments: Sequence[str], *, several: bool = False) -> list[str]:
    """Command line arguments with the paths in them quoted as Hydra wants it.

    several: a comma parts several values, but in a path that exists as a whole.
    """
    return [_path(argument, several=several) for argument in arguments]


def _path(argument: str, *, several: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.rpartition(".")[2].lstrip("+") not in PATHS:
        return argument
    if several and "," in value and not OWN.fullmatch(value) and not Path(value).expanduser().exists():
        return f"{key}={','.join(_value(part) for part in value.split(','))}"
    return f"{key}={_value(value)}"


def _value(value: str) -> str:
    if value.startswith("~"):  # a shell expands it only at the beginning of a word
        value = str(Path(value).expanduser())
    if not value or BARE.fullmatch(value) or (OWN.fullmatch(value) and (value == "null" or not Path(value).exists())):
        return value
    return quoted(value)


def argument(key: str, value: object) -> str:
    """`key=value` as it can be pasted into a shell: what our commands take plainly, plainly."""
    text = str(value)
    return f"{key}={text}" if BARE.fullmatch(text) else shlex.quote(f"{key}={quoted(text, DOUBLE)}")
