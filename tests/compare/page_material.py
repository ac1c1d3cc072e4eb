"""A comparison that never ran: runs with plausible numbers and real photographs, for the tests of the page."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data as photographs

from restorelab.compare.comparison import Comparison
from restorelab.report.charts.data import Bar, Bars, Box, Boxes, Dot, HeatMap, Lines, Scatter, Series, Span
from restorelab.report.gallery import Case, Gallery, GalleryView, Tile
from restorelab.report.page import Section
from restorelab.report.table import Cell, Table
from restorelab.runs.record import Record, Runs
from synthetic import write

MODELS = ("ae", "ae_sep", "dual_ae", "dual_ae_skip", "dncnn", "red_net_skip")
NOISES = ("gaussian", "impulse", "poisson", "speckle")
EVALUATIONS = ("gaussian_50", "impulse_30", "poisson_255", "speckle_002")
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


def names(count: int) -> list[str]:
    return [f"{model}-{noise}" for model in MODELS for noise in NOISES][:count]


def runs(folder: Path, count: int) -> Runs:
    found = []
    for number, name in enumerate(names(count)):
        record = write(folder, name, 0, {"gaussian_50": {"psnr": [20.0 + number, 21.0]}}, of=["a", "b"])
        config = record.config | {"choices": {"model": name.rpartition("-")[0], "noise": name.rpartition("-")[2]}}
        (record.path / "config.yaml").write_text(yaml.safe_dump(config))
        found.append(Record(name, record.path))
    return Runs(found)


def leaderboard(labels: Sequence[str]) -> Table:
    rng = np.random.default_rng(1)
    head = ["", *(f"{e}\n{m}" for e in EVALUATIONS for m in ("PSNR", "SSIM", "MSE")), "parameters", "MACs", "minutes"]
    psnr = 24 + rng.normal(0, 1.4, (len(labels), len(EVALUATIONS)))
    rows = []
    for i, label in enumerate(labels):
        row = [Cell(label)]
        for j in range(len(EVALUATIONS)):
            if (i + j) % 11 == 5:
                row += [Cell("-", note="not measured under this evaluation")] * 3
                continue
            best = psnr[i, j] == psnr[:, j].max()
            value = psnr[i, j]
            row += [
                Cell(f"{value:.2f}", "± 0.04", value, 0.04, "best" if best else ""),
                Cell(f"{0.5 + value / 80:.3f}", "", 0.5 + value / 80, mark="best" if best else ""),
                Cell(f"{10 ** (-value / 10):.5f}", "", 10 ** (-value / 10)),
            ]
        size = 20_000 * (1 + i) ** 2
        rows.append(
            [*row, Cell(f"{size:,}", value=size), Cell(f"{size / 1e4:.1f} M", value=size * 100), Cell("1.2", value=1.2)]
        )
    return Table("Leaderboard", head, rows, ["PSNR in dB, mean over the images, ± the deviation over 3 seeds."])


def charts(labels: Sequence[str]) -> dict[str, list]:
    rng = np.random.default_rng(2)
    top = rng.normal(26, 1.2, len(labels))
    steps = [float(s) for s in range(50, 4001, 50)]
    curves = [
        Series(n, steps, [float(t - 9 * np.exp(-s / 500) + rng.normal(0, 0.08)) for s in steps])
        for n, t in zip(labels, top, strict=True)
    ]
    sigmas = [5.0, 10.0, 15.0, 25.0, 35.0, 50.0, 75.0]
    levels = []
    for n, t in zip(labels[:8], top, strict=False):
        y = [float(t + 8 - 4.2 * np.log(s / 5) - (0.02 * (s - 25) ** 2 / 25 if s > 25 else 0)) for s in sigmas]
        levels.append(Series(n, sigmas, y, [v - 0.3 for v in y], [v + 0.3 for v in y]))
    sizes = [2e4 * (1 + i) ** 2 for i in range(len(labels))]
    dots, best = [], -1e9
    for n, s, t in sorted(zip(labels, sizes, top, strict=True), key=lambda one: one[1]):
        dots.append(Dot(n, s, float(t), float(t - 0.15), float(t + 0.15), front=bool(t > best)))
        best = max(best, t)
    boxes = []
    for n, t in zip(labels, top, strict=True):
        v = np.sort(rng.normal(t, 2.4, 200))
        q1, m, q3 = np.percentile(v, [25, 50, 75])
        inside = v[(v > q1 - 1.5 * (q3 - q1)) & (v < q3 + 1.5 * (q3 - q1))]
        outside = [float(o) for o in v if o < inside[0] or o > inside[-1]]
        boxes.append(Box(n, inside[0], q1, m, q3, inside[-1], v.mean(), outside))
    square = [[float(29 - 5 * abs(i - j) + rng.normal(0, 0.4)) for j in range(4)] for i in range(4)]
    diagonal = [[square[j][j] for j in range(4)] for _ in range(4)]
    long = [[float(t - 2 * (j != i % 4) + rng.normal(0, 0.2)) for j in range(4)] for i, t in enumerate(top)]
    front = "Steps: the Pareto front."
    macs = [Dot(dot.label, dot.x * 900, dot.y, dot.low, dot.high, dot.front) for dot in dots]
    minutes = [Dot(dot.label, 3 + (i * 7) % 11, dot.y) for i, dot in enumerate(dots)]
    marks = [["=" if i == j else "" for j in range(4)] for i in range(4)]
    noises, maps = list(NOISES), ("trained on", "measured on")
    bars = [Bar("optimizer.lr", 0.61), Bar("model.features", 0.22), Bar("data.batch_size", 0.01)]
    return {
        "curves": [Lines("Validation PSNR", "step", "PSNR (dB)", curves, caption="One line a run, the first seed.")],
        "levels": [Lines("PSNR against the noise level", "sigma (of 255)", "PSNR (dB)", levels,
                         [Span(10, 35, "training: sigma 10 to 35")], log_x=True, caption="Bands: 95 % over images.")],
        "pareto": [
            Scatter("PSNR against parameters", "parameters", "PSNR (dB)", dots, log_x=True, caption=front),
            Scatter("PSNR against MACs", "MACs", "PSNR (dB)", macs, log_x=True),
            Scatter("PSNR against training time", "minutes", "PSNR (dB)", minutes),
        ],
        "boxes": [Boxes(f"PSNR per image, {e}", "PSNR (dB)", boxes) for e in EVALUATIONS[:2]],
        "heat": [
            HeatMap("Training noise against test noise", *maps, noises, noises, square, caption="dual_ae_skip"),
            HeatMap("Loss against the specialist", *maps, noises, noises, square, reference=diagonal, marks=marks),
            HeatMap("All runs", "run", "evaluation", list(labels), list(EVALUATIONS), long),
        ],
        "importance": [Bars("What mattered", "share of the variance of val/psnr", bars)],
    }  # fmt: skip


def webp(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((np.clip(image, 0, 1) * 255).round().astype(np.uint8)).save(buffer, "webp", lossless=True, method=4)
    return buffer.getvalue()


def crops(labels: Sequence[str], side: int = 64, evaluations: Sequence[str] = EVALUATIONS) -> Gallery:
    """Real photographs, degraded by noise; each "run" is a blend of the truth, a blur and the noise."""
    rng, views = np.random.default_rng(3), []
    whys = (
        "most different: from 20.1 to 27.3 dB",
        "median: 25.0 dB on average",
        "hardest: 19.8 dB",
        "easiest: 31.0 dB",
    )
    for evaluation in evaluations:
        cases = []
        for photo, why in zip(PHOTOS, whys, strict=True):
            whole = getattr(photographs, photo)()[..., :3] / 255.0
            y, x = whole.shape[0] // 4, whole.shape[1] // 3
            clean = whole[y : y + side, x : x + side]
            noisy = clean + rng.normal(0, 50 / 255, clean.shape)
            tiles = []
            for i, label in enumerate(labels):
                share = (i + 1) / (len(labels) + 1)
                restored = share * clean + (1 - share) * gaussian_filter(noisy, (1.2, 1.2, 0))
                tiles.append(Tile(label, webp(restored), 20 + 10 * share, 0.5 + 0.4 * share))
            size = (whole.shape[1], whole.shape[0])
            thumb = Image.fromarray((whole * 255).astype(np.uint8)).resize((150, 150 * size[1] // size[0]))
            ends = Tile("degraded", webp(noisy), 14.2, 0.21), Tile("truth", webp(clean))
            shown = webp(np.asarray(thumb) / 255)
            cases.append(Case(f"{photo}.png", why, shown, size, (x, y, side, side), *ends, tiles))
        views.append(GalleryView(evaluation, cases, ["bm3d-gaussian is left out: its outputs are not at hand."]))
    return Gallery(views, ["Each run is shown by its first seed."])


def significance(labels: Sequence[str]) -> Table:
    head = ["", "difference (dB)", "95 % interval", "p", "verdict"]
    rows = []
    for i, name in enumerate(labels):
        verdict = Cell("worse", mark="worse") if i else Cell("tie")
        difference = Cell(f"\N{MINUS SIGN}{0.02 + i / 5:.2f}", value=-0.02 - i / 5)
        rows.append([Cell(name), difference, Cell("[-0.3, -0.1]"), Cell("0.012", value=0.012), verdict])
    return Table("Against the best, gaussian_50", head, rows)


def comparison(folder: Path, count: int) -> Comparison:
    labels = names(count)
    drawn = charts(labels)
    holm = "Paired bootstrap over seeds, then groups; Holm's correction."
    sections = [
        Section("leaderboard", "Leaderboard", [leaderboard(labels)], [], ["Best in each column in bold."]),
        Section("significance", "Is the difference real?", [significance(labels[:5])], [], [holm]),
        Section("pareto", "Quality against cost", [], drawn["pareto"]),
        Section("curves", "Training", [], drawn["curves"]),
        Section("boxes", "Image by image", [], drawn["boxes"]),
        Section("levels", "Where does a model stop working?", [], [*drawn["levels"], *drawn["heat"]]),
        Section("importance", "Which settings mattered", [], drawn["importance"]),
    ]
    facts = [f"{count} runs of 6 models on 512 faces of 100x100 pixels, 3 seeds", "restorelab 0.1.0, torch 2.13.0"]
    refused = [
        "old_ae-gaussian (seed 0): measured on other images (spec 3f2a and 90cc)",
        "dncnn-speckle (seed 2): not finished",
    ]
    protocol = "PSNR and SSIM per image on output clamped to [0, 1] with data range 1; PSNR capped at 100 dB; RGB."
    return Comparison("Six autoencoders under four noises", runs(folder, count), sections, protocol, facts, refused)
