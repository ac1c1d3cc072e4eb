"""A model card as Markdown."""

from collections.abc import Mapping
from typing import Any


def markdown(card: Mapping[str, Any]) -> str:
    """Return the text of a card. card: see `package.card_of`."""
    sigma = card.get("sigma")
    taken = f"It takes the noise level, {sigma[0]:g} to {sigma[1]:g} in 8-bit units." if sigma else ""
    colour = "gray" if card["channels"] == 1 else "RGB"
    lines = [
        f"# {card['name']}",
        "",
        card.get("summary", ""),
        "",
        f"{card['parameters']:,} parameters; {colour} images of any size, values in [0, 1]. {taken}".strip(),
        "",
        "## Numbers",
        "",
        "| set | evaluation | images | PSNR, dB | SSIM | input PSNR, dB |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(row) for row in card.get("numbers") or []),
        "",
        "Means over the images, each measured by itself; the interval is the 95 % bootstrap over groups of images.",
        "",
        "## Training",
        "",
        *(f"- {key}: {_plain(value)}" for key, value in (card.get("trained") or {}).items() if value is not None),
        "",
        "## Network",
        "",
        *(f"- {key}: {_plain(value)}" for key, value in card["model"].items()),
        "",
        f"Licence: {card.get('licence', 'not stated')}",
    ]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    low, high = row.get("psnr_interval") or (None, None)
    interval = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    psnr = f"{row['psnr']:.2f}{interval}" if "psnr" in row else ""
    ssim = f"{row['ssim']:.4f}" if "ssim" in row else ""
    input_psnr = f"{row['input_psnr']:.2f}" if "input_psnr" in row else ""
    return f"| {row.get('set', '')} | {row['evaluation']} | {row['images']:,} | {psnr} | {ssim} | {input_psnr} |"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(below)}" for key, below in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
