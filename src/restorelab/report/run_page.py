"""report.html: one run on one self-contained page, for a browser without a network."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab.report.detail import CHOSEN
from restorelab.report.evaluations import cells
from restorelab.report.page import Part, Png, Section, render
from restorelab.report.table import Cell, Table

NUMBERS = "PSNR and SSIM below the pictures are of whole images. A brighter error is a larger one, see the bar."

UNTESTED = "Nothing was tested: the dataset has no test images (data.test=0)."

COMPARABLE = (
    "Runs whose evaluations have the same spec (a hash of the images, the degradation and the protocol) may be "
    "compared; the bits (a hash of the degraded images) must then be the same, too."
)


def page(
    config: Mapping[str, Any],
    result: Mapping[str, Any],
    protocol: str,
    degradations: Mapping[str, str],
    trained: str,
    curves: Path,
    panels: Mapping[str, Path],
) -> str:
    """The page's HTML.

    config: the run's resolved config. result: the content of result.json. protocol: in words. degradations: what each
    evaluation does to an image, in words. trained: how the run trained, in words. curves: a PNG file, shown where it
    is there. panels: PNG files by evaluation.
    """
    evaluations = result["evaluations"]
    sections = [_test_set(evaluations)]
    if curves.is_file():
        drawn = Png("curves", "", "", curves.read_bytes(), "loss, PSNR and SSIM against optimizer steps")
        sections.append(Section("training", "Training", parts=[Part("png", drawn)]))
    if panels:
        sections.append(
            Section(
                "pictures", "Pictures", text=[f"{CHOSEN} {NUMBERS}"], parts=[_panel(*panel) for panel in panels.items()]
            )
        )
    sections.append(Section("run", "Run", parts=[Part("facts", list(_facts(config, result, trained)))]))
    if evaluations:
        sections.append(_sets(evaluations, degradations))
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    sections.append(Section("configuration", "Configuration", parts=[Part("source", ("config.yaml", text))]))
    groups = ("model", "data", "blur", "downsample", "noise", "jpeg", "loss")
    choices = [(group, option) for group, option in config["choices"].items() if group in groups]
    return render("run", str(config["name"]), sections, choices=choices, protocol=protocol)


def _test_set(evaluations: Sequence[Mapping[str, Any]]) -> Section:
    if not evaluations:
        return Section("test", "Test set", text=[UNTESTED])
    rows = [cells(entry["degradation"], entry["images"], entry["metrics"]) for entry in evaluations]
    return Section("test", "Test set", [Table("Test set", list(rows[0]), [list(row.values()) for row in rows])])


def _panel(name: str, file: Path) -> Part:
    alt = f"degraded, restored, clean and absolute error under {name}"
    return Part("png", Png(f"panel-{name.replace('/', '-')}", name, "", file.read_bytes(), alt))


def _sets(evaluations: Sequence[Mapping[str, Any]], degradations: Mapping[str, str]) -> Section:
    """A row an evaluation: what is done to the images, and the hashes that say which runs may be compared."""
    rows = []
    for entry in evaluations:
        name = str(entry["degradation"])
        images = f"{entry['images']:,} of the {entry['set']} set"
        rows.append([Cell(text) for text in (name, images, degradations[name], str(entry["spec"]), str(entry["bits"]))])
    head = ["evaluation", "images", "degradation", "spec", "bits"]
    return Section("sets", "Evaluation sets", [Table("Evaluation sets", head, rows, [COMPARABLE])])


def degradation(config: Mapping[str, Any]) -> str:
    """What a fixed degradation does to an image, in words: `noise: Gaussian, sigma 50, clip true`.

    config: its resolved nodes by stage.
    """
    stages = []
    for stage, node in config.items():
        name = str(node["_target_"]).rpartition(".")[2]
        if not name.startswith("No"):
            values = [f"{key} {_value(value)}" for key, value in node.items() if not key.startswith("_")]
            stages.append(f"{stage}: {', '.join([name, *values])}")
    return "; ".join(stages) or "none: the images are degraded already"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({', '.join(f'{key} {_value(inner)}' for key, inner in value.items() if key != '_partial_')})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _facts(config: Mapping[str, Any], result: Mapping[str, Any], trained: str) -> Iterator[tuple[str, str]]:
    """Name and value of what the run took."""
    yield "parameters", f"{result['parameters']:,}"
    if result["macs"]:
        size = "x".join(map(str, result["macs_of"]))
        yield "multiply-accumulates", f"{result['macs']:,} for one image of {size}"
    yield "training", trained
    for entry in result["evaluations"]:
        under = f" under {entry['degradation']}" if len(result["evaluations"]) > 1 else ""
        low, middle, high = entry["image_seconds"] or [entry["seconds"] / entry["images"]] * 3
        spread = f"median batch; quartiles {1000 * low:.3g} to {1000 * high:.3g} ms" if entry["image_seconds"] else \
            "too few batches for a spread"  # fmt: skip
        yield f"restoring{under}", f"{1000 * middle:.3g} ms an image ({spread})"
    yield "whole run", f"{result['seconds']:,.0f} s"
    yield "peak memory", f"{result['peak_memory'] / 2**20:,.0f} MiB"
    yield "device", f"{result['device']} on {result['host']}"
    yield "seed", str(config["seed"])
    yield "commit", str(result["git"] or "not from a checkout")
    yield "versions", ", ".join(f"{name} {number}" for name, number in result["versions"].items())
