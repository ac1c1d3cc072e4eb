"""A search over real runs: it finds the better rate, and a run that diverges is a failed trial."""

import json
from pathlib import Path

import pytest
from PIL import Image

import runs
from restorelab.cli.main import main
from restorelab.errors import ConfigError
from restorelab.sweep import request
from restorelab.sweep.keys import split

REST = [o for o in runs.TINY if not o.startswith("trainer.max_epochs")]
ASKED = ["search=grid", "optimizer.lr=1e-3,1e30,1e-9", *REST, "trainer.max_epochs=2", "report=false"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("search") / "night"
    arguments = [*ASKED, f"sweep_dir={folder}"]
    assert main(["sweep", *arguments]) == 1  # one trial failed
    return folder, arguments


def test_trials_are_told_what_their_runs_measured(searched: tuple[Path, list[str]]) -> None:
    folder, arguments = searched
    search = request.plan(*split(arguments), threads=1).source.search
    found = {row.swept["optimizer.lr"]: row for row in search.rows()}
    assert {rate: row.state for rate, row in found.items()} == {1e-3: "done", 1e30: "failed", 1e-9: "done"}
    for rate, row in found.items():
        if row.state == "done":
            (metrics,) = folder.glob(f"lr_{rate}-*/metrics.csv")
            rows = [line.split(",") for line in metrics.read_text().splitlines()]
            values = [float(line[rows[0].index("val/psnr")]) for line in rows[1:] if line[rows[0].index("val/psnr")]]
            assert row.value == pytest.approx(max(values))
    best = search.best()
    assert best is not None
    assert best.swept == {"optimizer.lr": 1e-3}


def test_what_a_search_did_is_written_down(searched: tuple[Path, list[str]]) -> None:
    folder, _arguments = searched
    noted = json.loads((folder / "sweep.json").read_text())
    assert sorted(run["swept"]["optimizer.lr"] for run in noted["runs"].values()) == [1e-9, 1e-3, 1e30]
    assert {file.stem for file in (folder / "queue").glob("*.json")} == set(noted["runs"])
    told = {trial["swept"]["optimizer.lr"]: trial for trial in noted["search"]["trials"]}
    assert (noted["search"]["metric"], noted["search"]["higher"]) == ("val/psnr", True)
    assert {rate: trial["state"] for rate, trial in told.items()} == {1e-3: "done", 1e30: "failed", 1e-9: "done"}
    assert {trial["run"] for trial in told.values()} == set(noted["runs"])


def test_a_finished_search_does_nothing_again(
    searched: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, arguments = searched
    ledger = sorted((folder / "ledger").iterdir())
    sessions = len(json.loads((folder / "sweep.json").read_text())["sessions"])
    assert main(["sweep", *arguments[:-2], "report=true", arguments[-1]]) == 0  # nothing is left that could fail
    said = capsys.readouterr().out
    assert "best trial" in said
    assert "2 runs: 2 done" in said
    assert (folder / "index.html").is_file()
    assert sorted((folder / "ledger").iterdir()) == ledger
    assert len(json.loads((folder / "sweep.json").read_text())["sessions"]) == sessions + 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("metric=val/accuracy", "metric=val/accuracy: no validation of these runs measures that"),
     ("metric=val/psnr/impulse_03", "metric=val/psnr/impulse_03"), ("baseline=nobody", "baseline=nobody"),
     ("cross=[gausian_10]", "evaluation=gausian_10")],
)  # fmt: skip
def test_what_would_spoil_the_end_is_found_before_the_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, said: str
) -> None:
    assert main(["sweep", *ASKED, f"sweep_dir={tmp_path / 's'}", wrong]) == ConfigError("").exit_status
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "s").glob("ledger/*"))  # nothing was begun


def test_a_search_without_validation_images_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train").mkdir()
    for i in range(3):
        Image.new("L", (32, 32), 80 * i).save(tmp_path / "train" / f"{i}.png")
    data = ["data=folder", f"data.root={tmp_path}", "data.val=0", "data.test=0", "data.crop=16", "data.batch_size=2"]
    given = [word for word in ASKED if not word.startswith("data")]
    assert main(["sweep", *given, *data, f"sweep_dir={tmp_path / 's'}"]) == ConfigError("").exit_status
    assert "a search looks at validation images only" in capsys.readouterr().err


def test_another_search_in_the_same_folder_is_refused(
    searched: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    _folder, arguments = searched
    assert main(["sweep", "search=random", "trials=3", *arguments[1:]]) == ConfigError("").exit_status
    assert "another search" in capsys.readouterr().err


def test_a_dry_search_shows_its_first_trial_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "dry"
    assert main(["sweep", *ASKED, f"sweep_dir={folder}", "dry=true"]) == 0
    assert "the first trial of 3" in capsys.readouterr().out
    assert not folder.exists()


def test_a_trial_whose_values_are_refused_has_failed_and_the_search_goes_on(tmp_path: Path) -> None:
    for seed in range(20):  # until the good value is drawn first
        values = ["search=grid", "optimizer.lr=-1,1e-3", f"search_seed={seed}"]
        said = split([*values, *REST, f"sweep_dir={tmp_path / str(seed)}"])
        try:
            source = request.plan(*said, threads=1).source
            assert source is not None
            first = source.ask()
        except ConfigError:
            continue
        assert first is not None
        assert source.ask() is None
        assert sorted(row.state for row in source.search.rows()) == ["failed", "open"]
        return
    raise AssertionError("no seed draws the good value first")


def test_values_that_no_run_takes_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = ["search=grid", "optimizer.lr=-1,-2", *REST, f"sweep_dir={tmp_path / 'a'}"]
    assert main(["sweep", *every]) == ConfigError("").exit_status
    assert "optimizer" in capsys.readouterr().err
