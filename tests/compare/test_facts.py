"""What is said of the runs."""

from pathlib import Path

import folders
from restorelab.compare import facts
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find


def test_versions_and_commits_are_told_once_or_by_how_many(tmp_path: Path) -> None:
    for seed, torch in enumerate(("2.13.0", "2.13.0", "2.12.1")):
        folders.write(tmp_path, folders.config(seed=seed), {"gaussian_50": 25}, git="abc",
                      versions={"torch": torch, "numpy": "2.4"})  # fmt: skip
    runs = find([tmp_path]).runs
    said = facts.facts(runs, boards(runs))
    assert "The same for all runs: numpy 2.4, commit abc." in said
    assert "Not the same for all runs: torch 2.13.0 (2), 2.12.1 (1)." in said


def test_times_of_two_machines_are_told_apart(tmp_path: Path) -> None:
    for name, host in (("a", "laptop"), ("b", "node")):
        folders.write(tmp_path, folders.config(name), {"gaussian_50": 25}, host=host, device="H100")
    runs = find([tmp_path]).runs
    said = facts.facts(runs, boards(runs))
    assert "Not the same for all runs: machine laptop (H100) (1), node (H100) (1)." in said


def test_it_counts_runs_seeds_and_images(tmp_path: Path) -> None:
    for seed in range(2):
        folders.write(tmp_path, folders.config(seed=seed), {"gaussian_50": 25}, history=folders.curve(25))
    folders.write(tmp_path, folders.config("median"), {"gaussian_50": 25}, parameters=0)
    runs = alike(find([tmp_path]).runs)[0]
    said = facts.facts(runs, boards(runs))
    assert said[0] == "3 finished runs of 2 configurations (1 with 2 seeds)."
    assert "Classical baselines: median." in said
    assert "2 configurations under gaussian_50: 120 test images." in said
    assert "Training: 50 steps of 16 images." in said


def test_the_protocol_is_that_of_the_results(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25}, entry={"protocol": {"border": 4, "recipe": 1}})
    runs = find([tmp_path]).runs
    assert "border 4" in facts.protocol(boards(runs)[0])


def test_the_protocol_says_which_networks_restore_otherwise_at_test_time(tmp_path: Path) -> None:
    """Such as with local means (TLC), so that results with and without them are not taken for the same."""
    folders.write(tmp_path, folders.config("plain"), {"gaussian_50": 25})
    folders.write(tmp_path, folders.config("tlc"), {"gaussian_50": 25}, network_note="local means (TLC)")
    said = facts.protocol(boards(find([tmp_path]).runs)[0])
    assert said.endswith(". tlc: local means (TLC).")
    assert "plain:" not in said
