"""A model card as Markdown."""

from restorelab.exchange.model_card import markdown

CARD = {
    "name": "denoise", "summary": "A summary.", "channels": 3, "parameters": 12345, "sigma": [0, 55.5],
    "model": {"_target_": "restorelab.models.ffdnet.FFDNet", "features": 96, "bias": True},
    "trained": {"data": "bsd500", "steps": 9000, "note": None, "noise": {"sigma": 25, "clip": False}},
    "numbers": [
        {"set": "set12", "evaluation": "gaussian_25", "images": 1200, "psnr": 30.267, "psnr_interval": [29.9, 30.6],
         "ssim": 0.86, "input_psnr": 20.2},
        {"evaluation": "own", "images": 4},
    ],
}  # fmt: skip


def test_every_number_has_its_digits_and_what_is_not_known_an_empty_cell() -> None:
    lines = markdown(CARD).splitlines()
    assert lines[4].startswith("12,345 parameters; RGB images, values in [0, 1].")
    assert lines[4].endswith(" It takes the noise level, 0 to 55.5 in 8-bit units.")
    assert "| set12 | gaussian_25 | 1,200 | 30.27 (29.90 to 30.60) | 0.8600 | 20.20 |" in lines
    assert "|  | own | 4 |  |  |  |" in lines
    assert [line for line in lines[lines.index("## Training") :] if line.startswith("- ")][:3] == [
        "- data: bsd500",
        "- steps: 9,000",
        "- noise: sigma 25, clip False",
    ]
    assert "- bias: True" in lines
    assert lines[-1] == "Licence: not stated"
    assert "note" not in markdown(CARD)


def test_a_network_without_a_level_says_nothing_of_it() -> None:
    text = markdown({**CARD, "sigma": None, "channels": 1, "licence": "MIT"})
    assert "gray images, values in [0, 1].\n" in text
    assert text.endswith("Licence: MIT\n")
