"""From overrides with several values to single ones: the oracle is Hydra's own sweeper."""

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from restorelab.config.schema import conf_dir
from restorelab.errors import ConfigError
from restorelab.sweep import grid


def by_hydra(overrides: list[str]) -> list[list[str]]:
    """What `train.py -m` would run, in its order."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        parser = OverridesParser.create(config_loader=hydra.config_loader)
        return BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)[0]


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=ae,dual_ae", "noise=gaussian,impulse", "seed=range(3)"],
        ["model=glob(dual_*)", "seed=0"],
        ["model=glob([dual_*,ae*],exclude=*_sep)", "noise=impulse"],
        ["noise=glob(*,exclude=none)", "optimizer.lr=choice(1e-3,1e-4)"],
        ["seed=range(1,10,3)", "optimizer.lr=range(0.1,0.4,0.1)"],
        ["optimizer.lr=sort(3,1,2,reverse=true)", "model=sort(dual_ae,ae)"],
        ["data.size=[32,32],[64,64]", "+model.width=3,5", "++data.crop=null,16"],
        ["~callbacks.panels", "scheduler=cosine,constant", "name='a,b'"],
        ["model=ae,dual_ae", "seed=0,1", "model=dncnn,red_net"],
        ["model=ae,dual_ae", "seed=0,1", "model=dncnn"],
        ["model=ae", "seed=0,1", "model=dncnn,red_net"],
        ["noise.sigma=10,[25,75],null", "data={a: 1},{b: 2}", 'name="x,y",z'],
        ["seed=tag(a,choice(1,2))", "model=ae"],
        ["model=ae"],
    ],
)
def test_the_same_combinations_in_the_same_order_as_hydras_sweeper(overrides: list[str]) -> None:
    combinations = grid.expand(overrides)
    assert [one.overrides for one in combinations] == by_hydra(overrides)
    for one in combinations:  # and `swept` says what the overrides say
        said = {line.partition("=")[0].lstrip("+~"): line for line in one.overrides}
        for key, value in one.swept.items():
            (read,) = grid.parse([said[key]])
            assert read.value() == value


def test_a_shuffled_sweep_has_the_same_runs() -> None:
    plain = grid.expand(["optimizer.lr=range(1,30)", "model=ae,dncnn"])
    mixed = grid.expand(["optimizer.lr=shuffle(range(1,30))", "model=ae,dncnn"])
    assert [one.overrides for one in plain] != [one.overrides for one in mixed]
    assert sorted(one.overrides for one in plain) == sorted(one.overrides for one in mixed)
    for one in mixed:
        assert one.overrides[0] == f"optimizer.lr={one.swept['optimizer.lr']}"


def test_swept_values_keep_their_types_and_the_seed_is_none_of_them() -> None:
    (first, *_) = grid.expand(["seed=3,4", "data.size=[8,8],16", "+data.crop=null,2", "trainer.compile=true,false"])
    assert first.swept == {"data.size": [8, 8], "data.crop": None, "trainer.compile": True}
    assert first.overrides[0] == "seed=3"
    assert list(grid.dimensions(["seed=3,4", "model=ae", "optimizer.lr=interval(1,2)"])) == ["seed", "optimizer.lr"]
    assert list(grid.dimensions(["model=ae,dncnn", "model=ae"])) == []


def test_the_users_own_options_and_experiments_in_folders_are_matched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "dual_mine.yaml").write_text("_target_: torch.nn.Identity\n")
    assert "dual_mine" in [one.swept["model"] for one in grid.expand(["model=glob(dual_*)"])]
    reports = [one.swept["experiment"] for one in grid.expand(["experiment=glob(faces_dual_ae/*)"])]
    assert reports == sorted(f"faces_dual_ae/{f.stem}" for f in (conf_dir() / "experiment/faces_dual_ae").glob("*"))
    assert len(reports) > 3


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=ae", "seed=range(3,3)"], ["seed=range(3,3)", "empty"]),
        (["noise=glob(gausian*)"], ["noise=glob(gausian*)", "nothing matches", "'gaussian'"]),
        (["optimizer.lr=glob(*)"], ["optimizer.lr=glob(*)", "not a config group"]),
        (["optimizer.lr=interval(1e-4,1e-2)"], ["interval(1e-4,1e-2)", "search=tpe"]),
        (["model=ae,"], ["model=ae,", "key=value"]),
        (["run_dir=here", "seed=0,1"], ["run_dir=here", "sweep_dir"]),
        (["runs_dir=a,b"], ["runs_dir=a,b", "one value"]),
        (["hydra.verbose=true,false"], ["hydra.verbose", "one value"]),
    ],
)
def test_what_gives_no_runs_is_named(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        grid.expand(overrides)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "labels"),
    [
        (["model=ae,dual_ae", "noise=gaussian"], ["ae", "dual_ae"]),
        (["model=ae,dncnn", "noise=impulse,poisson"], ["ae-impulse", "ae-poisson", "dncnn-impulse", "dncnn-poisson"]),
        (["seed=range(2)", "optimizer.lr=1e-3,1e-5"], ["lr_0.001", "lr_1e-05"] * 2),
        (["optimizer.lr=1,2", "loss.lr=3,4"], [f"optimizer.lr_{a}-loss.lr_{b}" for a in (1, 2) for b in (3, 4)]),
        (["data.size=[8,16],null", "+model.skip=true,false"],
         [f"size_{a}-skip_{b}" for a in ("8x16", "null") for b in ("true", "false")]),
        (["experiment=faces_dual_ae/ae,mnist_ae/mlp"], ["faces_dual_ae-ae", "mnist_ae-mlp"]),
        (["data.root=/a/b,'/c d/é'"], ["root_a-b", "root_c-d"]),
        (["data.root=/sets/setA/HR,/sets/setB/HR"], ["root_setA-HR", "root_setB-HR"]),
        (["model=ae", "seed=0,1"], ["", ""]),
    ],
)  # fmt: skip
def test_labels_are_readable(overrides: list[str], labels: list[str]) -> None:
    assert [one.label for one in grid.expand(overrides)] == labels


def test_labels_are_safe_short_and_tell_all_values_apart() -> None:
    values = [f"'{'/very long ' * 12}{end}'" for end in ("a", "b", "..", "$(x)", "")] + ["'a b'", "'a?b'", "a/b", "ab"]
    combinations = grid.expand([f"data.root={','.join(values)}", f"ckpt={','.join(values)}", "seed=0,1"])
    names = [one.label for one in combinations]
    assert len(set(names)) == len(values) ** 2
    assert [names[i] == names[i + 1] for i in range(0, len(names), 2)] == [True] * len(values) ** 2  # the two seeds
    for name in names:
        assert 0 < len(name) <= 80
        assert Path(name).name == name
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.=+-")
        assert not name.startswith(("-", "."))
