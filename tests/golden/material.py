"""A comparison, a study and three real runs to capture: the first two of runs that never ran, with made-up numbers."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import folders
import runs
import synthetic
from restorelab.cli import main
from restorelab.config import trust
from restorelab.config.schema import conf_dir
from restorelab.study import write_study
from restorelab.study.plan import Study
from restorelab.sweep.planned import Planned
from restorelab.training import execute

IMAGES, EACH = 24, 2
CONTENT = {"device": "NVIDIA X", "host": "h", "versions": {"torch": "2.13.0"}, "git": "abc1234", "macs_of": [1, 64, 64]}


def sweep(folder: Path) -> None:
    """Two networks under two noises, three seeds of some, a search, a classical method, a foreign one and a failure."""
    grid = [("ae", "gaussian", 1e-3, 3), ("dual_ae", "gaussian", 1e-3, 3), ("dual_ae", "gaussian", 1e-2, 1),
            ("ae", "impulse", 1e-3, 1), ("dual_ae", "impulse", 1e-3, 1)]  # fmt: skip
    for model, noise, rate, seeds in grid:
        for seed in range(seeds):
            mean = (25.0 if model == "ae" else 26.5) + 5 * rate
            own = 3.0 if noise == "impulse" else 0.0
            means = {"gaussian_10": mean + 4 - own, "gaussian_50": mean - 2 * own, "impulse_30": mean - 6 + 4 * own}
            folders.write(
                folder, folders.config(model, noise, seed, optimizer__lr=rate), means, count=IMAGES,
                place=f"{model}-{noise}-{rate}-{seed}", parameters=1000 * int(mean), macs=50_000 * int(mean),
                model=model, peak_memory=2**28, history=folders.curve(mean), **CONTENT,
            )  # fmt: skip
    means = {"gaussian_10": 24, "gaussian_50": 20, "impulse_30": 23}
    folders.write(folder, folders.config("median"), means, place="median", count=IMAGES, parameters=0, macs=None)
    theirs = {"name": "theirs", "seed": 0, "external": True}
    folders.write(folder, theirs, {"gaussian_50": 25.5}, place="theirs", count=IMAGES, parameters=None)
    folders.fail(folder, "broken", folders.config("x"))
    told = [("done", 26.5, 1e-3, "dual_ae-gaussian-0.001-0"), ("done", 26.6, 1e-2, "dual_ae-gaussian-0.01-0"),
            ("failed", None, 1.0, "broken")]  # fmt: skip
    trials = [{"number": number, "state": state, "value": value, "swept": {"optimizer.lr": rate}, "run": run}
              for number, (state, value, rate, run) in enumerate(told)]  # fmt: skip
    search = {"metric": "val/psnr", "higher": True, "trials": trials}
    (folder / "sweep.json").write_text(json.dumps({"schema": 1, "sessions": [], "runs": {}, "search": search}))


def compared(folder: Path, out: Path, *options: str) -> None:
    assert main.main(["compare", str(folder), f"out={out}", *options]) == 0


def target(name: str) -> str:
    """Where a class of the studies lives, as the shipped ones say."""
    texts = [file.read_text() for file in sorted((conf_dir() / "study").glob("*.yaml"))]
    return next(found for text in texts for found in re.findall(rf"_target_: ([\w.]+\.{name})\n", text))


def node(kind: str, **values: Any) -> dict[str, Any]:
    return {"_target_": target(kind), **values}


EVALUATIONS = ["gaussian_50", "impulse_30"]
PRINTED = {"conv": {"gaussian_50": {"psnr": 25.5, "ssim": 0.8}}, "mlp": {"impulse_30": {"psnr": 20.0, "ssim": 0.4}}}
TABLES = {
    "models": node("ModelByEvaluation", title="Models by noise", runs=["conv", "mlp", "median"],
                   evaluations=EVALUATIONS, report=PRINTED, report_notes=["other images"]),
    "beside": node("Beside", title="Beside", entries=[
        {"run": "conv", "metric": "parameters", "report": 1200},
        {"run": "mlp", "evaluation": "impulse_30", "metric": "mse", "report": 0.01, "note": "of 8 bits"},
        {"run": "mlp", "column": "val/loss", "step": 40, "report": 0.2}]),
    "lost": node("ModelByEvaluation", title="Of a run that is lost", runs=["lost"], evaluations=EVALUATIONS),
}  # fmt: skip
FIGURES = {
    "curves": node("Curves", caption="Loss <curves>.", runs=["conv", "mlp", "lost"],
                   columns=[["train/loss", "val/loss"], ["val/psnr"]]),
    "boxes": node("Boxes", caption="Errors.", runs=["conv", "mlp"], evaluation="impulse_30"),
    "grid": node("Grid", caption="Images.", runs=["lost"], evaluation="impulse_30", images=2),
}  # fmt: skip
CLAIMS = {
    "better": node("Better", finding="Convolutions win", better="conv", than=["mlp", "median"], each=True,
                   evaluations=EVALUATIONS),
    "reversed": node("Better", finding="The mlp wins", better="mlp", than="conv", evaluations=["gaussian_50"]),
    "close": node("Close", finding="Both are alike", one="conv", other="mlp", within=1.0),
    "drop": node("Drop", finding="The mlp loses on impulses", of=["mlp"], to=["conv"], metric="psnr",
                 evaluation="impulse_30", at_least=1.0, elsewhere=["gaussian_50"], elsewhere_at_most=1.0),
    "faster": node("Faster", finding="The mlp trains faster", faster="mlp", slower="conv"),
    "factor": node("Factor", finding="The mlp is smaller", larger="conv", smaller="mlp", metric="parameters", factor=2),
    "reaches": node("Reaches", finding="25 dB", run="conv", value=25.0, tolerance=0.5, evaluations=["gaussian_50"]),
    "sooner": node("Sooner", finding="Convolutions are sooner", sooner="conv", later="mlp"),
    "at_step": node("AtStep", finding="The mlp's loss stays higher", higher="mlp", lower="conv", column="val/loss"),
    "falls": node("Change", finding="The loss falls", run="conv", column="train/loss", high=0.9),
    "lost": node("Better", finding="The lost one wins", better="lost", than="conv"),
}  # fmt: skip


def study(folder: Path, out: Path) -> Path:
    """Two networks of three seeds, a classical method, a run that failed and one that was left out; gives the page."""
    made = [_studied(folder, "conv", seed, 25.0, 22.0, 1000) for seed in range(3)]
    made += [_studied(folder, "mlp", seed, 24.8, 20.0, 400) for seed in range(3)]
    made.append(_studied(folder, "median", 0, 20.0, 23.0, 0))
    folders.fail(folder, "lost", {"seed": 0})
    planned = [Planned(name, seed, {"run_dir": str(path)}, overrides=(f"model={name}", "optimizer.lr=0.5"))
               for name, seed, path in [*made, ("lost", 0, folder / "lost")]]  # fmt: skip
    source = {"name": "A report & its author", "source": "2019", "hardware": {"kind": "gpu", "name": "NVIDIA X"}}
    asked = {name: [f"model={name}"] for name in ("conv", "mlp", "median", "lost", "left")}
    held = Study("golden", "Digits <1998>", source, "mnist", asked, notes=["A note & more."], tables=TABLES,
                 figures=FIGURES, claims=CLAIMS)  # fmt: skip
    trust.note([TABLES, FIGURES, CLAIMS])  # as reading a study's file does
    return write_study.write(held, planned, out, "compared.html")


def _studied(
    folder: Path, name: str, seed: int, gaussian: float, impulse: float, parameters: int
) -> tuple[str, int, Path]:
    columns = {}
    for evaluation, mean in zip(EVALUATIONS, (gaussian, impulse), strict=True):
        psnr = synthetic.psnr(mean, seed, count=IMAGES)
        columns[evaluation] = {"psnr": psnr, "mse": 10 ** (-psnr / 10), "ssim": np.clip(psnr / 50, 0, 1)}
    steps = [10.0, 20.0, 30.0, 40.0]
    loss = [(2.0 if name == "mlp" else 1.0) / (1 + n + seed / 8) for n in range(4)]
    history = {"step": steps, "epoch": [0.0, 1.0, 2.0, 3.0], "train/loss": loss, "val/loss": [v + 0.125 for v in loss],
               "val/psnr": [impulse - 3 + n for n in range(4)]}  # fmt: skip
    record = synthetic.write(
        folder, name, seed, columns, of=synthetic.groups(IMAGES // EACH, EACH), history=history if parameters else None,
        **CONTENT | {"parameters": parameters, "images_per_second": 100.0 + parameters + seed},
    )  # fmt: skip
    own = {"choices": {"data": "mnist", "model": name}, "data": {"batch_size": 8, "size": 28, "limit": None}}
    (record.path / "config.yaml").write_text(yaml.safe_dump(record.config | own))
    return name, seed, record.path


def trained(folder: Path) -> Path:
    """A real run of four steps."""
    assert runs.run(folder, "max_steps=4", "pictures=4", "evaluation=[gaussian_50,impulse_30]").status == "done"
    return folder


def untrained(folder: Path) -> None:
    """Two real runs that learn nothing, so that their pictures and numbers are the same everywhere."""
    rest = [*(one for one in runs.TINY if not one.startswith("model")), "pictures=4"]
    small = ["data.channels=3", "data.limit=24", "data.val=2", "data.test=4", "evaluation=gaussian_50"]
    for model in ("identity", "median"):
        settings = runs.composed([*rest, *small, f"model={model}", f"run_dir={folder / model}"])
        assert execute.execute(settings).status == "done"
