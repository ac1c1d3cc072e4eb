"""Runs in folders: found, named, and what of them is left out."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import folders
from restorelab.errors import DataError
from restorelab.runs.find import find


def test_seeds_share_a_name_and_configs_do_not(tmp_path: Path) -> None:
    for model in ("ae", "dual_ae"):
        for seed in (0, 1, 2):
            folders.write(tmp_path, folders.config(model, seed=seed), {"gaussian_50": 25})
    found = find([tmp_path])
    assert {name: [record.seed for record in found.runs[name]] for name in found.runs} == {
        "ae": [0, 1, 2], "dual_ae": [0, 1, 2],
    }  # fmt: skip
    assert found.left == []


def test_where_a_run_lies_and_what_it_logs_to_makes_no_other_config(tmp_path: Path) -> None:
    folders.write(tmp_path / "here", folders.config(seed=0), {"gaussian_50": 25})
    elsewhere = folders.config(seed=1, run_dir="there", threads=7, data__root="/else", logger___target_="wandb")
    folders.write(tmp_path / "there", elsewhere, {"gaussian_50": 25})
    assert [len(find([tmp_path]).runs[name]) for name in find([tmp_path]).runs] == [2]


@pytest.mark.parametrize("asked", ["sweep/run0-0", "sweep", "."], ids=["run", "sweep", "folder of sweeps"])
def test_any_folder_will_do(tmp_path: Path, asked: str) -> None:
    folders.write(tmp_path / "sweep", folders.config(), {"gaussian_50": 25}, place="run0")
    assert len(find([tmp_path / asked]).runs) == 1


def test_a_run_named_twice_on_the_command_line_is_one_run(tmp_path: Path) -> None:
    path = folders.write(tmp_path / "sweep", folders.config(), {"gaussian_50": 25})
    found = find([tmp_path, tmp_path / "sweep", path])
    assert [len(found.runs[name]) for name in found.runs] == [1]
    assert found.left == []


def test_of_one_config_and_seed_the_newest_counts_and_it_is_said(tmp_path: Path) -> None:
    old = folders.write(tmp_path, folders.config(), {"gaussian_50": 25}, place="old")
    new = folders.write(tmp_path, folders.config(), {"gaussian_50": 26}, place="new")
    os.utime(old / "result.json", (1000, 1000))
    found = find([tmp_path])
    assert [record.path for name in found.runs for record in found.runs[name]] == [new]
    assert [(left.path, left.state) for left in found.left] == [(old, "older")]
    assert "new-0 is newer" in str(found.left[0])
    os.utime(old / "result.json", None)
    os.utime(new / "result.json", (1000, 1000))
    assert [record.path for name in find([tmp_path]).runs for record in find([tmp_path]).runs[name]] == [old]


def test_what_is_not_finished_is_listed_with_the_reason(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25})
    folders.fail(tmp_path, "broken", folders.config(seed=1), "out of memory (4 GiB)")
    cut = folders.write(tmp_path, folders.config(seed=2), {"gaussian_50": 25}, place="cut")
    (cut / "result.json").unlink()
    said = {left.name: left for left in find([tmp_path]).left}
    assert said["broken"].state == "failed"
    assert "out of memory (4 GiB)" in said["broken"].reason
    assert said["cut-2"].state == "unfinished"
    assert "without a result.json" in said["cut-2"].reason


def test_what_waits_in_the_queue_is_listed(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25}, place="ae-s0-0123abcd")
    (tmp_path / "queue").mkdir()
    for name in ("ae-s0-0123abcd-0", "lr=0.1-s0-89abcdef"):
        (tmp_path / "queue" / f"{name}.json").write_text("{}")
    assert [(left.name, left.state) for left in find([tmp_path]).left] == [("lr=0.1-s0-89abcdef", "queued")]


def test_a_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25})
    for number, (file, text) in enumerate([("result.json", "{"), ("config.yaml", "a: ["), ("result.json", "{}")]):
        bad = folders.write(tmp_path, folders.config(seed=number + 1), {"gaussian_50": 25})
        (bad / file).write_text(text)
    found = find([tmp_path])
    assert [len(found.runs[name]) for name in found.runs] == [1]
    assert [left.state for left in found.left] == ["unreadable"] * 3


def test_a_folder_without_runs_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(DataError, match=r"holds no run.*notes"):
        find([tmp_path])
    with pytest.raises(DataError, match="Did you mean 'notes'"):
        find([tmp_path / "note"])


def test_seeds_that_start_from_the_weights_of_their_own_seed_share_a_name(tmp_path: Path) -> None:
    first = [folders.write(tmp_path / "a", folders.config("gated", seed=seed), {"gaussian_50": 25}) for seed in (0, 1)]
    for seed in (0, 1):
        path = first[seed].rename(tmp_path / "a" / f"gated-s{seed}-0000000{seed}")
        later = folders.config("classifier", seed=seed, ckpt=str(path), loss__ckpt=str(path))
        folders.write(tmp_path, later, {"gaussian_50": 25})
    found = find([tmp_path])
    assert {name: len(found.runs[name]) for name in found.runs} == {"gated": 2, "classifier": 2}
    shutil.rmtree(tmp_path / "a")  # the weights are gone: their folders' names tell
    assert [len(found) for found in find([tmp_path]).runs.values()] == [2]


def test_other_weights_make_another_config_and_their_run_is_named(tmp_path: Path) -> None:
    for place in ("gated-s0-00000000", "plain-s0-00000001"):
        folders.write(tmp_path, folders.config("classifier", ckpt=f"/runs/{place}"), {"gaussian_50": 25})
    assert sorted(find([tmp_path]).runs) == ["ckpt=gated", "ckpt=plain"]


def test_a_method_that_learns_nothing_is_one_run_whatever_the_training_is(tmp_path: Path) -> None:
    for lr in (0.1, 0.01):
        for model, parameters in (("median", 0), ("ae", 10)):
            settings = folders.config(model, optimizer__lr=lr)
            folders.write(tmp_path, settings, {"gaussian_50": 25}, parameters=parameters)
    assert sorted(find([tmp_path]).runs) == ["ae lr=0.01", "ae lr=0.1", "median"]


def test_methods_from_elsewhere_stand_by_their_own_names(tmp_path: Path) -> None:
    for name in ("Restormer (theirs)", "BM3D"):
        settings = {"name": name, "seed": 0, "external": True}
        folders.write(tmp_path, settings, {"gaussian_50": 25}, parameters=None, macs=None, model=name)
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25})
    assert sorted(find([tmp_path]).runs) == ["BM3D", "Restormer (theirs)", "ae-photos-gaussian"]


def test_a_method_from_elsewhere_is_one_on_each_set_of_images(tmp_path: Path) -> None:
    for place, spec in (("x1", "p"), ("x2", "q"), ("x3", "q")):
        settings = {"name": "BM3D", "seed": 0, "external": True}
        folders.write(tmp_path, settings, {"gaussian_50": 25}, place=place, parameters=0, spec=spec)
    found = find([tmp_path])
    assert len(found.runs) == 2
    assert [left.state for left in found.left] == ["older"]


def test_the_curve_and_numbers_are_those_of_the_folder(tmp_path: Path) -> None:
    path = folders.write(tmp_path, folders.config(), {"gaussian_50": 25}, history=folders.curve(24.0))
    record = next(iter(find([tmp_path]).runs.values()))[0]
    kept = json.loads((path / "result.json").read_text())["evaluations"][0]["metrics"]["test/psnr"]
    assert record.metric("gaussian_50", "psnr") == kept
    assert record.curve("val/psnr")[1].max() == 24.0


def test_a_run_that_tested_nothing_is_left_out_and_says_so(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config("good"), {"gaussian_50": 25})
    path = folders.write(tmp_path, folders.config("bare"), {"gaussian_50": 25}, place="bare")
    result = json.loads((path / "result.json").read_text())
    (path / "result.json").write_text(json.dumps(result | {"evaluations": [], "metrics": {}}))
    (left,) = find([tmp_path]).left
    assert (left.name, left.state) == ("bare-0", "not tested")
    assert "data.test=0" in left.reason


@pytest.mark.parametrize(
    "damage",
    [{"evaluations": [{}]}, {"evaluations": {}}, {"evaluations": 3}, {"parameters": "many"}, {"versions": [1]},
     {"evaluations": [{"degradation": "a", "spec": "s", "bits": "b", "metrics": {"test/psnr": "high"}}]}],
)  # fmt: skip
def test_a_damaged_result_is_left_out_and_named(tmp_path: Path, damage: dict[str, Any]) -> None:
    folders.write(tmp_path, folders.config("good"), {"gaussian_50": 25})
    path = folders.write(tmp_path, folders.config("bad"), {"gaussian_50": 25}, place="bad")
    result = json.loads((path / "result.json").read_text())
    (path / "result.json").write_text(json.dumps(result | damage))
    found = find([tmp_path])
    assert [(left.name, left.state) for left in found.left] == [("bad-0", "unreadable")]
    assert len(found.runs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{seed: 0, name: x, choices: 3}",
        "{seed: 0, model: 4}",
        "{seed: 0, trainer: 5}",
        "{seed: 0, ckpt: [1]}",
        "[",
        "a: {b",
    ],
)
def test_a_damaged_config_is_left_out_and_named(tmp_path: Path, text: str) -> None:
    folders.write(tmp_path, folders.config("good"), {"gaussian_50": 25})
    path = folders.write(tmp_path, folders.config("bad"), {"gaussian_50": 25}, place="bad")
    (path / "config.yaml").write_text(text)
    assert [left.state for left in find([tmp_path]).left] == ["unreadable"]


def test_a_file_called_queue_is_no_sweep(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25})
    (tmp_path / "queue").touch()
    assert len(find([tmp_path]).runs) == 1


def noted(path: Path, data: str, **weights: str) -> Path:
    """Let a run say what it was made from."""
    (path / "inputs.json").write_text(json.dumps({"data": data, "weights": weights}))
    return path


def test_datasets_are_told_by_content_and_named_by_what_differs_in_their_place(tmp_path: Path) -> None:
    for place, root, data in (("a", "/x/setA/HR", "0a"), ("b", "/x/setB/HR", "0b"), ("c", "/moved/HR", "0a")):
        settings = folders.config(data__root=root, seed=int(place == "c"))
        noted(folders.write(tmp_path, settings, {"gaussian_50": 25}, place=place), data)
    runs = find([tmp_path]).runs
    assert {name: len(found) for name, found in runs.items()} == {"images=setA/HR": 2, "images=setB/HR": 1}


def test_a_dataset_that_grew_is_another_one(tmp_path: Path) -> None:
    for place, data in (("a", "aaaaaaaa"), ("b", "bbbbbbbb")):
        settings = folders.config(data__root="/x/grow")
        noted(folders.write(tmp_path, settings, {"gaussian_50": 25}, place=place), data)
    assert sorted(find([tmp_path]).runs) == ["images=grow#aaaaaa", "images=grow#bbbbbb"]


@pytest.mark.parametrize("key", ["ckpt", "transfer", "loss.ckpt"])
def test_weights_are_told_by_content_and_named_by_what_differs_in_their_place(tmp_path: Path, key: str) -> None:
    for place, content in (("A", "1"), ("B", "2"), ("C", "1")):
        changed = {key.replace(".", "__"): f"/x/exp{place}/net_latest.v1.2.pth"}
        settings = folders.config(seed=int(place == "C"), **changed)
        path = folders.write(tmp_path, settings, {"gaussian_50": 25}, place=place)
        noted(path, "0", **{key: content})
    shown = key.rpartition(".")[2]
    found = {name: len(runs) for name, runs in find([tmp_path]).runs.items()}
    assert found == {f"{shown}=expA/net_latest.v1.2.pth": 2, f"{shown}=expB/net_latest.v1.2.pth": 1}


def test_one_seed_with_weights_of_two_seeds_of_a_run_is_two_runs(tmp_path: Path) -> None:
    for seed in (0, 1):
        path = folders.write(tmp_path / "a", folders.config("gated", seed=seed), {"gaussian_50": 25})
        path = path.rename(tmp_path / "a" / f"gated-s{seed}-0000000{seed}")
        settings = folders.config("classifier", ckpt=str(path))
        noted(folders.write(tmp_path, settings, {"gaussian_50": 25}, place=f"c{seed}"), "0", ckpt=str(seed))
    found = find([tmp_path])
    assert found.left == []
    assert sorted(found.runs) == [
        "classifier ckpt=gated-s0-00000000", "classifier ckpt=gated-s1-00000001", "gated",
    ]  # fmt: skip
