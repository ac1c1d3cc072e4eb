"""report.html: one run on one self-contained page, for a browser without a network."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab.evaluation import cells

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
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p { margin: .3rem 0; color: var(--soft) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .4rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left }
th { font-weight: 600; color: var(--soft); font-size: .85rem }
td.gain, td.loss { font-weight: 600 } td.gain { color: var(--good) } td.loss { color: var(--bad) }
img { width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 6px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0 }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
details { background: var(--raised); border-radius: 6px; padding: .6rem 1rem } summary { cursor: pointer }
pre { overflow-x: auto; font-size: .8rem }
"""


def page(
    config: Mapping[str, Any], result: Mapping[str, Any], protocol: str, curves: Path | None, panels: Sequence[Path]
) -> str:
    """The page's HTML.

    config: the run's resolved config. result: the content of result.json. protocol: in words. curves, panels: PNG
    files, put into the page.
    """
    title = html.escape(str(config["name"]))
    choices = ", ".join(f"{group} <b>{html.escape(str(option))}</b>" for group, option in config["choices"].items()
                        if group in ("model", "data", "blur", "downsample", "noise", "loss"))  # fmt: skip
    rate = result["images_per_second"]
    facts = {
        "parameters": f"{result['parameters']:,}",
        "time": f"{result['seconds']:,.0f} s",
        "training": f"{rate:,.0f} images/s" if rate else "none",
        "peak memory": f"{result['peak_memory'] / 2**20:,.0f} MiB",
        "seed": config["seed"],
        "commit": result["git"] or "not from a checkout",
        "versions": ", ".join(f"{name} {number}" for name, number in result["versions"].items()),
    }
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{choices}</p>",
        f"<h2>Test set</h2><div class=scroll>{_table(result['evaluations'])}</div>",
        f"<p>{html.escape(protocol)}</p>",
    ]
    if curves:
        parts.append(f"<h2>Training</h2>{_image(curves, 'loss, PSNR and SSIM against optimizer steps')}")
    for file in panels:
        heading = f"degraded, restored, clean and error under {file.stem}"
        parts.append(f"<h2>{html.escape(file.stem)}</h2>{_image(file, heading)}")
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts.items())
    text = html.escape(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    sets = html.escape(json.dumps([{k: e[k] for k in ("degradation", "spec", "bits")} for e in result["evaluations"]]))
    parts.append(f"<h2>Run</h2><dl>{listed}<dt>evaluation sets</dt><dd><code>{sets}</code></dd></dl>")
    parts.append(f"<h2>Configuration</h2><details><summary>config.yaml</summary><pre>{text}</pre></details></html>")
    return "\n".join(parts)


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
