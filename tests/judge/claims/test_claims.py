"""Each claim on runs whose differences are known, in every verdict; and all claims of a study judged together."""

import numpy as np
import pytest

from restorelab.errors import ConfigError
from restorelab.judge.claims import Better, Close, DeadPixels, Drop, Factor, Faster, Reaches  # fmt: skip
from restorelab.runs.record import Record, Runs
from synthetic import groups, psnr, study, write


def records(runs):
    return [record for found in runs.values() for record in found]


@pytest.fixture
def three(tmp_path):
    """`good` is 1 dB above `bad`, `same` is level with `bad`; three seeds each."""
    return study(tmp_path, {"good": 26.0, "bad": 25.0, "same": 25.001})


def test_better_holds_is_reversed_ties_and_lacks_seeds(three, tmp_path):
    found = Better("f", "good", "bad")(three)
    assert (found.verdict, found.seeds, found.finding) == ("holds", 3, "f")
    assert found.p < 0.01
    assert Better("f", "bad", "good")(three).verdict == "reversed"
    assert Better("f", "same", "bad", threshold=0.5)(three).verdict == "tie"  # the whole interval lies within it
    assert Better("f", "same", "bad")(three).verdict == "undecided"  # and not within 0.05 dB: too few images
    one = Better("f", "good", "bad")(study(tmp_path / "one", {"good": 26.0, "bad": 25.0}, seeds=1))
    assert (one.verdict, one.seeds, one.p) == ("underpowered", 1, None)
    assert one.test.endswith(
        "95% interval over groups of images alone, of one seed (2,000 resamples, paired by image)."
    )
    assert "1 seed, but 3 are needed: by these numbers it would hold" in one.numbers


def test_better_says_what_it_tested_and_found(three):
    claim = Better("f", "good", ["bad", "same"], "mse", ["noise"])
    assert claim.test == ("MSE under noise, good against bad and against same, lower is better; a tie within 1%.")
    found = claim(three)
    assert found.test == (
        f"{claim.test} 95% interval over seeds and groups of images (2,000 resamples, paired by image)."
    )
    ratio = np.mean([[10 ** (-psnr(m, s) / 10) for s in range(3)] for m in (26.0, 25.0)], axis=(1, 2))
    assert found.verdict == "holds"
    assert f"good {ratio[0]:.3g} against bad {ratio[1]:.3g}: x{ratio[0] / ratio[1]:.2g}"[:-1] in found.numbers
    assert "of 120 images" in found.numbers


def test_better_under_each_evaluation_or_in_their_mean(tmp_path):
    gains = {"strong": 1.0, "weak": -0.3}
    found = []
    for seed in range(3):
        base = {e: psnr(25.0, seed) for e in gains}
        found.append(write(tmp_path, "a", seed, {e: {"psnr": base[e] + gains[e]} for e in gains}))
        found.append(write(tmp_path, "b", seed, {e: {"psnr": base[e]} for e in gains}))
    runs = Runs(found)
    mean = Better("f", "a", "b", evaluations=list(gains))(runs)
    assert mean.verdict == "holds"
    assert "strong +1.00 dB, weak -0.30 dB" in mean.numbers
    assert Better("f", "a", "b")(runs).verdict == "holds"
    assert Better("f", "a", "b", evaluations=["strong"])(runs).verdict == "holds"
    each = Better("f", "a", "b", evaluations=list(gains), each=True)(runs)
    assert each.verdict == "reversed"
    assert "weak: a" in each.numbers
    with pytest.raises(ConfigError, match="each=true needs evaluations"):
        Better("f", "a", "b", each=True)


def test_evaluations_that_show_other_images_are_averaged_over_the_pairs(tmp_path):
    """As where each image is shown under two of four strengths: an image counts under those that show it."""
    found = []
    for name, gain in (("a", 1.0), ("b", 0.0)):
        for seed in range(3):
            ids = [f"i{n}" for n in range(len(groups()))]
            half = len(ids) // 2
            record = write(tmp_path, name, seed, {"weak": {}, "strong": {}})
            rows = [f"{i},{g},weak,{30 + gain},{20}" for i, g in zip(ids[:half], groups(), strict=False)]
            rows += [f"{i},{g},strong,{20 + gain},{10}" for i, g in zip(ids[half:], groups()[half:], strict=True)]
            file = record.path / "per_image.csv"
            file.write_text("\n".join(["id,group,evaluation,psnr,input_psnr", *rows]) + "\n")
            found.append(Record(name, record.path))
    judged = Better("f", "a", "b", evaluations=["weak", "strong"])(Runs(found))
    assert judged.verdict == "holds"
    assert "a 26.00 dB against b 25.00 dB: +1.00 dB" in judged.numbers
    assert f"of {len(groups()):,} images" in judged.numbers
    assert "a 26.00 dB against input 15.00 dB" in Better("f", "a", "input")(Runs(found)).numbers


def test_of_many_rivals_the_nearest_is_told_and_all_count(tmp_path):
    runs = study(tmp_path, {"good": 26.0, "far": 20.0, "near": 25.5, "middle": 23.0, "ahead": 27.0})
    found = Better("f", "good", ["far", "near", "middle"])(runs)
    assert found.verdict == "holds"
    assert "against near" in found.numbers
    assert found.numbers.endswith(", the nearest of 3")
    assert "far" not in found.numbers
    beaten = Better("f", "good", ["far", "near", "ahead"])(runs)
    assert beaten.verdict == "reversed"
    assert "against ahead" in beaten.numbers
    fewer = Better("f", "good", ["far", "near", "middle"], "mse")(runs)
    assert "against near" in fewer.numbers


def test_better_than_several_holds_only_against_each(three):
    assert Better("f", "good", ["bad", "same"])(three).verdict == "holds"
    assert Better("f", "same", ["bad", "good"])(three).verdict == "reversed"
    parts = [Better("f", "good", than)(three).p for than in ("bad", "same")]
    assert Better("f", "good", ["bad", "same"])(three).p == max(parts)


def test_a_run_of_the_degraded_input(three):
    assert Better("f", "bad", "input")(three).verdict == "holds"
    assert Better("f", "input", "bad")(three).verdict == "reversed"
    assert "against input 0.0316" in Better("f", "bad", "input", "mse")(three).numbers  # 15 dB
    assert Close("f", "bad", "input", within=1.0)(three).verdict == "reversed"


def test_a_missing_run_or_evaluation_or_other_images_leave_a_reason(three, tmp_path):
    found = Better("f", "good", "bda")(three)
    assert (found.verdict, found.seeds, found.p) == ("not judged", 0, None)
    assert "no finished run is called 'bda'. Did you mean 'bad'?" in found.numbers
    assert "not measured under 'rain'" in Better("f", "good", "bad", evaluations=["rain"])(three).numbers
    other = Runs([*records(three), write(tmp_path / "x", "odd", 0, {"noise": {}}, spec="t")])
    found = Better("f", "good", "odd")(other)
    assert found.verdict == "not judged"
    assert "cannot be compared under noise" in found.numbers


def test_unequal_numbers_of_steps_are_told(tmp_path):
    found = []
    for name, steps in (("a", 100), ("b", 200)):
        for seed in range(3):
            curve = {"step": [steps], "epoch": [0], "train/loss": [0.1]}
            values = psnr(25.0 + (name == "a"), seed)
            found.append(write(tmp_path, name, seed, {"noise": {"psnr": values}}, history=curve))
    assert "(unequal optimizer steps: a 100, b 200)" in Better("f", "a", "b")(Runs(found)).numbers


def test_factor(tmp_path):
    runs = study(tmp_path, {"ten": 15.0, "one": 25.0, "two": 22.0})  # 10 dB are a factor of 10, 3 dB one of 2
    assert Factor("f", "ten", "one", 10, tolerance=0.3)(runs).verdict == "holds"
    assert Factor("f", "ten", "one", 10)(runs).verdict == "undecided"
    found = Factor("f", "two", "one", 10, tolerance=0.3)(runs)
    assert found.verdict == "reversed"
    assert "larger but not by 10" in found.numbers
    assert "larger but" not in Factor("f", "one", "ten", 10)(runs).numbers
    assert Factor("f", "one", "missing", 10)(runs).verdict == "not judged"


def test_a_factor_of_parameters_needs_no_seeds(tmp_path):
    runs = Runs([
        write(tmp_path, "big", 0, {"noise": {}}, parameters=36386),
        write(tmp_path, "small", 0, {"noise": {}}, parameters=15760),
    ])  # fmt: skip
    found = Factor("f", "big", "small", 2, "parameters")(runs)
    assert (found.verdict, found.p) == ("holds", None)
    assert Factor("f", "big", "small", 3, "parameters")(runs).verdict == "reversed"


def test_close_has_to_be_shown(three):
    assert Close("f", "same", "bad", within=0.5)(three).verdict == "holds"
    assert Close("f", "good", "bad", within=0.5)(three).verdict == "reversed"
    assert Close("f", "same", "bad", within=0.01)(three).verdict == "undecided"
    assert Close("f", "same", "bad", within=0.1, metric="mse")(three).verdict == "holds"
    assert Close("f", "good", "bad", within=0.1, metric="mse")(three).verdict == "reversed"


def test_drop_is_much_here_and_little_elsewhere(tmp_path):
    found = []
    for name, loss in (("full", 0.0), ("light", 4.2), ("big", 1.0), ("big_light", 4.8)):
        for seed in range(3):
            columns = {
                "impulse": {"psnr": psnr(26, seed) - loss},
                "gaussian": {"psnr": psnr(27, seed) - loss / 10},
                "speckle": {"psnr": psnr(27, seed) - loss / 20},
            }
            found.append(write(tmp_path, name, seed, columns))
    runs = Runs(found)
    little = {"elsewhere": ["gaussian", "speckle"], "elsewhere_at_most": 1.0}
    assert Drop("f", "light", "full", "impulse", 3.5, **little)(runs).verdict == "holds"
    pairs = Drop("f", ["light", "big_light"], ["full", "big"], "impulse", 3.5, **little)(runs)
    assert pairs.verdict == "holds"
    assert "+4.00 dB" in pairs.numbers  # 4.2 and 3.8
    assert Drop("f", "light", "full", "impulse", 6.0, **little)(runs).verdict == "reversed"
    assert Drop("f", "light", "full", "impulse", 3.5, ["gaussian"], 0.2)(runs).verdict == "reversed"
    assert Drop("f", "light", "full", "gaussian", 0.42)(runs).verdict == "undecided"
    with pytest.raises(ConfigError, match="expected as many runs"):
        Drop("f", ["light", "big"], "full", "impulse", 1.0)


def test_reaches_a_printed_number(tmp_path):
    losses = (0.0869, 0.0871, 0.0873)
    runs = Runs([write(tmp_path, "conv", s, {"noise": {}}, metrics={"test/loss": v}) for s, v in enumerate(losses)])
    about = Reaches("f", "conv", 0.0871, 0.002, metric="loss")(runs)
    # Student's t with 2 degrees of freedom: 0.0871 +- 4.30 * 0.0002 / sqrt(3)
    assert about.verdict == "holds"
    assert about.numbers.startswith("conv 0.0871 [0.0866")
    assert Reaches("f", "conv", 0.0871, 0.0003, metric="loss")(runs).verdict == "undecided"
    assert Reaches("f", "conv", 0.2305, 0.03, metric="loss")(runs).verdict == "reversed"
    assert Reaches("f", "conv", 0.08, 0.0, "at_least", "loss")(runs).verdict == "holds"
    assert Reaches("f", "conv", 0.08, 0.0, "at_most", "loss")(runs).verdict == "reversed"
    with pytest.raises(ConfigError, match=r"direction='abuot'\. Did you mean 'about'"):
        Reaches("f", "conv", 0.08, 0.0, "abuot")


def test_faster(tmp_path):
    rates = {"mlp": (900, 950, 920), "cnn": (100, 110, 105), "like": (101, 108, 106)}
    runs = Runs([
        write(tmp_path, name, seed, {"noise": {}}, images_per_second=rate, seconds=1e5 / rate)
        for name, found in rates.items() for seed, rate in enumerate(found)
    ])  # fmt: skip
    assert Faster("f", "mlp", ["cnn", "like"])(runs).verdict == "holds"
    assert Faster("f", "mlp", "cnn", "seconds")(runs).verdict == "holds"
    assert Faster("f", "cnn", "mlp", "seconds")(runs).verdict == "reversed"
    assert Faster("f", "cnn", "like")(runs).verdict == "undecided"
    assert Faster("f", "cnn", "like", threshold=0.5)(runs).verdict == "tie"
    assert Faster("f", "cnn", "like", "inference_seconds")(runs).verdict == "tie"  # 3 s each
    with pytest.raises(ConfigError, match=r"key='second'\. Did you mean 'seconds'"):
        Faster("f", "mlp", "cnn", "second")


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [((5, 7, 9), "holds"), ((0, 0, 0), "reversed"), ((0, 5, 7), "undecided"), ((5, 7), "underpowered")],
)
def test_dead_pixels(tmp_path, counts, verdict):
    runs = Runs([write(tmp_path, "mlp", s, {"noise": {}}, entry={"dead_pixels": n}) for s, n in enumerate(counts)])
    found = DeadPixels("f", "mlp", at_least=1)(runs)
    assert (found.verdict, found.p) == (verdict, None)
    assert ", ".join(map(str, counts)) in found.numbers
    assert (DeadPixels("f", "mlp", at_most=0)(runs).verdict == "holds") == (verdict == "reversed")


def test_dead_pixels_as_a_share_of_the_image(tmp_path):
    records = [write(tmp_path, "net", s, {"noise": {}}, entry={"dead_pixels": 12}) for s in range(3)]
    for record in records:
        record.folder.images.mkdir(exist_ok=True)
        np.save(record.folder.images / "noise_dead.npy", np.arange(16).reshape(1, 4, 4) < 12)
    assert DeadPixels("f", "net", share=0.7)(Runs(records)).verdict == "holds"
    judged = DeadPixels("f", "net", share=0.8)(Runs(records))
    assert judged.verdict == "reversed"
    assert "12 (75%)" in judged.numbers


def test_dead_pixels_that_were_not_counted(tmp_path):
    runs = Runs([write(tmp_path, "mlp", 0, {"noise": {}}, entry={"dead_pixels": None})])
    assert "were not counted" in DeadPixels("f", "mlp", at_least=1)(runs).numbers


def test_images_that_come_in_few_groups_decide_less(tmp_path):
    means = {"good": 25.3, "bad": 25.0}
    many = Better("f", "good", "bad")(study(tmp_path / "many", means, of=groups(120, 1)))
    few = Better("f", "good", "bad")(study(tmp_path / "few", means, of=groups(2, 60)))
    assert many.verdict == "holds"
    assert few.p > many.p
