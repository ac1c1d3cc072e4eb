"""report.html: one run on one self-contained page, for a browser without a network."""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab.report.detail import CHOSEN
from restorelab.report.evaluations import cells

NUMBERS = "PSNR and SSIM below the pictures are of whole images. A brighter error is a larger one, see the bar."

MATTERS = 0.05
"""dB of PSNR from which a difference matters: the protocol's threshold."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d8dde3; --ground: #fff; --raised: #f5f7f9;
  --good: #116633; --bad: #a32020; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b1; --line: #343b44; --ground: #14171a;
  --raised: #1d2125; --good: #6fcf97; --bad: #ff9a8f; } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 64rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1, h2 { overflow-wrap: anywhere } h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p { margin: .3rem 0; color: var(--soft) }
.scroll { overflow-x: auto;
  background: linear-gradient(to left, var(--ground) 40%, transparent) right / 6rem 100% no-repeat local,
  linear-gradient(to left, color-mix(in srgb, var(--ink) 30%, transparent), transparent) right / 2.2rem 100% no-repeat }
.scroll::-webkit-scrollbar { height: .7rem } .scroll::-webkit-scrollbar-track { background: var(--raised) }
.scroll::-webkit-scrollbar-thumb { background: var(--soft); border-radius: .35rem; border: 2px solid var(--raised) }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .4rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left }
th { font-weight: 600; color: var(--soft); font-size: .85rem }
td.gain, td.loss { font-weight: 600 } td.gain { color: var(--good) } td.loss { color: var(--bad) }
img { width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 6px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0 }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
details { background: var(--raised); border-radius: 6px; padding: .6rem 1rem } summary { cursor: pointer }
figure { margin: 0 } figcaption { color: var(--soft); font-size: .9rem; margin-top: .4rem }
table.words :is(th, td) { text-align: left; white-space: normal } table.words code { font-size: .85em }
pre { overflow-x: auto; font-size: .8rem }
"""


def page(
    config: Mapping[str, Any],
    result: Mapping[str, Any],
    protocol: str,
    degradations: Mapping[str, str],
    trained: str,
    curves: Path,
    panels: Sequence[Path],
) -> str:
    """The page's HTML.

    config: the run's resolved config. result: the content of result.json. protocol: in words. degradations: what each
    evaluation does to an image, in words. trained: how the run trained, in words. curves: a PNG file, shown where it
    is there. panels: PNG files of the evaluations.
    """
    title = html.escape(str(config["name"]))
    choices = ", ".join(f"{group} <b>{html.escape(str(option))}</b>" for group, option in config["choices"].items()
                        if group in ("model", "data", "blur", "downsample", "noise", "jpeg", "loss"))  # fmt: skip
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{choices}</p>",
        f"<h2>Test set</h2><div class=scroll tabindex=0>{_table(result['evaluations'])}</div>",
        f"<p>{html.escape(protocol)}</p>",
    ]
    if curves.is_file():
        parts.append(f"<h2>Training</h2>{_image(curves, 'loss, PSNR and SSIM against optimizer steps')}")
    for file in panels:
        heading = f"degraded, restored, clean and absolute error under {file.stem}"
        caption = f"<figcaption>{html.escape(f'{CHOSEN} {NUMBERS}')}</figcaption>"
        parts.append(f"<h2>{html.escape(file.stem)}</h2><figure>{_image(file, heading)}{caption}</figure>")
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in _facts(config, result, trained))
    text = html.escape(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    parts.append(f"<h2>Run</h2><dl>{listed}</dl>")
    if result["evaluations"]:
        parts.append(f"<h2>Evaluation sets</h2>{_sets(result['evaluations'], degradations)}")
    parts.append(f"<h2>Configuration</h2><details><summary>config.yaml</summary><pre>{text}</pre></details></html>")
    return "\n".join(parts)


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
        return f"({', '.join(f'{key} {_value(one)}' for key, one in value.items() if key != '_partial_')})"
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


def _sets(evaluations: Sequence[Mapping[str, Any]], degradations: Mapping[str, str]) -> str:
    """A row an evaluation: what is done to the images, and the hashes that say which runs may be compared."""
    heads = ("evaluation", "images", "degradation", "spec", "bits")
    rows = []
    for entry in evaluations:
        name = str(entry["degradation"])
        cells = [html.escape(name), f"{entry['images']:,} of the {html.escape(entry['set'])} set"]
        cells += [html.escape(degradations[name])]
        cells += [f"<code>{html.escape(str(entry[key]))}</code>" for key in ("spec", "bits")]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    return (
        f"<div class=scroll tabindex=0><table class=words><tr>{head}</tr>{''.join(rows)}</table></div>"
        "<p>Runs whose evaluations have the same spec (a hash of the images, the degradation and the protocol) may be "
        "compared; the bits (a hash of the degraded images) must then be the same, too.</p>"
    )


def _table(evaluations: Sequence[Mapping[str, Any]]) -> str:
    if not evaluations:
        return "<p>Nothing was tested: the dataset has no test images (data.test=0).</p>"
    rows = [cells(entry["degradation"], entry["images"], entry["metrics"]) for entry in evaluations]
    head = "".join(f"<th>{name}</th>" for name in rows[0])
    lines = ["".join(f"<td{_colour(name, cell)}>{html.escape(cell)}</td>" for name, cell in row.items())
             for row in rows]  # fmt: skip
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _colour(name: str, cell: str) -> str:
    """The class of a cell: a gain over the degraded input is green, a loss red, and neither below the threshold."""
    if name != "gain" or cell == "-" or abs(float(cell)) < MATTERS:
        return ""
    return " class=gain" if float(cell) > 0 else " class=loss"


def _image(file: Path, alt: str) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    return f"<img alt='{html.escape(alt)}' src='data:image/png;base64,{data}'>"
