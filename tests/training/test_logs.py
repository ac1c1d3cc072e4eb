"""What a run logs: what a newcomer needs; the reasons of automatic decisions are added by verbose=true."""

import logging
import re
from pathlib import Path

import pytest

from restorelab.cli.main import main
from runs import TINY

EXPECTED = (
    r"decoding 60 images into the cache, once: .+", r"dataset ready in [\d.]+ s: 60 images, .+", r"official split: .+",
    r"evaluation gaussian_50: test images have sigma 50; the training noise has sigma 25 to 75",
    r"length: 1 steps, \d+ per epoch; max_steps=1 ends it", r"epoch 1, step 1/1: val .+",
)  # fmt: skip
DETAILS = ("freed memory: ", "memory layout: ", "training images: ")


def test_details_are_logged_with_verbose_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("restorelab.data").setLevel(logging.WARNING)  # as the page of an earlier sweep leaves it
    command = ["train", *TINY, "trainer.max_epochs=null", "max_steps=1"]
    assert main([*command, f"run_dir={tmp_path / 'plain'}"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not any(re.fullmatch(pattern, line) for pattern in EXPECTED)] == []
    assert main([*command, f"run_dir={tmp_path / 'verbose'}", "verbose=true"]) == 0
    verbose = capsys.readouterr().err
    assert [detail for detail in DETAILS if f"\n{detail}" not in verbose] == []
