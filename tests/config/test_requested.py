"""The keys that somebody asked for, on the command line or in an experiment's file."""

from restorelab.config.requested import Requested


def test_keys_and_groups_of_a_command_line() -> None:
    requested = Requested(["model=ae", "optimizer.lr=0.1", "+model.width=8", "~callbacks.panels", "noise=[a,b]"])
    assert requested.groups == {"model": "ae"}
    assert requested.keys == {"model", "optimizer.lr", "model.width", "callbacks.panels", "noise"}
    assert "optimizer.lr" in requested
    assert "model.depth" in requested  # a mapping that holds it was chosen
    assert "optimizer" not in requested
    assert sorted(requested.under("model")) == ["model", "model.width"]


def test_what_an_experiment_sets_and_what_the_command_line_says_over_it() -> None:
    experiment = {
        "defaults": [{"override /model": "dncnn"}, {"/evaluation@_global_.evaluation": "impulse_30"}, "_self_"],
        "optimizer": {"lr": 0.1, "betas": {}}, "seed": 3,
    }  # fmt: skip
    requested = Requested(["model=ae"], experiment)
    assert requested.groups == {"model": "ae", "evaluation": "impulse_30"}
    assert requested.keys == {"model", "evaluation", "optimizer.lr", "optimizer.betas", "seed"}
