"""`restorelab restore`: files in, files out."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import networks
import numpy as np
import photographs
import pytest
import torch
from PIL import Image

from restorelab.cli import restore
from restorelab.cli.main import main
from restorelab.cli.restore_request import OWN
from restorelab.config import packaged
from restorelab.errors import ConfigError
from restorelab.restoring.batch import FileJob, Wanted, run
from restorelab.restoring.read_photograph import read
from restorelab.restoring.restorer import Options, Restorer


@pytest.fixture(autouse=True, scope="module")
def _installed(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("networks")
    networks.write(folder, "denoise_gray", 1)
    networks.write(folder, "denoise_color", 3)
    before, packaged.FOLDER = packaged.FOLDER, folder
    yield
    packaged.FOLDER = before


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tree of files, which is the current one."""
    kept = photographs.kept()
    photographs.write(tmp_path / "in", {name: kept[name] for name in ("color.jpg", "gray.png", "color16.tiff")})
    photographs.write(tmp_path / "in" / "deep er", {"alpha.webp": kept["alpha.webp"], "notes.txt": b"no image"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _restored(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_file_is_restored_beside_itself_by_the_network_for_its_colors(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (photos / "in" / "color.jpg").read_bytes()
    assert main(["restore", "in/color.jpg", "in/gray.png", "sigma=20"]) == 0
    assert (photos / "in" / "color.jpg").read_bytes() == before
    assert _restored(photos / "in")[:4] == ["color.jpg", "color16.tiff", "color_restored.jpg", "deep er/alpha.webp"]
    for name, channels in (("gray.png", 1), ("color.jpg", 3)):
        source = read(photos / "in" / name)
        expected = Restorer(networks.unet(channels), Options(sigma=20.0)).restore(source.pixels).pixels
        assert not np.array_equal(expected, source.pixels)
        written = read((photos / "in" / name).with_name(name.replace(".", "_restored."))).pixels
        assert np.abs(written.astype(int) - expected).mean() < (4 if channels == 3 else 1e-9)  # JPEG rounds
    out = capsys.readouterr().out
    assert "in/color.jpg -> in/color_restored.jpg: 50x36 color, 8 bits, sigma 20.0" in out
    assert "2 restored, in " in out


def test_a_folder_keeps_its_tree_and_what_is_done_is_skipped(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["restore", "in", "out=out", "sigma=20", "page=true"]
    assert main(command) == 0
    assert _restored(photos / "out") == [
        "color.jpg",
        "color16.tiff",
        "deep er/alpha.webp",
        "gray.png",
        "restored.html",
    ]
    assert "4 restored" in capsys.readouterr().out
    times = {file: file.stat().st_mtime_ns for file in (photos / "out").glob("*.*g")}
    assert main(command) == 0
    assert "4 skipped, in" in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert main([*command, "overwrite=true"]) == 0
    assert "4 restored" in capsys.readouterr().out
    page = (photos / "out" / "restored.html").read_text()
    assert page.count('class="case"') == 4
    assert page.count("data:image/webp") == 12  # the whole, before and after
    assert "color16.tiff" in page


def test_results_inside_the_folder_are_skipped_when_the_command_is_given_again(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for expected in ("4 restored", "4 skipped"):
        assert main(["restore", ".", "out=in/out", "sigma=20"]) == 0
        assert expected in capsys.readouterr().out
    assert not (photos / "in" / "out" / "in" / "out").exists()


def test_patterns_and_results_that_lie_beside(photos: Path) -> None:
    assert main(["restore", "in/*.*", "in/**/*.webp", "sigma=20"]) == 0
    names = {"color_restored.jpg", "gray_restored.png", "color16_restored.tiff", "deep er/alpha_restored.webp"}
    assert names <= set(_restored(photos / "in"))
    assert main(["restore", "in", "sigma=20"]) == 0  # does not restore results
    assert not any("restored_restored" in name for name in _restored(photos / "in"))


def test_one_bad_file_does_not_stop_the_others(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (photos / "in" / "color.jpg").read_bytes()
    photographs.write(photos / "in", {"a_cut.jpg": data[: len(data) // 2], "b.png": b"no image", "c.png": b"",
                                      "p.png": photographs.lost()["palette.png"][0]})  # fmt: skip
    assert main(["restore", "in", "out=out", "sigma=20"]) == 1
    text = capsys.readouterr()
    for name in ("a_cut.jpg", "b.png", "c.png", "p.png"):
        assert text.err.count(f"in/{name}: ") == 1
    assert "p.png: cannot be kept: its palette (it becomes full color). With lossy=true" in text.err
    assert "4 restored, 4 failed" in text.out
    assert _restored(photos / "out") == ["color.jpg", "color16.tiff", "deep er/alpha.webp", "gray.png"]
    assert main(["restore", "in/p.png", "lossy=true", "sigma=20"]) == 0
    assert Image.open(photos / "in" / "p_restored.png").mode == "RGB"


def test_visible_colors_do_not_depend_on_hidden_ones(photos: Path) -> None:
    image = photographs.pixels(4)
    image[:12, :, 3] = 0
    for name, color in (("a", (0, 0, 0)), ("b", (255, 0, 255))):
        image[:12, :, :3] = color
        Image.fromarray(image).save(photos / f"{name}.png")
    assert main(["restore", "a.png", "b.png", "sigma=20"]) == 0
    a, b = (np.asarray(Image.open(photos / f"{name}_restored.png")) for name in "ab")
    assert np.array_equal(a[12:], b[12:])
    assert not np.array_equal(a[12:, :, :3], image[12:, :, :3])
    assert (b[:12, :, :3] == (255, 0, 255)).all()  # as they were
    assert np.array_equal(a[..., 3], image[..., 3])


def test_clean_photographs_are_left_as_they_are(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from skimage import data

    Image.fromarray(data.astronaut()[:256, :256]).save("clean.png")
    assert main(["restore", "clean.png", "out=out"]) == 0
    assert "clean.png: left as it is, copied to out/clean.png: its noise, sigma 1." in capsys.readouterr().out
    assert (photos / "out" / "clean.png").read_bytes() == (photos / "clean.png").read_bytes()
    assert main(["restore", "clean.png"]) == 0
    assert not (photos / "clean_restored.png").exists()
    assert main(["restore", "clean.png", "force=true"]) == 0
    assert (photos / "clean_restored.png").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "name the files"),
        (["in/colour.jpg"], "Did you mean 'color.jpg'"),
        (["nowhere/a.jpg"], "there is no folder nowhere"),
        (["in/*.heic"], "no image file matches"),
        (["in", "strenght=1"], "Did you mean 'strength'"),
        (["in", "strength=2"], "from 0 to 1"),
        (["in", "sigma=much"], "expected a number or auto"),
        (["in", "format=jpge"], "Did you mean 'jpeg'"),
        (["in", "depth=12"], "8, 16 or 32"),
        (["in", "quality=0"], "1 to 100"),
        (["in", "tile=big"], "whole number"),
        (["in", "x8=yes"], "Allowed: false, true"),
        (["in", "--fast"], "--fast"),
        (["in", "model=denoise_colour"], "Did you mean 'denoise_color'"),
        (["in", "model=denoise_gray", "color=lume"], "Did you mean 'luma'"),
        (["in", "out=in"], "would replace an input"),
        (["in/gray.png", "in/gray.png", "in/deep er", "out=in/deep er"], "would replace an input"),
        (["in/gray.png", "same/gray.png", "out=out"], "would both become"),
        (["in", "out=in/gray.png"], "in/gray.png is a file; expected a folder"),
        (["in", "out=in/gray.png/deeper"], "in/gray.png is a file; expected a folder"),
        (["in", "model=nowhere/mine"], "model: there is no nowhere/mine"),
        (["in", "device=gpu"], "cuda for a GPU"),
        (["in", "device=cuda:0"], "no GPU is available"),
    ],
)
def test_wrong_words_are_told_before_anything_is_written(words: list[str], expected: str, photos: Path) -> None:
    if "cuda" in " ".join(words) and __import__("torch").cuda.is_available():
        pytest.skip("there is a GPU")
    photographs.write(photos / "same", {"gray.png": photographs.kept()["gray.png"]})
    before = _restored(photos)
    with pytest.raises(ConfigError, match=expected):
        restore.run(words)
    assert _restored(photos) == before


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_restored(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place).name != "in" and access(place, mode))
    with pytest.raises(ConfigError, match="in cannot be written; name another folder, out=FOLDER"):
        restore.run(["in/gray.png"])
    assert restore.run(["in/gray.png", "out=out", "sigma=20", "page=true"]) == 0


def test_a_page_without_pictures_is_told(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["restore", "in/gray.png", "sigma=20", "out=out", "page=true"]) == 0
    assert "page: no file was restored, so there is none" in capsys.readouterr().out


def test_help_lists_every_option_and_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", "--help"]) == 0
    text = capsys.readouterr().out
    for key in OWN:
        assert f"\n  {key}=" in text
    assert "\n  denoise_gray: for tests, 1\n" in text


def test_a_file_of_weights_alone_needs_its_network(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(networks.unet(3).state_dict(), "weights.pth")
    words = ["restore", "in/color.jpg", "sigma=20", "format=png", "model=weights.pth"]
    assert main([*words, "out=alone"]) == 2
    assert "network='dncnn data.channels=3'" in capsys.readouterr().err
    unet = "unet model.widths=[4,6] model.blocks=[1,1] model.noise_level=true data.channels=3"
    assert main([*words, "out=named", f"network={unet}"]) == 0
    assert main([*words[:-1], "out=packaged"]) == 0
    assert (photos / "named" / "color.png").read_bytes() == (photos / "packaged" / "color.png").read_bytes()
    assert main([*words[:-1], "model=denoise_color", f"network={unet}", "out=third"]) == 2
    assert "it says what a file of weights belongs to" in capsys.readouterr().err


def test_a_pattern_may_hold_an_equals_sign(photos: Path) -> None:
    (photos / "in" / "gray.png").rename("a=1.png")
    assert main(["restore", "a=*.png", "sigma=20", "out=out"]) == 0
    assert _restored(photos / "out") == ["a=1.png"]


def test_formats_and_depths(photos: Path) -> None:
    assert main(["restore", "in/color.jpg", "format=tif", "depth=16", "sigma=20", "out=out"]) == 0
    assert read(photos / "out" / "color.tif").depth == 16
    assert main(["restore", "in/color.jpg", "depth=16", "sigma=20", "out=out"]) == 1  # no JPEG has 16 bits
    assert not (photos / "out" / "color.jpg").exists()


def test_tiles_are_checked_and_nothing_is_written(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _restored(photos)
    assert main(["restore", "in/gray.png", "sigma=20", "tile=check"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("in/gray.png: in tiles against whole: ")
    assert _restored(photos) == before


def test_decoding_computing_and_writing_overlap(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the second image is in the network, the third is decoded and the first is written."""
    from restorelab.restoring import batch

    third_decoded, first_written = threading.Event(), threading.Event()
    original_read, original_write = batch.read, batch.write

    def reading(path: Path, reserve):
        photograph = original_read(path, reserve)
        if path.name == "2.png":
            third_decoded.set()
        return photograph

    def writing(photograph, file: Path, quality: int):
        original_write(photograph, file, quality)
        first_written.set()

    class Waiting(Restorer):
        calls = 0

        def restore(self, *given):
            Waiting.calls += 1
            if Waiting.calls == 2:
                assert third_decoded.wait(20)
                assert first_written.wait(20)
            return super().restore(*given)

    monkeypatch.setattr(batch, "read", reading)
    monkeypatch.setattr(batch, "write", writing)
    gray = photographs.kept()["gray.png"]
    photographs.write(photos / "many", {f"{number}.png": gray for number in range(4)})
    jobs = [FileJob(photos / "many" / f"{number}.png", photos / "out" / f"{number}.png") for number in range(4)]
    restorer = Waiting(networks.unet(1), Options(sigma=20.0))
    outcomes = list(run(jobs, lambda photograph: restorer, Wanted()))
    assert [outcome.job for outcome in outcomes] == jobs
    assert all(outcome.written for outcome in outcomes)


def _damaged(count: int, generator: np.random.Generator) -> dict[str, bytes]:
    """Files that were cut, or of which bytes were changed, made from valid ones of every kind."""
    valid = photographs.kept() | {name: data for name, (data, _) in photographs.lost().items()}
    files = {}
    for number in range(count):
        name = list(valid)[number % len(valid)]
        data = bytearray(valid[name])
        how = number // len(valid) % 4
        if how == 0:
            data = data[: generator.integers(1, len(data))]
        for place in generator.integers(0, len(data), (0, 3, 30, 1)[how]):
            data[place] = generator.integers(256)
        if how == 3:
            start = generator.integers(0, len(data))
            del data[start : start + generator.integers(1, 200)]
        files[f"{number:03}_{name}"] = bytes(data)
    odd = {
        "empty.png": b"", "text.jpg": b"hello", "head.png": b"\x89PNG\r\n\x1a\n", "head.tif": b"II*\0\xff\xff\xff\xff",
        "small.png": photographs.encoded(photographs.pixels(3)[:1, :1], "png"),
    }  # fmt: skip
    return files | odd


def _no_file_ends_in_a_traceback(count: int, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = _damaged(count, np.random.default_rng(count))
    photographs.write(photos / "bad", files)
    assert main(["restore", "bad", "out=out", "sigma=20"]) == 1
    text = capsys.readouterr()
    assert "Traceback" not in text.err
    lines = (text.out + text.err).splitlines()
    for name in files:
        assert sum(f"bad/{name}" in line for line in lines) == 1, name
    written = [file for file in (photos / "out").rglob("*") if file.is_file()]
    assert written
    for file in written:  # each is whole
        assert not file.name.startswith(".")
        read(file)


def test_damaged_files_are_named(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _no_file_ends_in_a_traceback(40, photos, capsys)


@pytest.mark.slow
def test_300_damaged_files_are_named(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _no_file_ends_in_a_traceback(300, photos, capsys)


@pytest.mark.slow
def test_a_photograph_does_not_wait_for_packages_that_it_does_not_need(photos: Path) -> None:
    code = (
        "import sys; from restorelab.cli.main import main; status = main(sys.argv[1:]); "
        "slow = {'torch._dynamo', 'torchmetrics', 'matplotlib', 'scipy.stats', 'lightning'}; "
        "print(status, sorted(slow & {*sys.modules}))"
    )
    words = [sys.executable, "-c", code, "restore", "in/color.jpg", "model=denoise_color", "sigma=20", "out=out"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
