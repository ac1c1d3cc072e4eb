"""What is searched, from overrides in Hydra's grammar."""

import dataclasses
import logging
import sys
import warnings

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from restorelab.config import composition
from restorelab.config.conf_files import options
from restorelab.errors import ConfigError
from restorelab.runs import metric
from restorelab.sweep.grid import expand
from restorelab.sweep.keys import defaults
from restorelab.sweep.search import Search, space, target
from restorelab.sweep.search.dimension import Choices, Numbers


def one(override):
    return next(iter(space.read([override]).ranges.values()))


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("a=interval(0.1,0.9)", Numbers(0.1, 0.9)),
        ("a=interval(1,8)", Numbers(1, 8, whole=True)),
        ("a=interval(start=1, end=8)", Numbers(1, 8, whole=True)),
        ("a=interval(1,8.0)", Numbers(1.0, 8.0)),
        ("a=float(interval(1,8))", Numbers(1.0, 8.0)),
        ("a=tag(float,interval(1,8))", Numbers(1.0, 8.0)),
        ("a=int(interval(1.0,8.0))", Numbers(1, 8, whole=True)),
        ("a=tag(int,interval(1.0,8.0))", Numbers(1, 8, whole=True)),
        ("a=tag(log,interval(1.0,8.0))", Numbers(1.0, 8.0, log=True)),
        ("a=tag(int,log,interval(16,64))", Numbers(16, 64, log=True, whole=True)),
        ("a=interval(3e-5,3e-3)", Numbers(3e-5, 3e-3, log=True)),
        ("a=interval(3e-5,2.9e-3)", Numbers(3e-5, 2.9e-3)),
        ("a=interval(0.0,100.0)", Numbers(0.0, 100.0)),
        ("a=interval(1,100)", Numbers(1, 100, log=True, whole=True)),
        ("a=tag(linear,interval(3e-5,3e-3))", Numbers(3e-5, 3e-3)),
        ("a=range(16,64,16)", Numbers(16, 48, whole=True, values=(16, 32, 48))),
        ("a=range(3,0,-1)", Numbers(1, 3, whole=True, values=(1, 2, 3))),
        ("a=shuffle(range(4))", Numbers(0, 3, whole=True, values=(0, 1, 2, 3))),
        ("a=range(0.1,0.5,0.1)", Numbers(0.1, 0.4, values=(0.1, 0.2, 0.30000000000000004, 0.4))),
        ("a=c,a,b", Choices(("c", "a", "b"), ("c", "a", "b"))),
        ("a=choice(1e-3,1e-05)", Choices(("0.001", "1e-05"), (0.001, 1e-05))),
        ("a=x,y,x", Choices(("x", "y"), ("x", "y"))),
        ("a=shuffle(h,g,f,e,d,c,b,a)", Choices(tuple("hgfedcba"), tuple("hgfedcba"))),
        ("a=sort(c,a,b)", Choices(("a", "b", "c"), ("a", "b", "c"))),
    ],
)
def test_ranges(override, wanted):
    found = one(override)
    assert found == wanted
    assert [type(v) for v in vars(found).values()] == [type(v) for v in vars(wanted).values()]


def test_glob_takes_the_options_of_a_group():
    wanted = [name for name in options("model") if name.startswith("dual_ae")]
    assert len(wanted) > 1
    assert one("model=glob(dual_ae*)") == Choices(tuple(wanted), tuple(wanted))


def test_what_was_decided_is_said(caplog):
    caplog.set_level(logging.INFO)
    space.read(["optimizer.lr=interval(1e-4,1e-2)", "model.depth=interval(2,5)", "x=tag(linear,interval(0.1,10.0))"])
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "optimizer.lr" in said[0]
    assert "100 times" in said[0]
    assert "model.depth" in said[1]
    assert "whole" in said[1]


def test_one_value_is_fixed_and_the_order_stays():
    searched = space.read(["model=choice(ae)", "+x=1,2", "optimizer.lr=interval(0.1,0.2)", "data.batch_size=8", "~y"])
    assert list(searched.ranges) == ["x", "optimizer.lr"]
    assert searched.overrides({"x": "2", "optimizer.lr": 0.1}) == [
        "model=ae", "+x=2", "optimizer.lr=0.1", "data.batch_size=8", "~y",
    ]  # fmt: skip
    assert searched.swept({"x": "2", "optimizer.lr": 0.1}) == {"x": 2, "optimizer.lr": 0.1}


def test_of_one_key_said_twice_the_last_counts():
    assert list(space.read(["a=1,2", "b=1,2", "a=3"]).ranges) == ["b"]
    assert space.read(["a=1,2", "b=1,2", "a=3"]).overrides({"b": "1"}) == ["a=3", "b=1"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=ae", "optimizer.lr=0.1"], "nothing to search"),
        ([], "nothing to search"),
        (["a=interval(0.2,0.1)"], "lower end comes first"),
        (["a=interval(0.2,0.2)"], "lower end comes first"),
        (["a=interval(1)"], "interval(1)"),
        (["a=tag(lgo,interval(0.1,0.2))"], "'log'"),
        (["a=tag(log,linear,interval(0.1,0.2))"], "exclude each other"),
        (["a=tag(log,interval(0.0,0.2))"], "above 0"),
        (["a=tag(int,interval(0.5,3))"], "whole ends"),
        (["model=glob(dual_aee*)"], "nothing matches"),
        (["seed=range(3)"], "luckiest"),
        (["threads=1,2"], "nothing to search"),
        (["data.root=a,b"], "nothing to search"),
    ],
)
def test_errors(overrides, words):
    with pytest.raises(ConfigError, match="(?s)" + words.replace("(", r"\(").replace(")", r"\)")):
        space.read(overrides)


def settings(**changes):
    return dataclasses.replace(defaults(), **{"search": "tpe", "trials": 5, **changes})


LR = ["optimizer.lr=interval(1e-4,1e-2)"]


@pytest.mark.parametrize(
    ("changes", "overrides", "words"),
    [
        ({"metric": "test/psnr"}, LR, "test images"),
        ({"metric": "val/pnsr"}, LR, "'val/psnr'"),
        ({"metric": "train/loss"}, LR, "no validation measures"),
        ({"metric": "val/seconds"}, LR, "no validation measures"),
        ({"metric": "val/loss"}, ["loss=mse,l1"], "cannot be compared"),
        ({"metric": "val/loss"}, ["loss.weight=interval(0.1,1)"], "cannot be compared"),
        ({"trials": None}, LR, "trials=null"),
        ({"trials": 0}, LR, "trials=0"),
        ({"search": "grid"}, LR, "Give the values"),
        ({"search": "cma"}, [*LR, "model=ae,dual_ae"], "model.*numbers only"),
    ],
)
def test_what_cannot_be_asked_writes_nothing(tmp_path, changes, overrides, words):
    with pytest.raises(ConfigError, match=words):
        Search(tmp_path / "sweep", settings(**changes), overrides)
    assert not (tmp_path / "sweep").exists()


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ConfigError, match=r"cmaes: pip install 'restorelab\[search\]'"):
        Search(tmp_path, settings(search="cma"), LR)
    Search(tmp_path, settings(search="tpe"), LR)


@pytest.mark.parametrize(
    ("name", "higher"),
    [(None, True), ("val/psnr/impulse_30", True), ("val/loss", False), ("val/mse", False), ("val/accuracy", True)],
)
def test_direction(name, higher):
    assert target.checked(name)[1].higher is higher


@pytest.mark.parametrize(
    ("target_of", "higher"), [("SpectralAngleMapper", False), ("SpatialCorrelationCoefficient", True)]
)
def test_a_metric_that_the_command_adds_can_be_searched_by(target_of, higher, monkeypatch):
    """torchmetrics says which way it is better."""
    known = {name: entry for name, entry in metric.METRICS.items() if name != "mine"}  # another test may know one
    monkeypatch.setattr(metric, "METRICS", known)
    monkeypatch.setattr(target, "METRICS", known)
    monkeypatch.setattr(metric, "LOWER", set(metric.LOWER))
    asked = [f"+metrics.mine={{_target_: torchmetrics.image.{target_of}}}", "optimizer.lr=interval(1e-4,1e-2)"]
    assert target.checked("val/mine/impulse_30", asked)[1].higher is higher
    with pytest.raises(ConfigError, match="Did you mean 'val/mine'"):
        target.checked("val/mien", asked)


def test_overrides_come_back_exactly(tmp_path):
    """The oracle is Hydra's own parser: what it reads from a trial's overrides are the trial's plain values."""
    asked = [
        "a=interval(1e-12,3.3)", "b=tag(int,log,interval(1,999))", "c='x y','z,w',plain,\"it's\"", "d=null,1,1.0,true",
        "e=[1,2],[3],{k:[a,0.5]}", "f=range(-0.3,0.5,0.1)", "g=tag(linear,interval(-1e10,1e10))", "h='1',1",
    ]  # fmt: skip
    search = Search(tmp_path, settings(search="random", trials=60), asked)
    trials = [search.ask() for _ in range(60)]
    for trial in trials:
        read = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(trial.overrides)}
        assert read == trial.swept
        assert {k: type(v) for k, v in read.items()} == {k: type(v) for k, v in trial.swept.items()}
    seen = {key: {repr(trial.swept[key]) for trial in trials} for key in "cdefh"}
    assert {key: len(values) for key, values in seen.items()} == {"c": 4, "d": 4, "e": 3, "f": 8, "h": 2}
    assert seen["f"] == {repr(point.swept["f"]) for point in expand(["f=range(-0.3,0.5,0.1)"])}


@pytest.mark.parametrize("search", ["random", "tpe", "grid"])
def test_every_value_of_a_range_is_tried(tmp_path, search):
    """Hydra's sums of 1e-4 are off by a rounding, by which Optuna would leave out the last value, and warn."""
    wanted = [one.swept["a"] for one in expand(["a=range(1e-4,1e-3,1e-4)"])]
    searched = Search(tmp_path, settings(search=search, trials=200), ["a=range(1e-4,1e-3,1e-4)"])
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while trial := searched.ask():
            found.append(trial.swept["a"])
            searched.tell(trial.number, "done", 1.0)
    assert sorted(found) == wanted


def test_a_trial_composes(tmp_path):
    search = Search(tmp_path, settings(), ["model=ae,dual_ae", "optimizer.lr=interval(1e-4,1e-2)", "data=photos"])
    trial = search.ask()
    composed = composition.compose(trial.overrides)
    assert composed["optimizer"]["lr"] == trial.swept["optimizer.lr"]
    assert composed["choices"]["model"] == trial.swept["model"]
