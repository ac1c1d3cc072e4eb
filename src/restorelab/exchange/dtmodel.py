"""The package that darktable 5.6 and later imports (preferences, AI): a zip with `ID/config.json` and `ID/model.onnx`.

Source: darktable, src/ai/README.md ("config.json Format", "Task: Denoise") and src/ai/backend_common.c, and the
pipeline reference of darktable-ai, which builds the official packages. The model takes `input` (1, 3, H, W) float32,
RGB with sRGB's curve in [0, 1], and gives `output` of the same shape; darktable cuts tiles of 256 to 2048 pixels.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restorelab.errors import ConfigError
from restorelab.exchange.export_source import ExportSource
from restorelab.noise_level import takes_sigma

CONFIG, MODEL = "config.json", "model.onnx"

TASK = "denoise"
"""The slot of darktable that restores an image of unchanged size."""

FIELDS = {"id": str, "name": str, "description": str, "task": str, "version": str, "arch": str, "backend": str,
          "tiling": bool, "num_inputs": int}  # fmt: skip
"""The fields of config.json that darktable and its catalogue read, with their types; `id` and `name` must be there."""


def check(source: ExportSource, sigma: float | None) -> None:
    """Raise ConfigError for a network that darktable cannot use."""
    if source.card["channels"] != 3:
        raise ConfigError(
            f"format=dtmodel: darktable gives RGB images, and this network takes {source.card['channels']} channel(s). "
            "Export a network that was trained with data.channels=3."
        )
    if int(getattr(source.net, "scale", 1)) != 1:
        raise ConfigError("format=dtmodel: darktable's task denoise keeps the size, and this network enlarges.")
    if takes_sigma(source.net) and sigma is None:
        raise ConfigError("format=dtmodel: darktable gives no noise level. Add a constant one, such as sigma=25.")


def config(card: Mapping[str, Any], sigma: float | None) -> dict[str, Any]:
    """The content of config.json."""
    name = re.sub(r"[^a-z0-9]+", "-", str(card["name"]).lower()).strip("-")
    level = "" if sigma is None else f", noise level {sigma:g} of 255"
    return {
        "id": name if name.startswith(f"{TASK}-") else f"{TASK}-{name}",
        "name": f"{name.removeprefix(f'{TASK}-').replace('-', ' ')}",
        "description": f"{card.get('summary') or 'Image restoration'}{level} (restorelab)",
        "task": TASK,
        "version": "1.0",
        "arch": str(card["model"]["_target_"]).rpartition(".")[2].lower(),
        "backend": "onnx",
        "tiling": True,
        "num_inputs": 1,
    }


def packed(model: bytes, card: Mapping[str, Any], sigma: float | None) -> bytes:
    """Return the zip file."""
    content = config(card, sigma)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{content['id']}/{CONFIG}", json.dumps(content, indent=2))
        archive.writestr(f"{content['id']}/{MODEL}", model)
    return stream.getvalue()


def model_in(file: Path) -> bytes:
    """Return the ONNX file in a package, once its config.json is as darktable wants it.

    Raises:
        ValueError: naming the field that is not.
    """
    with zipfile.ZipFile(file) as archive:
        (place,) = [name for name in archive.namelist() if name.endswith(f"/{CONFIG}")]
        content = json.loads(archive.read(place))
        for field, kind in FIELDS.items():
            if not isinstance(content.get(field), kind):
                raise ValueError(f"{file}: {field} of {CONFIG} is {content.get(field)!r}, not a {kind.__name__}")
        if place != f"{content['id']}/{CONFIG}":
            raise ValueError(f"{file}: {CONFIG} of {content['id']} lies in {place}")
        return archive.read(f"{content['id']}/{MODEL}")
