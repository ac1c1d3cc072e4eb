"""`restorelab explain A B`: why two results differ. A is measured again with B's conventions, one after another."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from restorelab.compare import conventions
from restorelab.compare.conventions import WORDS, Conventions, shown
from restorelab.compare.remeasured import MeasuredAnew
from restorelab.config import own_keys
from restorelab.errors import ConfigError, DataError
from restorelab.report.text_table import aligned, ruled
from restorelab.runs.record import Record

USAGE = """\
restorelab explain A B [evaluation=NAME]: why two runs have different PSNR, in dB, step by step.
restorelab explain A published=29.23 [key=value ...]: the same for a printed number and the conventions that it has.

  A, B               folders of runs; a step is a convention of measuring that differs: A is measured again with B's
  evaluation=NAME    of which evaluation; A_NAME,B_NAME where the two call it differently; left out: the first
  metric=ssim        explain SSIM; left out: psnr
  protocol=literature   the conventions of a protocol's file, for a printed number; single ones are
  noise_clip=false   whether noise was clipped to [0, 1]
  clip_input=false   whether the degraded image was
  self_ensemble=false   whether the outputs for eight turns and flips of the input were averaged (x8)
  quantize=true      whether the output was rounded to 8 bits
  border=0           pixels cut off at each side
  color=rgb          rgb, or y for luma
  pooled=false       whether the squared error was averaged over all images before the logarithm
  ssim=gaussian      window of SSIM: gaussian, 11x11 of sigma 1.5; uniform, 7x7, scikit-image's default
  downsample=bicubic how images were made smaller: an option of conf/downsample, by A's factor
  seed=1             eval_seed of the noise; that of a printed number is unknown, and another one tells what it matters

What the steps do not account for is called unexplained: other weights, other images, another program.
"""

OWN = (
    "evaluation",
    "published",
    "metric",
    "protocol",
    "noise_clip",
    "clip_input",
    "self_ensemble",
    "quantize",
    "border",
    "color",
    "pooled",
    "ssim",
    "downsample",
    "seed",
)

METRICS = {"psnr": "3f", "ssim": "5f"}
"""Metrics that can be explained, with the format of their numbers."""


@dataclass(frozen=True)
class Step:
    """A convention that was changed, from one value to another, and the mean with it and all earlier changes."""

    key: str
    before: Any
    after: Any
    mean: float


def run(argv: Sequence[str]) -> int:
    """Measure and print the steps; return the exit status.

    Raises:
        ConfigError: for a wrong key or value. DataError: for a run whose dataset or weights are missing.
    """
    if not argv or {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    folders = [word for word in argv if "=" not in word]
    options, _ = own_keys.split("explain", [word for word in argv if word not in folders], OWN, of_run=False)
    metric = own_keys.one_of("metric", options.get("metric", "psnr"), list(METRICS))
    if len(folders) != (1 if "published" in options else 2):
        raise ConfigError("explain: expected two runs, or one run and published=NUMBER.")
    first, *others = (_measured(name, Path(folder).expanduser()) for name, folder in zip("AB", folders, strict=False))
    names = own_keys.listed(options.get("evaluation", ""))
    name = names[0] if names else first.evaluations[0]
    own = conventions.of_run(first.config, first.evaluation(name))
    if "published" in options:
        target, wanted = _number("published", options["published"]), conventions.of_published(own, options)
    else:
        (second,) = others
        other = names[-1] if names else name if name in second.evaluations else second.evaluations[0]
        target, wanted = second.metric(other, metric), conventions.of_run(second.config, second.evaluation(other))
    measured = MeasuredAnew(first, name, metric)
    steps = list(explain(measured, own, wanted))
    recorded = first.metric(name, metric)
    again = measured.mean(own) if steps else recorded
    print("\n".join(_lines(recorded, again, steps, target, metric, printed="published" in options)))
    if "published" in options and "seed" not in options:
        scatter = measured.mean(replace(own, seed=own.seed + 1)) - measured.mean(own)
        change = f"{scatter:+.{METRICS[metric]}}{' dB' if metric == 'psnr' else ''}"
        print(f"\nanother seed of the noise changes A by {change}; the one of the printed number is unknown")
    return 0


def _measured(name: str, folder: Path) -> Record:
    record = Record(name, folder)
    if not record.evaluations:
        raise DataError(f"explain: {folder} has no test images, so nothing was measured.")
    return record


def _lines(
    began: float, again: float, steps: Sequence[Step], target: float, metric: str, *, printed: bool
) -> Iterator[str]:
    """Yield the table. again: A's mean by its own conventions here and now, from which the steps lead on."""
    form, unit = METRICS[metric], " (dB)" if metric == "psnr" else ""
    rows, last = [("A as it was measured", f"{began:.{form}}", "")], again
    if f"{again - began:.{form}}".strip("-0."):  # another machine, or images that have changed
        rows.append(("A measured again here", f"{again:.{form}}", f"{again - began:+.{form}}"))
    for step in steps:
        what = f"{WORDS[step.key]}: {shown(step.before)} -> {shown(step.after)}"
        rows.append((what, f"{step.mean:.{form}}", f"{step.mean - last:+.{form}}"))
        last = step.mean
    rows.append(("unexplained", "", f"{target - last:+.{form}}"))
    rows.append(("published" if printed else "B as it was measured", f"{target:.{form}}", f"{target - began:+.{form}}"))
    yield from ruled(aligned([("", f"{metric.upper()}{unit}", f"step{unit}"), *rows]))


def explain(measured: MeasuredAnew, own: Conventions, wanted: Conventions) -> Iterator[Step]:
    """Change one convention after another to the other run's, and yield the mean after each change."""
    now = own
    for key in WORDS:
        before, after = getattr(now, key), getattr(wanted, key)
        if before != after:
            now = replace(now, **{key: after})
            yield Step(key, before, after, measured.mean(now))


def _number(key: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{key}={value}: expected a number, such as a PSNR of 29.23 dB.")
    return number
