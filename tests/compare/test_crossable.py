"""The evaluations that runs share: filled with the run's own stages, told apart by what they are and not by names."""

from pathlib import Path

import folders
from restorelab.compare.crossable import content, filled, union

NONE = {"_target_": "restorelab.degradations.jpeg.NoJpeg"}


def config(model: str, noise: str, **changed: object) -> dict[str, object]:
    return folders.config(model, noise, **changed) | {
        "jpeg": NONE, "name": f"{model}-{noise}", "evaluation": {"own": {}, **changed.pop("evaluations", {})},
    }  # fmt: skip


def test_an_evaluation_takes_from_the_run_what_it_leaves_out() -> None:
    run = config("ae", "impulse")
    entry = filled({"noise": {"_target_": "N", "sigma": 5}, "of": "gaussian"}, run)
    assert entry["noise"] == {"_target_": "N", "sigma": 5}
    assert (entry["blur"], entry["of"]) == (run["blur"], "gaussian")
    assert "of" not in filled({}, run)
    assert content(filled({}, run)) == content(filled({"noise": run["noise"]}, run))
    assert content(filled({}, run)) != content(filled({"of": "gaussian"}, run))


def test_one_name_for_two_degradations_becomes_two_and_equal_ones_stay_one() -> None:
    runs = {
        Path("a"): config("ae", "gaussian"),
        Path("b"): config("dual", "gaussian"),
        Path("c"): config("ae", "impulse"),
    }
    together = union(runs)
    assert together[Path("a")] == together[Path("b")] == together[Path("c")]
    assert sorted(together[Path("a")]) == ["own@ae-gaussian", "own@ae-impulse"]
    assert sorted(union({Path("a"): runs[Path("a")], Path("b"): runs[Path("b")]})[Path("a")]) == ["own"]


def test_runs_on_other_images_share_nothing() -> None:
    runs = {Path("a"): config("ae", "gaussian"), Path("b"): config("ae", "impulse", split_seed=1)}
    together = union(runs)
    assert {folder: list(entries) for folder, entries in together.items()} == {Path("a"): ["own"], Path("b"): ["own"]}
    assert together[Path("a")] != together[Path("b")]
    batch = {Path("a"): config("ae", "gaussian"), Path("b"): config("ae", "impulse", data__batch_size=4)}
    assert len(union(batch)[Path("a")]) == 2  # the size of a batch changes no test image
