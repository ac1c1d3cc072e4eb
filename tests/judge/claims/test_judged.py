"""All claims of a study together: Holm's correction, what is printed, and what a YAML may say."""

from dataclasses import dataclass
from typing import get_args

import pytest

from restorelab.config import build, schema, trust
from restorelab.errors import ConfigError
from restorelab.judge import claims
from restorelab.judge.bootstrap import holm
from restorelab.judge.claims import AtStep, Better, Close, DeadPixels, Factor, Faster, Reaches, judge
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart
from restorelab.judge.claims.judged import Verdict
from restorelab.judge.verdict_rule import MEANING
from restorelab.runs.hardware import Machine, of_report
from restorelab.runs.record import Runs
from synthetic import study, write


@pytest.fixture
def three(tmp_path):
    """`good` is 1 dB above `bad`, `same` is level with `bad`; three seeds each."""
    return study(tmp_path, {"good": 26.0, "bad": 25.0, "same": 25.001})


def test_a_study_is_corrected_as_a_family(three, tmp_path):
    alone = [Better("f", "good", "bad"), Better("g", "good", "same"), Close("h", "same", "bad", within=0.01)]
    missing = Better("i", "good", "nobody")
    few = Runs([
        *(record for found in three.values() for record in found),
        *(record for found in study(tmp_path / "few", {"lone": 26.0}, seeds=2).values() for record in found),
    ])  # fmt: skip
    judged = judge([*alone, missing, Better("j", "lone", "bad")], few)
    p = [claim(three).p for claim in alone]
    assert [one.corrected for one in judged[:3]] == pytest.approx(holm(p))
    assert [one.verdict for one in judged] == ["holds", "holds", "undecided", "not judged", "underpowered"]
    assert judged[4].p is None  # it needs three seeds, and is none of the family
    assert [one.corrected for one in judged[3:]] == [None, None]


@dataclass(frozen=True)
class Fixed(Claim):
    """A claim whose p is given."""

    p: float = 0.5

    @property
    def test(self):
        return "t."

    @property
    def about(self):
        return []

    def parts(self, runs, resamples):
        return [FindingPart("holds" if self.p < 0.05 else "undecided", self.p, "n", 3, powered=True)]


def test_what_holm_leaves_undecided_says_what_it_would_be_alone(three):
    assert judge([Fixed("f", 0.03)], three)[0].verdict == "holds"
    judged = judge([Fixed("f", 0.03), Fixed("f", 0.5)], three)
    assert judged[0].verdict == "undecided"
    assert judged[0].corrected == pytest.approx(0.06)
    assert "alone it would be called 'holds', after Holm's correction p is 0.06" in judged[0].numbers


def test_a_claim_of_many_parts_among_many_claims_can_be_reversed(tmp_path):
    """Of 2,000 draws p is never below 0.001: 8 rivals and 10 claims would make 0.08 of it, whatever the difference."""
    runs = study(tmp_path, {"first": 26.0, "last": 20.0, **{f"r{n}": 24.0 for n in range(7)}})
    claims = [Better(str(n), "last", ["first", *(f"r{n}" for n in range(7))]) for n in range(10)]
    judged = judge(claims, runs)
    assert {one.verdict for one in judged} == {"reversed"}
    assert all("12,800 resamples" in one.test for one in judged)  # 8 * 8 parts * 10 claims / 0.05


def test_a_stand_in_has_its_relations_judged_and_no_number_of_the_reports(three):
    claims = [
        Reaches("a", "bad", 25.0, 2.0), Reaches("b", "bad", 10.0, 0.0, "at_least", absolute=False),
        Better("c", "good", "bad"), Better("d", "good", "bad", absolute=True),
    ]  # fmt: skip
    assert [one.verdict for one in judge(claims, three)] == ["holds"] * 4
    records = [record for found in three.values() for record in found]
    judged = judge(claims, Runs(records, stand_in=["Data: the report used svhn, these runs mnist."]))
    assert [one.verdict for one in judged] == ["not judged", "holds", "holds", "not judged"]
    assert judged[0].numbers.startswith("bad 25.0")
    assert "; not judged: a number of the report's own data" in judged[0].numbers
    one = [record for record in records if record.seed == 0]
    (few,) = judge(claims[:1], Runs(one, stand_in=["Data: others."]))
    assert (few.verdict, "would" in few.numbers, few.p) == ("not judged", False, None)  # not what it would be
    assert judged[0].numbers.endswith("stand in for them (Data: the report used svhn, these runs mnist)")
    assert (judged[0].p, judged[0].corrected) == (None, None)


GPU = Machine("gpu", "NVIDIA GTX 960")


@pytest.mark.parametrize(
    ("device", "machine", "verdict", "said"),
    [
        ("NVIDIA H100", GPU, "holds", "; on NVIDIA H100"),
        ("x86_64 CPU, 2 threads", None, "holds", "; on x86_64 CPU, 2 threads"),
        ("x86_64 CPU, 2 threads", GPU, "not judged", "not judged: other hardware (the report's: NVIDIA GTX 960)"),
        (None, GPU, "not judged", "not recorded on which hardware"),
        ("two", GPU, "not judged", "not all done on one machine"),
    ],
)
def test_times_are_judged_on_the_reports_kind_of_machine_only(tmp_path, device, machine, verdict, said):
    records = []
    for name, rate in (("quick", 900), ("slow", 100)):
        for seed in range(3):
            own = {"host": f"h{seed}", "device": "NVIDIA H100"} if device == "two" else {"host": "h", "device": device}
            records.append(write(tmp_path, name, seed, {"noise": {}}, images_per_second=rate + seed, **own))
    claims = [Faster("f", "quick", "slow"), Factor("f", "quick", "slow", 2, "images_per_second"),
              Better("f", "quick", "slow", "images_per_second")]  # fmt: skip
    for one in judge(claims, Runs(records), machine):
        assert one.verdict == verdict
        assert said in one.numbers
        assert "quick 901 images/s" in one.numbers  # the numbers are told in any case


@pytest.mark.parametrize(
    ("given", "words"), [("a GPU", "expected {kind: gpu or cpu"), ({"kind": "gpus", "name": "x"}, "Did you mean 'gpu'")]
)
def test_the_hardware_of_a_report_is_checked(given, words):
    with pytest.raises(ConfigError, match=words):
        of_report({"hardware": given})
    assert of_report({"hardware": {"kind": "gpu", "name": "NVIDIA GTX 960"}}) == GPU
    assert of_report({"name": "n"}) is None


def test_what_is_absent_says_why(three):
    records = [record for found in three.values() for record in found]
    runs = Runs(records, {"lost": "it failed: the loss is not finite", "far": "it was left out"})
    said = [one.numbers for one in judge([Better("f", "good", "lost"), Better("f", "far", "good")], runs)]
    assert said == ["run lost: it failed: the loss is not finite.", "run far: it was left out."]


def test_markdown(three):
    judged = judge([Better("a | b", "good", "bad"), Better("f", "good", "nobody")], three)
    lines = claims.markdown(judged).splitlines()
    assert len(lines) == 4
    assert "a \\| b" in lines[2]
    assert "**holds**" in lines[2]
    assert set(get_args(Verdict)) <= set(MEANING)


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
    node = node | {"_target_": f"restorelab.judge.claims.{node['_target_']}", "finding": "f"}
    schema.check_node("claims.c", node)
    trust.note(node)  # as reading a study's file does
    claim = build.make("claims.c", node)
    found = claim(three)  # none of its runs is there
    assert found.verdict == "not judged"
    assert "no finished run is called" in found.numbers
    assert found.test == claim.test
    assert claim.test.endswith(".")
    with pytest.raises(ConfigError, match="unknown key"):
        schema.check_node("claims.c", node | {"betterr": 1})


def test_every_claim_is_among_the_nodes():
    kinds = {name for name in claims.__all__ if name[0].isupper()} - {"Judged", "MEANING"}
    assert kinds == {node["_target_"] for node in NODES}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Better("f", "a", "b", "psrn"), "metric='psrn'. Did you mean 'psnr'"),
        (lambda: Better("f", "a", []), "than=.*expected a name, or a list of names"),
        (lambda: Factor("f", "a", "b", 10, "psnr"), "'psnr' is not compared by ratio"),
        (lambda: Factor("f", "a", "b", 0.5), "factor=0.5"),
        (lambda: Close("f", "a", "b", within=0), "within=0"),
        (lambda: AtStep("f", "a", "b", "val/los"), "column='los'. Did you mean 'loss'"),
        (lambda: DeadPixels("f", "a"), "one of them is needed"),
    ],
)
def test_what_a_yaml_may_get_wrong(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
