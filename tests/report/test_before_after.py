"""The page of photographs before and after."""

from pathlib import Path

import numpy as np
import pytest

from restorelab.errors import DataError
from restorelab.report import before_after

PIXELS = np.zeros((24, 24, 1), np.uint8)


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"restored.html: cannot be written \(Not a directory\)"):
        before_after.write([before_after.case("a.png", PIXELS, PIXELS)], tmp_path / "file" / "deeper" / "restored.html")


def test_a_name_that_is_not_utf_8_is_shown(tmp_path: Path) -> None:
    before_after.write([before_after.case("gr\udcfc\udcdfe.png", PIXELS, PIXELS)], tmp_path / "restored.html")
    assert r"gr\udcfc\udcdfe.png" in (tmp_path / "restored.html").read_text(encoding="utf-8")
