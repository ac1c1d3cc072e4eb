"""A cache of another user is used as far as it can be read; otherwise it is said whose it is, and what to do."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import runs
from restorelab.cli import main
from restorelab.data import cache
from restorelab.data.decode import Decoding
from restorelab.data.evaluation import Evaluation
from restorelab.data.frozen import FrozenSet
from restorelab.data.image_table import ImageTable
from restorelab.data.item import Item
from restorelab.degradations.blur import NoBlur
from restorelab.degradations.downsample import NoDownsample
from restorelab.degradations.noise import Gaussian
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import DataError
from restorelab.training import write_results
from restorelab.training.evaluation import Measured, evaluate

NOBODY = 65534


class Few:
    """Four images."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def items(self) -> list[Item]:
        pixels = np.random.default_rng(self.seed).integers(0, 256, (4, 16, 16), np.uint8)
        return [Item(id=str(i), group=str(i), clean=pixels[i]) for i in range(4)]

    def fingerprint(self) -> dict[str, int]:
        return {"seed": self.seed}


def table(seed: int = 0) -> ImageTable:
    return cache.prepare(Few(seed), decoding=Decoding(1, None, "none"))


def frozen(of: ImageTable) -> FrozenSet:
    degradation = Degradation(NoBlur(), NoDownsample(), Gaussian(25, clip=True))
    evaluation = Evaluation("gaussian_25", degradation, {"sigma": 25})
    return FrozenSet(of, np.arange(4), evaluation, part="test", seed=0, protocol={})


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache, in a folder that other users reach."""
    place = Path(tempfile.mkdtemp(prefix="restorelab-foreign-"))
    place.chmod(0o755)
    monkeypatch.setenv("RESTORELAB_CACHE", str(place / "cache"))
    (place / "cache").mkdir()
    yield place / "cache"
    shutil.rmtree(place)


@contextmanager
def another_user(folder: Path, mode: str) -> Iterator[None]:
    """Be somebody who cannot write below a folder (`r`), or not even read it (`-`)."""
    above = [place for place in folder.rglob("*") if place.is_dir()] + [folder]
    for place in above:
        place.chmod(0o555 if mode == "r" else 0o700 if os.geteuid() == 0 else 0o000)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for place in reversed(above):
            place.chmod(0o755)


def test_what_is_there_is_read(folder: Path) -> None:
    made = frozen(table())
    with another_user(folder, "r"):
        again = frozen(table())
        again.verify()
    assert (again.spec, again.bits) == (made.spec, made.bits)
    assert again._file is not None


def test_what_is_missing_of_the_fixed_images_is_made_at_each_use(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = frozen(table())
    shutil.rmtree(folder / "frozen")
    with another_user(folder, "r"):
        again = frozen(table())
        again.verify()
    assert (again.bits, again._file) == (made.bits, None)
    assert "RESTORELAB_CACHE" in caplog.text


@pytest.mark.parametrize("mode", ["r", "-"])
def test_what_has_to_be_decoded_is_refused_with_the_owner_and_the_way_out(folder: Path, mode: str) -> None:
    table()
    owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    with another_user(folder, mode), pytest.raises(DataError, match="RESTORELAB_CACHE to a folder of your own") as said:
        table(seed=1)
    if os.geteuid() == 0:
        assert f"it belongs to the user {owner}" in str(said.value)


def test_listing_and_cleaning_say_so_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frozen(table())
    with another_user(folder, "r"):
        assert main.main(["cache"]) == 0
        assert main.main(["cache", "clean"]) == 1
    assert "2 of 2 entries could not be removed" in capsys.readouterr().err
    assert len(cache.entries()) == 2
    with another_user(folder, "-"):
        assert main.main(["cache"]) == 1
        assert main.main(["cache", "clean"]) == 1
    assert capsys.readouterr().err.count("RESTORELAB_CACHE") == 2


@pytest.mark.parametrize("damage", ["garbage", "cut"])
@pytest.mark.parametrize("file", ["degraded.f32", "clean.bin"])
def test_a_file_that_is_overwritten_while_a_run_goes_on_is_noticed(folder: Path, file: str, damage: str) -> None:
    own = frozen(table())
    own.verify()
    (place,) = folder.glob(f"*/*/{file}")
    size = place.stat().st_size
    with place.open("r+b") as stream:
        if damage == "cut":
            stream.truncate(size // 2)
        else:
            stream.write(bytes(size // 2))
    with pytest.raises(DataError, match=rf"{file} was changed during the run"):
        own.verify()
    if damage == "cut":
        with pytest.raises(DataError, match="was changed"):
            next(own.batches(2))


def test_a_run_whose_fixed_images_changed_has_no_result_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(net: object, fixed: FrozenSet, *rest: object, **options: object) -> Measured:
        assert fixed._file is not None
        fixed._file.write_bytes(bytes(fixed._file.stat().st_size))
        return evaluate(net, fixed, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(write_results, "evaluate", measured)
    failed = runs.run(tmp_path / "run", "max_steps=1")
    assert failed.status == "failed"
    assert "degraded.f32 was changed during the run" in failed.message
    assert not (tmp_path / "run" / "result.json").exists()
    monkeypatch.undo()
    monkeypatch.setenv("RESTORELAB_CACHE", str(folder))
    assert runs.run(tmp_path / "run", "max_steps=1", "resume=true").status == "done"
