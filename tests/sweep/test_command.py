"""python sweep.py on a study of one's own: real runs in processes of their own, one of which fails, and the page."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import runs
from restorelab.cli.main import main
from restorelab.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]
REST = [o for o in runs.TINY if not o.startswith(("model", "trainer.max_epochs"))]

STUDY = """
title: "Two <networks>"
report: {name: none, source: ours}
data: mnist
seeds: [0]
runs:
  small: [model=dncnn, model.depth=3, model.features=4, noise=impulse]
  longer: [model=dncnn, model.depth=3, model.features=4, noise=impulse, ckpt=@small]
  broken: [model=dncnn, model.depth=3, model.features=4, optimizer.lr=1e30]
  after: [model=dncnn, model.depth=3, model.features=4, ckpt=@broken]
  filter: [model=median, model.kernel=null, noise=impulse]
tables:
  models:
    _target_: restorelab.study.tables.ModelByEvaluation
    title: Models
    runs: [small, longer, filter, broken]
    evaluations: [impulse_30]
figures:
  curves:
    _target_: restorelab.study.figures.learning_curves.Curves
    caption: Curves
    runs: [small, longer]
  lost:
    _target_: restorelab.study.figures.box_plots.Boxes
    caption: Of a run that failed
    runs: [broken]
    evaluation: impulse_30
claims:
  more:
    _target_: restorelab.judge.claims.better.Better
    finding: Longer is better
    better: longer
    than: small
"""


@dataclass(frozen=True)
class Said:
    """A sweep that was done in this process: its status, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def sweep(folder: Path, *more: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["sweep", "study=own", *REST, "trainer.max_epochs=2", *more])
    return Said(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "conf" / "study").mkdir(parents=True)
    (folder / "conf" / "study" / "own.yaml").write_text(STUDY)
    return folder, sweep(folder)


def test_a_failing_run_takes_only_those_with_it_that_wait_for_it(swept: tuple[Path, Said]):
    folder, ended = swept
    assert ended.returncode == 1, ended.stderr
    assert "5 runs: 3 done, 2 failed" in ended.stdout
    assert "not done: broken-s0-" in ended.stdout
    assert "the loss is not finite" in ended.stdout
    assert "needs the weights of broken" in ended.stderr
    assert "Traceback" not in ended.stderr
    done = {path.parent.name.split("-s0")[0] for path in folder.glob("runs/own/*/result.json")}
    assert done == {"small", "longer", "filter"}


def test_what_waits_for_weights_got_them(swept: tuple[Path, Said]):
    folder, _ = swept
    first = {name: next(folder.glob(f"runs/own/{name}-*/metrics.csv")).read_text() for name in ("small", "longer")}
    loss = {name: float(text.splitlines()[1].split(",")[3]) for name, text in first.items()}
    assert loss["longer"] < loss["small"]  # of the first two steps


def test_page_tables_figures_and_findings(swept: tuple[Path, Said]):
    folder, _ = swept
    study = folder / "runs" / "own"
    page = (study / "index.html").read_text()
    assert "Two &lt;networks&gt;" in page
    assert "stand-in" in page  # photos, where the report used mnist
    assert "Not drawn" in page
    assert (study / "figures" / "curves.png").stat().st_size > 5000
    assert not (study / "figures" / "lost.png").exists()
    table = (study / "tables" / "models.md").read_text()
    psnr = json.loads(next(study.glob("filter-*/result.json")).read_text())["metrics"]["test/psnr"]
    assert f"{psnr:.2f}" in table
    finding = json.loads((study / "findings.json").read_text())["more"]
    assert finding["verdict"] == "underpowered"
    assert finding["seeds"] == 1


def test_again_does_nothing_twice(swept: tuple[Path, Said]):
    folder, _ = swept
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/own/*/result.json")}
    again = sweep(folder, "only=small,filter")
    assert again.returncode == 0, again.stderr
    assert "2 runs: 2 done" in again.stdout
    assert "started" not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_goes_on_where_it_was(tmp_path: Path, how: signal.Signals):
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "own.yaml").write_text(STUDY)
    arguments = [sys.executable, str(ROOT / "sweep.py"), "study=own", *REST, "trainer.max_epochs=40", "only=small"]
    arguments.append("trainer.checkpoint_every=null")
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as began:
        for _ in range(600):
            if list(tmp_path.glob("runs/own/small-*/checkpoints/best.ckpt")):
                break
            time.sleep(0.1)
        # a terminal's Ctrl-C goes to the whole group, a kill to one process
        os.killpg(began.pid, how) if how == signal.SIGINT else began.send_signal(how)
        said = began.communicate(timeout=60)[1]
    assert began.returncode == 130, said
    assert "interrupted" in said
    assert "0 done" not in said
    (folder,) = tmp_path.glob("runs/own/small-*")
    step = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert 0 < step < 240
    with contextlib.chdir(tmp_path):
        assert main(["sweep", *arguments[2:]]) == 0
    assert (folder / "result.json").is_file()
    steps = [int(row.split(",")[0]) for row in (folder / "metrics.csv").read_text().splitlines()[1:]]
    assert steps == sorted(steps)
    assert steps[-1] == 240


def test_dry_lists_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "own.yaml").write_text(STUDY)
    assert main(["sweep", "study=own", *REST, "dry=true"]) == 0
    listed = capsys.readouterr().out
    assert " 229 " in listed  # 40 + (144 + 2 x 4) + 37: dncnn of three layers and four features
    assert "waiting" in listed
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("study", "run", "parameters", "which"),
    [  # parameters: the weights and biases of the layers, by hand
        ("faces_dual_ae_utk", "ae", "36,386", "UTKFace"),
        ("svhn_poisson_faces", "mlp_ae_mse", "", "UTKFace"),
        ("gopro_rednet_bsd", "mean_color", "0", "BSD68"),
        ("mnist_ae", "mean_color", "0", "`restorelab fetch data=mnist` downloads them"),
    ],
)
def test_a_study_is_listed_without_its_images_and_says_which_it_needs(
    study: str, run: str, parameters: str, which: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(["sweep", f"study={study}", f"only={run}", "seed=0", "dry=true"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in lines if line.startswith(f"{run} "))
    assert row[1] == "0"
    assert row[2] == (parameters or row[2])
    (said,) = [line for line in lines if line.startswith("images, ")]
    assert which in said
    assert (row[-1] == "?") == ("data.root=FOLDER: " in said)  # where the images decide which folder it is
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["worker=2", "model=ae"], "workers"),
        (["study=mnist"], "mnist_ae"),
        (["study=mnist_ae", "dry=yes"], "dry='yes'"),
        (["model=dncnn_small,dncn"], "dncnn"),
        (["search=tep", "optimizer.lr=interval(1e-4,1e-2)", "trials=3"], "tpe"),
        (["executor=slum", "model=ae"], "slurm"),
        (["model=dncnn_small", "baseline=dncnn"], "baseline=dncnn"),
    ],
)
def test_bad_words_are_named(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert main(["sweep", *arguments]) == ConfigError("").exit_status
    assert words in capsys.readouterr().err


def test_a_missing_dataset_is_found_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    said = ["sweep", "study=mnist_ae", "seed=0", "only=mlp,median", "logger=csv", "data.root=/nowhere"]
    assert main(said) == DataError("").exit_status
    assert "run mlp: MNIST was looked for in /nowhere" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_help_names_the_studies(capsys: pytest.CaptureFixture[str]):
    assert main(["sweep", "--help"]) == 0
    assert "faces_dual_ae" in capsys.readouterr().out
