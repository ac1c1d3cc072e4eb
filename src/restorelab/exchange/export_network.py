"""`restorelab export`: a trained network as a file for other programs, checked on test images before it is kept."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from restorelab.config import own_keys, trust
from restorelab.errors import ConfigError, UserError, nearest

USAGE = """\
restorelab export RUN out=FILE [key=value ...]: a trained network as a file, checked on test images before it is kept.

  RUN             a finished run's folder, a checkpoint in one, or the name of a packaged network
  out=FILE        where it goes; the model card NAME.json goes beside it
  format=onnx     onnx: any height, width and batch, padding and the clamp to [0, 1] inside; inputs `degraded` and, for
                  networks that take the noise level, `sigma` (B,) in [0, 1] units; output `restored`
                  dtmodel: the package that darktable 5.6 and later imports, for RGB networks
                  torch, safetensors: the weights alone, for PyTorch
                  card: the model card as Markdown
                  left out: by the ending of FILE (.onnx, .dtmodel, .pth, .safetensors, .md)
  sigma=25        the noise level as a constant, in 8-bit units, in place of the second input (onnx, dtmodel)
  images=12       test images of each evaluation that the file is compared with the network on
  precision=float of the weights in torch and safetensors files: float, half (16 bits), or auto, which is half unless
                  that changes the PSNR of a test image by more than 0.005 dB
  summary=TEXT, data=TEXT, licence=TEXT, command=TEXT
                  lines of the card: what the network is for, what it was trained on, the terms of the weights and of
                  that data, and the command that trained it
  measured=RUN,...      evaluations of these weights (restorelab evaluate): the card has their numbers in place of the
                  run's own, and the file is checked on their images
  overwrite=true  replace a file that is there
  trust=PACKAGE,...     for a run whose config names code of your own

The file is run on the run's fixed test images (of a packaged network on photographs of scikit-image): the card says by
how many dB and levels of 255 its output differs and what an image takes. More than 0.01 dB: no file, exit status 1.
The card has the run's numbers if the exported weights are those that were measured (the folder, or its best.ckpt).

  restorelab export runs/mine out=mine.onnx
  restorelab export runs/mine out=mine.safetensors precision=auto    # with its card: restore model=mine.safetensors
  restorelab export denoise_color format=dtmodel sigma=25 out=denoise-restorelab-25.dtmodel
"""

TEXTS = ("summary", "data", "licence", "command")
OWN = ("out", "format", "sigma", "images", "precision", *TEXTS, "measured", "overwrite", "trust")
ENDINGS = {"onnx": ".onnx", "dtmodel": ".dtmodel", "torch": ".pth", "safetensors": ".safetensors", "card": ".md"}
CONSTANT = ("onnx", "dtmodel")
"""Formats that can hold the noise level as a constant."""

IMAGES = 12

PRECISIONS = {"float": [False], "half": [True], "auto": [True, False]}
"""Whether the weights are stored with 16 bits: what is tried, in this order."""

LOSS = 0.005
"""dB that `auto` lets 16 bits change the PSNR of a test image: half of the last digit that tables print."""


def run(argv: Sequence[str]) -> int:
    """Export, check, write; prints what was measured and gives the exit status.

    Raises:
        ConfigError: for a wrong key or value, or a package that is missing.
        DataError: for a run that is not finished, or test images that are not there.
        UserError: for a file whose output differs.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    sources = [argument for argument in argv if "=" not in argument and not argument.startswith("-")]
    options, _ = own_keys.split("export", [word for word in argv if word not in sources], OWN, of_run=False)
    if len(sources) != 1 or "out" not in options:
        raise ConfigError("export: expected one network and where it goes, such as runs/mine out=mine.onnx.")
    out = Path(options["out"]).expanduser()
    kind = _kind(options.get("format"), out)
    sigma = _sigma(options["sigma"], kind) if "sigma" in options else None
    count = own_keys.whole("images", options.get("images", str(IMAGES)))
    if not count:
        raise ConfigError("images=0: a file that was not compared with the network is not written.")
    precision = own_keys.one_of("precision", options.get("precision", "float"), list(PRECISIONS))
    if precision != "float" and kind in CONSTANT:
        raise ConfigError(f"precision={precision}: a file of format={kind} computes in float32. Leave it out.")
    replace = own_keys.truth("overwrite", options.get("overwrite", "false"))
    _check_place(out, kind, replace=replace)
    texts = {key: options[key] for key in TEXTS if key in options}
    measured = [Path(run).expanduser() for run in own_keys.listed(options.get("measured", ""))]
    with trust.trusting(own_keys.listed(options.get("trust", ""))):
        print(export(sources[0], out, kind, sigma=sigma, count=count, texts=texts, measured=measured,
                     precision=precision))  # fmt: skip
    return 0


def export(
    source: str,
    out: Path,
    kind: str,
    *,
    sigma: float | None,
    count: int,
    texts: Mapping[str, str],
    measured: Sequence[Path] = (),
    precision: str = "float",
) -> str:
    """Write the file and its card, both or none, and return a summary.

    sigma: a constant level in 8-bit units. count: of the test images of each evaluation. texts: lines of the card.
    measured: runs whose numbers it has. precision: see `PRECISIONS`.

    Raises:
        ConfigError, DataError, UserError: as `run`.
    """
    from restorelab.exchange import exported_file, model_card
    from restorelab.exchange.export_check import compare
    from restorelab.exchange.export_source import open_source
    from restorelab.runs.run_folder import write_json, write_text

    network = open_source(source, texts, measured)
    card = {**network.card, "name": out.stem}
    try:
        if kind == "card":
            write_text(out, model_card.markdown(card))
            return f"card: {out.resolve()}"
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            made = Path(scratch) / out.name
            for half in PRECISIONS[precision]:
                exported_file.write(network, card, made, kind, sigma, half=half)
                check = compare(network, exported_file.opened(network, made, kind, sigma), sigma, count)
                limit = LOSS if half and precision == "auto" else check.LIMIT
                if check.decibels <= limit:  # NaN is not
                    break
            else:
                raise UserError(f"export: {check.words()} Expected at most {limit:g} dB, so no file is kept.")
            card |= exported_file.facts(made, kind, sigma, half=half) | {"check": check.facts()}
            write_json(made.with_suffix(".json"), card)
            made.replace(out)
            made.with_suffix(".json").replace(out.with_suffix(".json"))
    except OSError as error:
        raise UserError(f"export: {error.filename or out}: {error.strerror or error}.") from error
    return f"{check.words()}\n{kind}: {out.resolve()} ({out.stat().st_size:,} bytes)\ncard: {out.with_suffix('.json')}"


def _kind(chosen: str | None, out: Path) -> str:
    if chosen is not None and chosen not in ENDINGS:
        raise ConfigError(f"format={chosen}: {nearest(chosen, list(ENDINGS))}")
    by_ending = next((kind for kind, ending in ENDINGS.items() if out.suffix == ending), None)
    kind = chosen or by_ending
    if kind is None:
        raise ConfigError(f"out={out}: its ending names no format. {nearest(out.suffix, list(ENDINGS.values()))}")
    if out.suffix != ENDINGS[kind]:
        raise ConfigError(f"out={out}: a file of format={kind} ends in {ENDINGS[kind]}.")
    return kind


def _sigma(text: str, kind: str) -> float:
    if kind not in CONSTANT:
        raise ConfigError(f"sigma={text}: format={kind} holds weights alone. It is for {' and '.join(CONSTANT)}.")
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", text) or float(text) > 255:
        raise ConfigError(f"sigma={text}: expected a noise level in 8-bit units, 0 to 255.")
    return float(text)


def _check_place(out: Path, kind: str, *, replace: bool) -> None:
    if not out.parent.is_dir():
        raise ConfigError(f"out={out}: there is no folder {out.parent}.")
    for file in (out,) if kind == "card" else (out, out.with_suffix(".json")):
        if file.is_dir():
            raise ConfigError(f"out={out}: {file} is a folder. Name a file.")
        if file.exists() and not replace:
            raise ConfigError(f"out={out}: {file} exists. Name another file, or add overwrite=true.")
