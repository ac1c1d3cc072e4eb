"""`restorelab preview`: its numbers are those of the evaluation, its panel shows every pixel."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

import runs
from restorelab.cli import main, preview
from restorelab.config import build
from restorelab.data.frozen import FrozenSet
from restorelab.errors import ConfigError
from restorelab.report import preview_panel, sheet
from restorelab.report.find_strength import RANGES, find, the_strength
from restorelab.report.pixels import rendered

SIDE = 48


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Flat mid-gray images: what a noise does to them has closed forms. The middle of the range, so nothing clips."""
    folder = tmp_path_factory.mktemp("images")
    for i in range(24):
        Picture.fromarray(np.full((SIDE, SIDE), 128, np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path_factory.getbasetemp() / "preview-cache"))
    return tmp_path


def flat(images: Path, *overrides: str) -> list[str]:
    return ["data=folder", f"data.root={images}", f"data.size={SIDE}", "data.crop=null", "data.test=0.5", *overrides]


def opened(overrides: list[str], count: int = 6) -> tuple[Any, dict[str, Any], list[preview_panel.PreviewImage]]:
    settings = runs.composed(overrides)
    built = build.parts(settings)
    return built, settings, preview_panel.pick(built, settings, "test", count)


@pytest.mark.parametrize(
    ("noise", "name", "target", "expected"),
    [
        ("gaussian", "sigma", 25, 255 * 10 ** (-25 / 20)),  # MSE = (sigma / 255)^2
        ("poisson", "peak", 25, 128 / 255 * 10 ** (25 / 10)),  # MSE = x / peak
        ("speckle", "variance", 25, 10 ** (-25 / 10) / (128 / 255) ** 2),  # MSE = x^2 variance
        # a struck value misses by x or 1 - x, half each
        ("impulse", "amount", 12, 10 ** (-12 / 10) / (((128 / 255) ** 2 + (127 / 255) ** 2) / 2)),
    ],
)
def test_find_agrees_with_the_closed_form(
    noise: str, name: str, target: float, expected: float, images: Path, here: Path
) -> None:
    said = preview.preview(flat(images, f"noise={noise}", f"find={target}dB", "images=1")).splitlines()[0]
    assert said.startswith(f"noise.{name}=")
    assert said.endswith(" dB")
    value = float(said.split("=")[1].split()[0])
    # The strength is proportional to the MSE (its square root for sigma), whose relative deviation over n pixels is
    # sqrt(kurtosis - 1) / sqrt(n): sqrt(2) for normal noise; for impulse sqrt(1 / amount - 1). 0.01 dB are 0.23 %.
    pixels = 12 * SIDE**2
    spread = math.sqrt(1 / expected - 1) if noise == "impulse" else math.sqrt(2)
    relative = 4 * spread / math.sqrt(pixels) + 0.0023
    assert value == pytest.approx(expected, rel=relative)


@pytest.mark.parametrize("noise", ["gaussian", "poisson", "speckle", "impulse"])
def test_find_gives_what_was_asked(noise: str) -> None:
    built, settings, chosen = opened([f"noise={noise}", "data.limit=200"])
    found = find(the_strength(built, settings), chosen, built.protocol, 20)
    assert found.psnr == pytest.approx(20, abs=0.02)
    assert preview_panel.input_psnr(found.column, chosen, built.protocol) == found.psnr
    low, high = RANGES[the_strength(built, settings).name]
    assert low < found.value < high


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["find=200dB"], ["find=200dB", "cannot be reached", "noise.sigma"]),
        (["find=-20"], ["cannot be reached"]),
        (["noise=each", "find=20"], ["noise=each", "gaussian, impulse, speckle, poisson"]),
        (["noise=mixture", "find=20"], ["noise=mixture"]),
        (["noise=none", "find=20"], ["noise=none", "no strength"]),
        (["noise=gaussian_impulse", "find=20"], ["sigma and amount"]),
        (["find=loud"], ["find=loud", "find=20dB"]),
        (["images=0"], ["images=0"]),
        (["images=many"], ["images=many"]),
        (["part=tset"], ["'test'"]),
        (["out=a.gif"], ["out=a.gif", ".png"]),
        (["out=nowhere/a.png"], ["nowhere"]),
        (["--cfg"], ["--cfg"]),
        (["fnd=20dB"], ["fnd"]),
    ],
)
def test_what_it_cannot_do_it_says(overrides: list[str], words: list[str], images: Path, here: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        preview.preview(flat(images, *overrides))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert not list(here.iterdir())


@pytest.mark.parametrize("noise", ["impulse", "poisson", "mixture"])
def test_an_evaluation_shows_the_very_images_that_it_measures(noise: str) -> None:
    built, settings, chosen = opened([f"noise={noise}", "data.limit=200", "data.channels=3"])
    table, rows = built.dataset.open(settings["split_seed"])
    for column in preview_panel.columns(built, settings)[1:]:
        evaluation = built.evaluations[column.name]
        frozen = FrozenSet(table, rows["test"], evaluation, part="test", seed=settings["eval_seed"], protocol={})
        for image in chosen[:3]:
            degraded, _ = preview_panel.degrade(column, image)
            assert torch.equal(degraded, frozen.image(frozen.ids.index(image.id)))


def test_columns() -> None:
    def columns(*overrides: str) -> list[str]:
        settings = runs.composed(list(overrides))
        return [column.name for column in preview_panel.columns(build.parts(settings), settings)]

    assert columns("noise=gaussian") == ["training", "gaussian_50"]
    assert columns("noise=gaussian", "noise.sigma=50") == ["training, gaussian_50"]
    assert columns("noise=gaussian", "evaluation=own", "noise.fixed=true") == ["training, own"]
    four = ["gaussian_50", "impulse_30", "speckle_002", "poisson_255"]
    assert columns("noise=mixture") == ["training", *four]
    assert columns("noise=each")[:2] == ["training: gaussian", "training: impulse"]
    assert columns("noise=each")[4:] == four


def test_the_table(here: Path) -> None:
    text = preview.preview(["noise=mixture", "data=photos", "data.limit=200", "images=2", "evaluation=own"])
    lines = text.splitlines()
    images = re.fullmatch(r"data=photos noise=mixture: (\d+) test images", lines[0])
    assert images is not None
    assert "training, own" in text
    counts = re.findall(r"(\d+) (?:gaussian|impulse|speckle|poisson)\b", text)
    assert sum(map(int, counts)) == int(images.group(1))
    assert lines[-1] == f"panel: {here / 'preview.png'}"
    assert (here / "preview.png").is_file()


def test_every_pixel_is_a_square_of_the_panel(images: Path) -> None:
    """Impulse noise on gray is black, white and gray: nothing in between may appear, and in the right share."""
    overrides = flat(images, "noise=impulse", "evaluation=own", "noise.amount=0.4", "downsample=avg_pool")
    built, settings, chosen = opened(overrides, 1)
    shown = preview_panel.measure(preview_panel.columns(built, settings), chosen, built.protocol)
    panel = rendered(preview_panel.figure(shown, chosen[:1], "one image"))
    times = sheet.CELL // SIDE
    cell = SIDE * times
    left = 14 + cell + 10  # the second cell: margin, the clean image, the gap
    picture = panel[34 + 34 : 34 + 34 + cell, left : left + cell, 0]
    assert set(np.unique(picture).tolist()) == {0, 128, 255}
    small = (shown[0].degraded[0][0] * 255).round().byte().numpy()
    assert np.array_equal(picture, small.repeat(2 * times, 0).repeat(2 * times, 1))


def test_the_middle_of_a_large_image_is_shown() -> None:
    clean = torch.zeros(1, 400, 100, dtype=torch.float64)
    clean[:, 104:296] = 1
    assert sheet.middle(clean, (400, 100)).shape == (1, sheet.CELL, 100)
    assert sheet.middle(clean, (400, 100)).min() == 1
    assert sheet.middle(torch.zeros(1, 200, 50), (400, 100)).shape == (1, sheet.CELL // 2, 50)


@pytest.mark.parametrize("name", ["a.png", "b.svg", "c.PDF", "d.jpg"])
def test_it_writes_what_the_name_says_over_what_is_there(name: str, images: Path, here: Path) -> None:
    (here / name).write_text("old")
    assert main.main(["preview", *flat(images, "noise=none", f"out={name}", "images=1", "part=val")]) == 0
    head = (here / name).read_bytes()[:5]
    assert head[:4] in (b"\x89PNG", b"<?xm", b"%PDF", b"\xff\xd8\xff\xe0")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["preview", "--help"]) == 0
    assert "find=20dB" in capsys.readouterr().out
