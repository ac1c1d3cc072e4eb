"""All claims of a study together: Holm's correction, what is printed, and what a YAML may say."""

import json

import pytest

from restorelab import build, config
from restorelab.errors import ConfigError
from restorelab.study import claims
from restorelab.study.claims import AtStep, Better, Close, DeadPixels, Factor, Judged, judge
from restorelab.study.statistics import holm
from study.synthetic import study


@pytest.fixture
def three(tmp_path):
    """`good` is 1 dB above `bad`, `same` is level with `bad`; three seeds each."""
    return study(tmp_path, {"good": 26.0, "bad": 25.0, "same": 25.001})


def test_a_study_is_corrected_as_a_family(three, tmp_path):
    alone = [Better("f", "good", "bad"), Better("g", "good", "same"), Close("h", "same", "bad", within=0.01)]
    missing = Better("i", "good", "nobody")
    few = study(tmp_path / "few", {"good": 26.0, "bad": 25.0}, seeds=2)
    judged = judge([*alone, missing, lambda _: Better("j", "good", "bad")(few)], three)
    p = [claim(three).p for claim in alone]
    assert [one.corrected for one in judged[:3]] == pytest.approx(holm(p))
    assert [one.verdict for one in judged] == ["holds", "holds", "tie", "underpowered", "underpowered"]
    assert judged[4].p is not None  # but it is none of the family
    assert [one.corrected for one in judged[3:]] == [None, None]


def test_holm_makes_a_tie_of_what_alone_would_be_decided(three):
    def fixed(p):
        return lambda runs: Judged("f", "t", "holds" if p < 0.05 else "tie", "n", 3, p)

    assert judge([fixed(0.03)], three)[0].verdict == "holds"
    judged = judge([fixed(0.03), fixed(0.5)], three)
    assert judged[0].verdict == "tie"
    assert judged[0].corrected == pytest.approx(0.06)
    assert "alone it would be called 'holds', among 2 claims p is 0.06" in judged[0].numbers


def test_rows_and_markdown(three):
    judged = judge([Better("a | b", "good", "bad"), Better("f", "good", "nobody")], three)
    rows = json.loads(json.dumps(claims.rows(judged)))
    assert [row["verdict"] for row in rows] == ["holds", "underpowered"]
    assert rows[0]["p_holm"] == judged[0].corrected
    lines = claims.markdown(judged).splitlines()
    assert len(lines) == 4
    assert "a \\| b" in lines[2]
    assert "**holds**" in lines[2]
    assert set(claims.MEANING) == {"holds", "tie", "reversed", "underpowered"}


NODES = [
    {"_target_": "Better", "better": "a", "than": ["b", "c"], "metric": "ssim", "evaluations": ["x"], "each": True},
    {"_target_": "Factor", "larger": "a", "smaller": "b", "factor": 10},
    {"_target_": "Close", "one": "a", "other": "b", "within": 0.1, "metric": "mse"},
    {"_target_": "Drop", "of": ["a"], "to": ["b"], "evaluation": "x", "at_least": 4},
    {"_target_": "Reaches", "run": "a", "value": 1, "tolerance": 0.1, "direction": "at_least"},
    {"_target_": "Faster", "faster": "a", "slower": "b", "key": "seconds"},
    {"_target_": "Sooner", "sooner": "a", "later": "b", "column": "val/loss/x"},
    {"_target_": "AtStep", "higher": "a", "lower": "b", "column": "val/accuracy", "step": 20},
    {"_target_": "Change", "run": "a", "column": "train/loss", "high": 0.5},
    {"_target_": "DeadPixels", "run": "a", "at_least": 1},
]


@pytest.mark.parametrize("node", NODES, ids=lambda node: node["_target_"])
def test_from_a_studys_yaml(node, three):
    node = node | {"_target_": f"restorelab.study.claims.{node['_target_']}", "finding": "f"}
    config.check_node("claims.c", node)
    claim = build.make("claims.c", node)
    found = claim(three)  # none of its runs is there
    assert found.verdict == "underpowered"
    assert "no finished run is called" in found.numbers
    assert found.test == claim.test
    assert claim.test.endswith(".")
    with pytest.raises(ConfigError, match="unknown key"):
        config.check_node("claims.c", node | {"betterr": 1})


def test_every_claim_is_among_the_nodes():
    kinds = {name for name in claims.__all__ if name[0].isupper()} - {"Judged", "MEANING"}
    assert kinds == {node["_target_"] for node in NODES}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Better("f", "a", "b", "psrn"), "metric='psrn'. Did you mean 'psnr'"),
        (lambda: Better("f", "a", []), "than=.*a name, or a list of names"),
        (lambda: Factor("f", "a", "b", 10, "psnr"), "'psnr' has no ratio"),
        (lambda: Factor("f", "a", "b", 0.5), "factor=0.5"),
        (lambda: Close("f", "a", "b", within=0), "within=0"),
        (lambda: AtStep("f", "a", "b", "val/los"), "column='los'. Did you mean 'loss'"),
        (lambda: DeadPixels("f", "a"), "one of them is needed"),
    ],
)
def test_what_a_yaml_may_get_wrong(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
