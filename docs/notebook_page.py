"""A Jupyter notebook as a page: its text, its code and the outputs that are stored in it."""

import json
from pathlib import Path
from typing import Any


def markdown(file: Path) -> str:
    """Return the notebook as Markdown; pictures are embedded, so that the page needs no other file."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(part for cell in cells for part in _parts(cell)) + "\n"


def _parts(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    return [f"```python\n{source}\n```", *filter(None, map(_output, cell["outputs"]))]


def _output(output: dict[str, Any]) -> str:
    shown = output.get("data", {})
    if "image/png" in shown:
        return f"![Output](data:image/png;base64,{''.join(shown['image/png']).replace(chr(10), '')})"
    printed = "".join(output.get("text", shown.get("text/plain", ""))).rstrip()
    return f"```text\n{printed}\n```" if printed else ""
