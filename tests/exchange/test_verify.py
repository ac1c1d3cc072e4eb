"""Certificates: a published number beside ours, on a tiny network and set whose number is computed here by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from restorelab.config import conf_files
from restorelab.data.set_names import set_of
from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import ConfigError
from restorelab.exchange import certificates, verify
from restorelab.models.dncnn import DnCNN

TARGET = "restorelab.data.sources.image_set.ImageSet"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a certificate, a test set and weights of one's own."""
    rng = np.random.default_rng(0)
    (tmp_path / "data" / "two").mkdir(parents=True)
    for number in (1, 2):
        Image.fromarray(rng.integers(0, 256, (24, 24), np.uint8)).save(tmp_path / "data" / "two" / f"{number}.png")
    torch.manual_seed(0)
    (tmp_path / "weights").mkdir()
    torch.save(DnCNN(1, 3, 4, batch_norm=False).state_dict(), tmp_path / "weights" / "tiny.pth")
    (tmp_path / "conf" / "test").mkdir(parents=True)
    (tmp_path / "conf" / "verify").mkdir()
    entry = {"two": {"_target_": TARGET, "root": "${data_dir}/two", "images": 2}}
    (tmp_path / "conf" / "test" / "two.yaml").write_text(yaml.safe_dump(entry))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def certify(place: Path, number: float, **more: object) -> None:
    content = {
        "title": "Tiny",
        "overrides": ["model=dncnn", "model.depth=3", "model.features=4", "model.batch_norm=false",
                      "noise=gaussian", "noise.sigma=25"],
        "weights": {"files": ["tiny.pth"], "url": "https://example.org/tiny.pth"},
        "published": {"two/gaussian_25_unclipped": number},
        "source": "this test",
        **more,
    }  # fmt: skip
    (place / "conf" / "verify" / "tiny.yaml").write_text(yaml.safe_dump(content))


def by_hand(place: Path) -> float:
    """The mean PSNR in dB: noise that is not clipped, output clamped and rounded to 8 bits."""
    net = DnCNN(1, 3, 4, batch_norm=False)
    net.load_state_dict(torch.load(place / "weights" / "tiny.pth", weights_only=True))
    key = json.dumps(
        {
            "blur": {"_target_": "restorelab.degradations.blur.NoBlur"},
            "downsample": {"_target_": "restorelab.degradations.downsample.NoDownsample"},
            "noise": {"_target_": "restorelab.degradations.noise.Gaussian", "clip": False, "sigma": 25},
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    from restorelab.degradations.noise import Gaussian

    values = []
    for number in (1, 2):
        clean = (
            torch.from_numpy(np.asarray(Image.open(place / "data" / "two" / f"{number}.png")).copy())[None, None]
            / 255.0
        )
        noisy, _ = Gaussian(sigma=25, clip=False)(clean.double(), PhiloxDraws(f"{number}.png", key, 0))
        with torch.no_grad():
            restored = net.eval()(noisy.float()).clamp(0, 1).mul(255).round().double() / 255
        values.append(float(-10 * torch.log10((restored - clean.double()).square().mean())))
    return float(np.mean(values))


def test_a_number_that_agrees_and_one_that_differs(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = by_hand(own)
    arguments = ["tiny", "data_dir=data", "weights_dir=weights", "trainer.accelerator=cpu", "threads=1", "out=a.json"]
    certify(own, round(expected, 2))
    assert verify.run(arguments) == 0
    (row,) = json.loads((own / "a.json").read_text())["rows"]
    assert row["ours"] == pytest.approx(expected, abs=1e-4)
    assert row["verdict"] == "agrees"
    certify(own, round(expected + 0.2, 2))
    assert verify.run(arguments) == 1
    assert "differs" in capsys.readouterr().out


def test_what_is_missing_is_told_and_where_it_comes_from(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certify(own, 20.0)
    assert verify.run(["tiny", "data_dir=data", "weights_dir=nowhere", "out=a.json"]) == 1
    said = capsys.readouterr().out
    assert "no tiny.pth in nowhere; it comes from https://example.org/tiny.pth" in said
    assert (
        verify.run(["tiny", "data_dir=elsewhere", "weights_dir=weights", "trainer.accelerator=cpu", "out=a.json"]) == 1
    )
    assert "which does not exist" in capsys.readouterr().out
    (row,) = json.loads((own / "a.json").read_text())["rows"]
    assert (row["verdict"], row["ours"]) == ("missing", None)


def test_damaged_weights_do_not_end_the_other_certificates(own: Path) -> None:
    """And the result says what they were measured on."""
    certify(own, round(by_hand(own), 2))
    content = yaml.safe_load((own / "conf" / "verify" / "tiny.yaml").read_text())
    content["weights"]["files"] = ["damaged, it's.pth"]
    (own / "conf" / "verify" / "broken.yaml").write_text(yaml.safe_dump(content))
    (own / "weights" / "damaged, it's.pth").write_text("<html>")
    places = ["data_dir=data", "weights_dir=weights", "trainer.accelerator=cpu", "threads=1"]
    assert verify.run(["broken", "tiny", *places, "out=a.json"]) == 1
    result = json.loads((own / "a.json").read_text())
    assert [row["verdict"] for row in result["rows"]] == ["missing", "agrees"]
    assert "web page" in result["rows"][0]["note"]
    assert result["device"] == result["rows"][1]["device"]
    assert result["device"].endswith(" CPU, 1 threads")
    with pytest.raises(ConfigError, match="it is a folder"):
        verify.run(["tiny", *places, "out=data"])
    certify(own, 20.0, published={"two/gaussian_52_unclipped": 20.0})
    with pytest.raises(ConfigError, match=r"52_unclipped is none of its evaluations.*'gaussian_25_unclipped'"):
        verify.run(["tiny", *places, "out=b.json"])
    assert not (own / "b.json").exists()


def test_other_weights_than_those_that_were_measured_are_told(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {"files": ["tiny.pth"], "url": "https://example.org", "sha256": "0" * 64}
    certify(own, 20.0, weights=weights)
    verify.run(["tiny", "data_dir=data", "weights_dir=weights", "trainer.accelerator=cpu", "out=a.json"])
    assert "another file than the one that the certificate was measured with" in capsys.readouterr().out


def test_unknown_names_and_keys_are_refused(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such certificate.*dncnn_25"):
        certificates.load("dncnn_26")
    for wrong, words in {
        "tolerence": "tolerence: unknown key .* Did you mean 'tolerance'",
        "weights": r"weights\.ulr: unknown key .* Did you mean 'url'",
        "published": "published: .* expected a mapping whose values are each a number",
    }.items():
        certify(own, 20.0, **{wrong: {"files": ["a"], "ulr": "b"}})
        with pytest.raises(ConfigError, match=rf"tiny\.yaml: certificate\.{words}"):
            certificates.load("tiny")


def test_a_missing_certificate_fails_only_where_it_was_asked_for() -> None:
    row = verify.Verification("a", "A", "s/e", 1.0, 1.0, "agrees", 1.0, "", "")
    missing = verify.Verification("b", "B", "s/e", 1.0, None, "missing", None, "", "")
    differs = verify.Verification("c", "C", "s/e", 1.0, 2.0, "differs", 1.0, "", "")
    assert verify.status([row, missing], strict=False) == 0
    assert verify.status([row, missing], strict=True) == 1
    assert verify.status([missing], strict=False) == 1
    assert verify.status([row, differs], strict=False) == 1


@pytest.mark.parametrize("name", conf_files.options("verify"))
def test_every_certificate_loads_and_names_shipped_sets(name: str) -> None:
    certificate = certificates.load(name)
    assert set(certificate.sets) <= set(conf_files.options("test"))
    assert all(set_of(key) in certificate.sets for key in certificate.published)
    assert certificate.weights is None or certificate.weights.url.startswith("https://")
