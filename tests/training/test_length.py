"""length=short: an experiment's own short variant, under what the user says."""

from pathlib import Path

import pytest

import runs
from restorelab.config.schema import conf_dir
from restorelab.errors import ConfigError

EXPERIMENTS = sorted(p.relative_to(conf_dir() / "experiment").with_suffix("").as_posix()
                     for p in (conf_dir() / "experiment").rglob("*.yaml"))  # fmt: skip


def test_full_changes_nothing_and_short_does():
    full = runs.composed(["experiment=mnist_ae/conv"])
    short = runs.composed(["experiment=mnist_ae/conv", "length=short"])
    assert full["max_steps"] is None
    assert short["max_steps"] == 2000
    assert short["name"] == full["name"] + "-short"


def test_what_the_user_says_wins():
    said = ["experiment=mnist_ae/conv", "length=short", "max_steps=7"]
    assert runs.composed(said)["max_steps"] == 7


def test_without_a_short_variant_it_says_so():
    with pytest.raises(ConfigError, match="has no short variant"):
        runs.composed(["length=short"])
    with pytest.raises(ConfigError, match=r"length=shrt.*short"):
        runs.composed(["length=shrt"])


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_states_its_short_variant_source_and_number(experiment: str):
    settings = runs.composed([f"experiment={experiment}", "length=short", "data.root=/nowhere"])
    assert settings["max_steps"]
    text = Path(conf_dir() / "experiment" / f"{experiment}.yaml").read_text()
    assert f"experiment={experiment}" in text
    assert "length=short" in text
    if not experiment.endswith("_impulse"):  # a specialist, which no report has
        assert "number" in text, "the number to reach, or that none is printed"
