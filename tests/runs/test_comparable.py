"""Which runs stand in one table."""

from pathlib import Path

import pytest

import folders
from restorelab.errors import ConfigError
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find
from restorelab.runs.record import Runs


def write(folder: Path, name: str, means: dict[str, float], seeds: int = 1, **options: object) -> None:
    for seed in range(seeds):
        folders.write(folder, folders.config(name, seed=seed), means, place=f"{name}", **options)


def held(folder: Path) -> Runs:
    return alike(find([folder]).runs)[0]


def test_runs_of_one_set_stand_in_one_table_best_first(tmp_path: Path) -> None:
    for name, mean in (("a", 24), ("b", 26), ("c", 25)):
        write(tmp_path, name, {"gaussian_50": mean})
    (board,) = boards(held(tmp_path))
    assert board.names == ["b", "c", "a"]
    assert [column.label for column in board.columns] == ["gaussian_50"]
    assert board.best == "b"
    assert board.reason == ""


def test_of_an_error_the_least_is_the_best(tmp_path: Path) -> None:
    for name, mean in (("a", 24), ("b", 26), ("c", 25)):
        write(tmp_path, name, {"gaussian_50": mean})
    (board,) = boards(held(tmp_path), "mse")
    assert board.names == ["b", "c", "a"]  # the synthetic MSE goes with the PSNR


def test_another_set_under_the_same_name_is_another_table_with_the_reason(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, {"gaussian_50": 25})
    write(tmp_path, "c", {"gaussian_50": 25}, spec="other")
    write(tmp_path, "d", {"gaussian_50": 25}, bits="other")
    first, *rest = boards(held(tmp_path))
    assert set(first.names) == {"a", "b"}
    why = {board.names[0]: board.reason for board in rest}
    assert "specs s-gaussian_50 and other-gaussian_50 differ" in why["c"]
    assert "other bits" in why["d"]


def test_another_protocol_is_said(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 25})
    write(tmp_path, "b", {"gaussian_50": 25}, spec="other", entry={"protocol": {"border": 4}})
    assert "protocols differ" in boards(held(tmp_path))[1].reason


def test_the_largest_group_is_the_first_table(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 30})
    for name in ("b", "c"):
        write(tmp_path, name, {"impulse_30": 20})
    first, second = boards(held(tmp_path))
    assert set(first.names) == {"b", "c"}
    assert (first.suffix, second.suffix) == (" (impulse_30)", " (gaussian_50)")
    assert first.titled("PSNR under impulse_30") == "PSNR under impulse_30"  # not told twice
    assert first.titled("PSNR under all") == "PSNR under all (impulse_30)"
    assert "other evaluations (gaussian_50, not impulse_30)" in second.reason


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ([{"choices__data": "mnist"}, {"choices__data": "photos"}], [" (mnist)", " (photos)"]),
        ([{"data__root": "/x/set5"}, {"data__root": "/y/set12/"}], [" (set5)", " (set12)"]),
        ([{}, {}], [" (ae)", " (dual_ae)"]),  # nothing else tells them apart
    ],
)
def test_tables_are_called_after_what_tells_them_apart(
    changed: list[dict[str, str]], told: list[str], tmp_path: Path
) -> None:
    for model, more, spec in zip(("ae", "dual_ae"), changed, ("s", "other"), strict=True):
        settings = folders.config(model, **more)
        folders.write(tmp_path, settings, {"gaussian_50": 25}, place=model, entry={"spec": spec})
    found = boards(held(tmp_path))
    assert sorted(board.suffix for board in found) == sorted(told)
    assert not any("leaderboard" in board.suffix for board in found)


def test_an_evaluation_ties_runs_together_that_share_no_other(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 25})
    write(tmp_path, "b", {"gaussian_50": 24, "impulse_30": 20})
    write(tmp_path, "c", {"impulse_30": 21})
    (board,) = boards(held(tmp_path))
    assert board.common == []
    assert {label: set(names) for label, names in board.where.items()} == {
        "gaussian_50": {"a", "b"}, "impulse_30": {"b", "c"},
    }  # fmt: skip
    assert board.measured("a", board.columns[1], "psnr").why


def test_two_sets_of_one_name_in_one_table_are_two_columns(tmp_path: Path) -> None:
    for name, spec in (("a", "s"), ("b", "s"), ("c", "t")):
        path = folders.write(tmp_path, folders.config(name), {"gaussian_50": 25, "impulse_30": 20}, place=name)
        if spec == "t":
            text = (path / "result.json").read_text()
            (path / "result.json").write_text(text.replace("s-gaussian_50", "t-gaussian_50"))
    (board,) = boards(held(tmp_path))
    assert [column.label for column in board.columns] == ["gaussian_50", "gaussian_50 (set 2)", "impulse_30"]
    assert board.where["gaussian_50 (set 2)"] == ["c"]


def test_a_seed_on_other_images_is_left_out_and_named(tmp_path: Path) -> None:
    for seed, spec in enumerate(("s", "s", "other")):
        folders.write(tmp_path, folders.config("a", seed=seed), {"gaussian_50": 25}, place="a", spec=spec)
    runs, refused = alike(find([tmp_path]).runs)
    assert [record.seed for name in runs for record in runs[name]] == [0, 1]
    assert "(seed 2) is left out: under gaussian_50" in refused[0]


def test_what_has_another_metric_stands_apart(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 25})
    path = folders.write(tmp_path, folders.config("c"), {"gaussian_50": 25}, place="c")
    text = (path / "result.json").read_text()
    for metric in ("psnr", "ssim", "mse"):
        text = text.replace(f"test/{metric}", f"test/{'accuracy' if metric == 'psnr' else metric + '_none'}")
    (path / "result.json").write_text(text)
    first, second = boards(held(tmp_path))
    assert (first.metric, second.metric) == ("psnr", "accuracy")
    assert "measured by accuracy, not by psnr" in second.reason


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 25, "impulse_30": 30})
    write(tmp_path, "b", {"gaussian_50": 26, "impulse_30": 20})
    (board,) = boards(held(tmp_path), evaluations=["gaussian_50"])
    assert ([column.label for column in board.columns], board.names) == (["gaussian_50"], ["b", "a"])
    (board,) = boards(held(tmp_path))
    assert board.names == ["a", "b"]
    with pytest.raises(ConfigError, match="Did you mean 'gaussian_50'"):
        boards(held(tmp_path), evaluations=["gaussian_5"])


def test_the_mean_over_evaluations_is_by_seed(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 25, "impulse_30": 30}, seeds=3)
    (board,) = boards(held(tmp_path))
    records = board.runs[board.names[0]]
    wanted = [(r.metric("gaussian_50", "psnr") + r.metric("impulse_30", "psnr")) / 2 for r in records]
    assert board.overall(board.names[0], "psnr").values == pytest.approx(wanted)


def test_no_number_comes_last_and_is_no_exception(tmp_path: Path) -> None:
    write(tmp_path, "a", {"gaussian_50": 20})
    write(tmp_path, "b", {"gaussian_50": 25}, metrics={"test/psnr": None})
    (board,) = boards(held(tmp_path))
    assert board.names == ["a", "b"]
    assert "not a number" in board.measured("b", board.columns[0], "psnr").why
