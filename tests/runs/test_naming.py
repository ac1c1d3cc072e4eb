"""Names made of what differs."""

import pytest

import folders
from restorelab.errors import ConfigError
from restorelab.runs import naming


def names(*settings: dict) -> list[str]:
    return list(naming.names({str(i): config for i, config in enumerate(settings)}).values())


def test_groups_come_first_and_by_value_then_keys() -> None:
    found = names(*(folders.config(model, noise, optimizer__lr=lr) for model in ("ae", "dual_ae")
                    for noise in ("gaussian", "impulse") for lr in (0.001, 0.01)))  # fmt: skip
    assert found[0] == "ae-gaussian lr=0.001"
    assert found[-1] == "dual_ae-impulse lr=0.01"
    assert len(set(found)) == 8


def test_what_an_option_brings_along_is_not_named() -> None:
    # The targets of the models differ too, and the noises' strengths.
    assert names(folders.config("ae"), folders.config("dual_ae", "impulse")) == ["ae", "dual_ae"]


def test_a_key_that_varies_under_one_option_only_is_named_there_only() -> None:
    found = names(folders.config("ae"), folders.config("ae", model__width=16), folders.config("dual_ae"))
    assert found == ["ae width=8", "ae width=16", "dual_ae"]


def test_keys_with_equal_ends_are_told_apart() -> None:
    configs = [folders.config(), folders.config(optimizer__width=4), folders.config(optimizer__width=4, model__width=4)]
    assert names(*configs) == ["model.width=8 optimizer.width=\N{EN DASH}", "model.width=8 optimizer.width=4",
                               "model.width=4"]  # fmt: skip


def test_an_option_that_says_nothing_alone_bears_its_group() -> None:
    clean = folders.config(noise="none")
    assert names(folders.config(), clean) == ["gaussian", "noise=none"]


def test_the_names_of_a_sweep_stand() -> None:
    found = names(folders.config("ae", name="faces/plain"), folders.config("dual_ae", name="faces/skips"))
    assert found == ["plain", "skips"]


def test_one_name_for_several_configs_gets_what_differs() -> None:
    found = names(
        folders.config(name="faces/plain"), folders.config(name="faces/plain", optimizer__lr=0.1),
        folders.config("dual_ae", name="faces/skips"),
    )  # fmt: skip
    assert found == ["plain lr=0.001", "plain lr=0.1", "skips"]


def test_names_are_unique_whatever_the_configs() -> None:
    found = names(folders.config(name="a/x"), folders.config(name="b/x", seed=1), {"name": "x"}, {"name": "x", "k": 1})
    assert len(set(found)) == 4


def test_one_config_keeps_its_name() -> None:
    assert names(folders.config()) == ["ae-photos-gaussian"]


def test_what_is_not_scientific_never_shows() -> None:
    keys = naming.flat(folders.config())
    assert not {"name", "run_dir", "threads", "seed", "data.root", "logger"} & set(keys)
    assert keys["model"] == "ae"
    assert keys["optimizer.lr"] == 0.001


def test_a_run_is_chosen_by_its_name_or_how_it_begins() -> None:
    allowed = ["ae lr=0.1", "dual_ae", "dual_ae_skip"]
    assert naming.chosen("ae", allowed, "baseline") == "ae lr=0.1"
    assert naming.chosen("dual_ae", allowed, "baseline") == "dual_ae"
    with pytest.raises(ConfigError, match=r"baseline=dual: .*Did you mean 'dual_ae'"):
        naming.chosen("dual", allowed, "baseline")


def test_what_those_before_it_explain_is_no_difference() -> None:
    configs = {i: naming.flat(folders.config(model, optimizer__lr=lr))
               for i, (model, lr) in enumerate([("ae", 0.1), ("ae", 0.01), ("dual_ae", 0.1)])}  # fmt: skip
    assert naming.differing(configs) == ["model", "optimizer.lr"]  # and not model._target_, which goes with model
