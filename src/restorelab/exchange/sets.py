"""The frozen sets of a configuration, without the network and the training that it may name."""

from collections.abc import Mapping
from typing import Any

from restorelab.config import build, composition
from restorelab.config.build import Parts
from restorelab.data.frozen import FrozenSet
from restorelab.data.required import require
from restorelab.data.small_images import refuse
from restorelab.data.split_record import Kept
from restorelab.degradations.labels import STAGES

OF_IMAGES = ("data", "test", "val", *STAGES, "evaluation", "protocol")
"""Groups that decide images and numbers."""

SEEDS = ("split_seed", "eval_seed", "debug", "data_dir")


def without_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config that keeps what decides images and numbers, and has the defaults of all else, on the CPU."""
    plain = composition.compose(["model=identity", "logger=csv", "callbacks=none", "trainer.accelerator=cpu"])
    kept = {key: settings[key] for key in (*OF_IMAGES, *SEEDS)}
    choices = {group: settings["choices"][group] for group in OF_IMAGES if group in settings["choices"]}
    return {**plain, **kept, "choices": choices}


def open_sets(settings: Mapping[str, Any], part: str, kept: Kept | None = None) -> tuple[Parts, list[FrozenSet]]:
    """Make, or open, the images of `part` under every evaluation. kept: the division of a run, in place of a new one.

    Raises:
        ConfigError: for values that a part refuses.
        DataError: for a dataset that is missing or has no image for the part.
    """
    built = build.parts(settings)
    if built.tests if part == "test" else built.val:
        return built, built.data().frozen(part)
    opened = built.dataset.open(settings["split_seed"], built.degradation, kept)
    require(*opened, [part])
    refuse(*opened, [part], None, built.dataset.least)
    return built, built.data(opened=opened).frozen(part)
