"""Parts told from folders' names: what is taken, what is not, and what is said then."""

import pytest

from restorelab.data.sources.parts import official_parts, remark


@pytest.mark.parametrize(("tops", "parts"), [
    (["train", "val", "test"], ["train", "val", "test"]),
    (["Training", "VALIDATION", "Testing"], ["train", "val", "test"]),
    (["tr", "dev", "eval"], ["train", "val", "test"]),
    (["train", "valid"], ["train", "val"]),
    (["test"], ["test"]),
    (["train"], ["train"]),
    (["DIV2K/train/deep", "DIV2K/valid"], ["train", "val"]),
    (["bottle/train", "cable/test"], ["train", "test"]),
    (["DIV2K_train_HR", "DIV2K_valid_HR"], ["train", "val"]),
    (["set-train", "set-test"], ["train", "test"]),
    (["train", "test", "extra"], ["train", "test", None]),  # refused by `split`, which names the image
])  # fmt: skip
def test_what_is_taken(tops: list[str], parts: list[str | None]):
    names = [f"{top}/a.png" for top in tops]
    assert official_parts(names) == parts
    assert remark(names) is None
    assert official_parts(names, "none") == [None] * len(tops)


@pytest.mark.parametrize(("tops", "said"), [
    (["Train_small", "Test"], "Test/, Train_small/ (their names do not mean one part each)"),
    (["train", "cars"], "train/ (1 of 2 images are outside)"),
    (["Train400", "Set12"], "Train400/ (1 of 2 images"),
    (["DIV2K_train_HR", "DIV2K_valid_LR"], "do not mean one part each"),
    (["DIV2K_train_HR"], "DIV2K_train_HR/"),
    (["a/train", "b/test", "b"], "test/, train/ (1 of 3 images"),
    (["testset1", "more"], "testset1/"),
])  # fmt: skip
def test_what_looks_like_parts_and_is_not_taken_is_said(tops: list[str], said: str):
    names = [f"{top}/a.png" for top in tops]
    assert official_parts(names) == [None] * len(tops)
    assert said in str(remark(names))
    assert "data.source.parts=none" in str(remark(names))
    assert remark(names, "none") is None


def test_other_folders_are_not_remarked_on():
    for names in (["a.png", "b.png"], ["trains/a.png", "contest/b.png"], ["cats/a.png", "latest/b.png"]):
        assert official_parts(names) == [None, None]
        assert remark(names) is None
