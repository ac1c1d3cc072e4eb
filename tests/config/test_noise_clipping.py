"""protocol=literature: noise is not clipped, in training and evaluation, unless somebody says so."""

from typing import Any

import runs
from restorelab.config import build


def clips(settings: dict[str, Any]) -> dict[str, bool]:
    """The `clip` of every noise of a run, by where it is."""
    noise = settings["noise"]
    members = noise.get("noises", {"": noise})
    return {f"noise {name}": node["clip"] for name, node in members.items() if "clip" in node} | {
        name: entry["noise"]["clip"] for name, entry in settings["evaluation"].items() if "clip" in entry["noise"]
    }


def test_noise_is_not_clipped_and_the_output_is_rounded() -> None:
    settings = runs.composed(["noise=gaussian", "noise.sigma=25", "protocol=literature"])
    assert clips(settings) == {"noise ": False, "gaussian_25_unclipped": False}
    protocol = build.make("protocol", settings["protocol"])
    assert (protocol.quantize, protocol.border, protocol.clip_input) == (True, 0, False)
    assert "clip_noise" not in settings["protocol"]


def test_named_evaluations_and_the_members_of_a_mixture_follow() -> None:
    named = runs.composed(["noise=gaussian", "evaluation=[gaussian_15,gaussian_50]", "protocol=literature"])
    assert list(named["evaluation"]) == ["gaussian_15_unclipped", "gaussian_50_unclipped"]
    each = runs.composed(["noise=each", "protocol=literature"])
    assert set(clips(each).values()) == {False}


def test_what_is_said_counts() -> None:
    settings = runs.composed(["noise=gaussian", "noise.sigma=25", "noise.clip=true", "protocol=literature"])
    assert settings["noise"]["clip"] is True


def test_a_degradation_without_that_option_is_left() -> None:
    plain, by_literature = (runs.composed(["noise=none", f"protocol={name}"]) for name in ("default", "literature"))
    assert by_literature["noise"] == plain["noise"]
    assert by_literature["evaluation"] == plain["evaluation"]
