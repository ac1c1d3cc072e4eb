"""The options of a command as `--help` lists them, read from the comments of its YAML file in conf/."""

import re
import textwrap
from pathlib import Path

OPTION = re.compile(r"^(\w+): *(.*?) # (.*)$", re.MULTILINE)
"""A key at the root of a YAML file with its default and its comment."""

COLUMN, WIDE = 26, 118
"""Characters of a line before the comments, and in all."""


def options(file: Path) -> str:
    """Return a line for each commented key at the root of a YAML file: `  key=default   what it decides`."""
    lines = []
    for key, default, comment in OPTION.findall(file.read_text(encoding="utf-8")):
        begun = f"  {key}={default}"
        room = " " * COLUMN
        gap = begun.ljust(COLUMN) if len(begun) < COLUMN - 1 else f"{begun}\n{room}"
        rest = textwrap.wrap(comment, WIDE - COLUMN, break_long_words=False, break_on_hyphens=False)
        lines.append(gap + f"\n{room}".join(rest))
    return "\n".join(lines)
