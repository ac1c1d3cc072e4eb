"""`restorelab preview`: show what a degradation does to a dataset, before training. Torch is imported late."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorelab.config import composition, own_keys
from restorelab.errors import ConfigError, UserError, nearest

USAGE = """\
restorelab preview [key=value ...]: a panel of degraded images with their PSNR and SSIM, before training.

  noise=impulse data=photos ...   the run, as for train: its own degradation and its evaluations are shown
  find=20dB       the noise's strength at which the degraded images measure 20 dB on average
  images=6        how many images the panel shows
  part=test       which images: train, val, test
  out=preview.png where the panel goes (png, jpg, pdf, svg); what is there is replaced

  restorelab preview noise=speckle data=photos find=20dB
"""

PARTS = ("train", "val", "test")
FORMATS = (".jpeg", ".jpg", ".pdf", ".png", ".svg")


@dataclass(frozen=True)
class PreviewOptions:
    """The options of preview, in addition to the overrides of a run; `find` in dB."""

    find: float | None = None
    images: int = 6
    out: Path = Path("preview.png")
    part: str = "test"


def run(argv: Sequence[str]) -> int:
    """Write the panel and print what it shows; return the exit status. Raises what `preview` does."""
    print(USAGE.rstrip() if {"-h", "--help"} & set(argv) else preview(argv))
    return 0


def preview(argv: Sequence[str]) -> str:
    """Compose, degrade, measure and draw; return the text for the terminal.

    Raises:
        ConfigError: for a wrong option or config, a strength that `find` cannot reach, or a noise without one strength.
        DataError: for a dataset that is missing.
    """
    options, overrides = parse(argv)
    settings = composition.compose(overrides)

    from restorelab.config import build
    from restorelab.report import preview_panel
    from restorelab.report.find_strength import find, the_strength

    built = build.parts(settings)
    strength = the_strength(built, settings) if options.find is not None else None
    images = preview_panel.pick(built, settings, options.part, options.images)
    columns = preview_panel.columns(built, settings)
    lines = []
    if strength is not None and options.find is not None:
        matched = find(strength, images, built.protocol, options.find)
        columns = [matched.column, *columns[built.degradation.variants :]]
        lines.append(f"noise.{strength.name}={matched.value:g} gives {matched.psnr:.2f} dB")
    shown = preview_panel.measure(columns, images, built.protocol)
    title = _title(settings, options, images)
    save(preview_panel.figure(shown, images[: options.images], title), options.out)
    lines += [title, preview_panel.table(shown), f"panel: {options.out.resolve()}"]
    return "\n".join(lines)


def parse(argv: Sequence[str]) -> tuple[PreviewOptions, list[str]]:
    """Separate preview's own options from the overrides of a run.

    Raises:
        ConfigError: for a value that an option does not take, and a key that neither preview nor a run has.
    """
    text, overrides = own_keys.split("preview", argv, list(READ))
    return PreviewOptions(**{key: READ[key](value) for key, value in text.items()}), overrides


def _decibels(value: str) -> float:
    match = re.fullmatch(r"(-?\d+(?:\.\d*)?|-?\.\d+)\s*(?:dB)?", value.strip(), re.IGNORECASE)
    if match is None:
        msg = f"find={value}: expected a PSNR in decibels, such as find=20dB."
        raise ConfigError(msg)
    return float(match.group(1))


def _count(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 64:
        msg = f"images={value}: expected a whole number from 1 to 64."
        raise ConfigError(msg)
    return int(value)


def _file(value: str) -> Path:
    file = Path(value).expanduser()
    if file.suffix.lower() not in FORMATS:
        msg = f"out={value}: the name must end in one of {', '.join(FORMATS)}."
        raise ConfigError(msg)
    if not file.parent.is_dir():
        msg = f"out={value}: there is no folder {file.parent}."
        raise ConfigError(msg)
    return file


def _part(value: str) -> str:
    if value not in PARTS:
        msg = f"part={value}: {nearest(value, PARTS)}"
        raise ConfigError(msg)
    return value


READ: dict[str, Callable[[str], Any]] = {"find": _decibels, "images": _count, "out": _file, "part": _part}
"""The function that reads each of preview's own options."""


def _title(settings: dict[str, Any], options: PreviewOptions, images: Sequence[Any]) -> str:
    chosen = settings["choices"]
    what = " ".join(
        f"{stage}={chosen.get(stage, '?')}"
        for stage in ("data", "blur", "downsample", "noise", "jpeg")
        if chosen.get(stage, "none") != "none" or stage == "noise"
    )
    return f"{what}: {len(images)} {options.part} image{'s' if len(images) > 1 else ''}"


def save(figure: Any, file: Path) -> None:
    """Write a figure in the format that the file's name says.

    Raises:
        UserError: where the file cannot be written.
    """
    try:
        figure.savefig(file, dpi=figure.dpi)
    except OSError as error:
        msg = f"out={file}: cannot be written ({error.strerror or error})."
        raise UserError(msg) from error
