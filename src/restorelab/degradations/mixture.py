"""Several noises in one training: `Mixture` draws one for each image, `Each` shows every image with every noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from restorelab.degradations.noise import Noise, Noisy
from restorelab.degradations.rng import Draws
from restorelab.errors import ConfigError, nearest

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Mixture:
    """Draws one of the named `noises` for each image, with equal probabilities.

    The number of images of each noise is drawn; the first images of the batch get the first noise, and so on. Training
    batches are shuffled, so this is equivalent to drawing for every image by itself, but needs neither masks nor
    synchronization with the device. The parameters are `noise`, the index in `noises`, and those of the noises, NaN for
    images with another noise. `clip` is an option of each noise.
    """

    noises: Mapping[str, Noise]
    fixed: bool = False

    def __post_init__(self) -> None:
        check("Mixture", self.noises)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that a call returns."""
        return names(self.noises)

    @property
    def variants(self) -> int:
        """How often an epoch shows each image."""
        return 1

    def __call__(self, image: Tensor, draws: Draws) -> Noisy:
        """See `noise.py`."""
        counts = draws.categories(len(self.noises), image.shape[0])
        return apply_runs(self.noises, image, draws, counts)


@dataclass(frozen=True)
class Each:
    """Shows every image once with each of the named `noises` per epoch, as the faces report trains one model on four.

    The loader makes (image, variant) pairs, sorts a batch by variant and passes the number of images of each variant.
    The parameters are those of `Mixture`.

    With `groups`, every image belongs to one group and is shown once with each of that group's noises only. A group is
    a mapping with `noises`, a list of names, and parts of the dataset (`train`, `val`, `test`) with a number of images
    or, below 1, a share. In a part that no group names, every image is shown with every noise. data/pairing.py draws
    the images of the groups.
    """

    noises: Mapping[str, Noise]
    fixed: bool = False
    groups: Mapping[str, Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        check("Each", self.noises)
        if self.groups is not None:
            check_groups(self.groups, list(self.noises))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that a call returns."""
        return names(self.noises)

    @property
    def variants(self) -> int:
        """How often an epoch shows each image: once with each noise."""
        return len(self.noises)

    def __call__(self, image: Tensor, draws: Draws, counts: Sequence[int] | None = None) -> Noisy:
        """Degrade runs of `counts[i]` images by noise i; see `noise.py`. Raises ConfigError without fitting counts."""
        if counts is None:
            raise ConfigError(
                f"noise=each applies each of {', '.join(self.noises)}, but this batch does not say how many images get "
                "each. Evaluate under fixed degradations, for example evaluation=four_noises."
            )
        if len(counts) != len(self.noises) or sum(counts) != image.shape[0]:
            raise ConfigError(
                f"noise=each: a batch of {image.shape[0]} images has counts {list(counts)}; expected "
                f"{len(self.noises)} counts, one for each of {', '.join(self.noises)}, that sum to the batch size."
            )
        return apply_runs(self.noises, image, draws, counts)


def check(owner: str, noises: Mapping[str, Noise]) -> None:
    """Raise ConfigError for an empty set of noises, and for members that cannot be in a set."""
    if not isinstance(noises, Mapping) or not noises:
        raise ConfigError(f"{owner}: noises is {noises!r}; expected a mapping of names to noises, at least one.")
    for name, noise in noises.items():
        if isinstance(noise, Mixture | Each):
            raise ConfigError(f"{owner}: noises.{name} is itself a set of noises; list its members here instead.")
        if noise.fixed:
            raise ConfigError(f"{owner}: noises.{name}.fixed is true; set noise.fixed=true for all of them instead.")


def check_groups(groups: Mapping[str, Mapping[str, Any]], noises: Sequence[str]) -> None:
    """Raise ConfigError for groups that do not have the form that `Each` describes, or that leave a noise out."""
    seen = set[str]()
    for name, group in groups.items():
        where = f"groups.{name}"
        members = group.get("noises") if isinstance(group, Mapping) else None
        if not isinstance(members, Sequence) or isinstance(members, str) or not members:
            raise ConfigError(
                f"{where}: {group!r} does not fit; expected noises: [names], and train, val, test: numbers."
            )
        for member in members:
            if member not in noises:
                raise ConfigError(f"{where}.noises: there is no noise {member!r}. {nearest(str(member), noises)}")
        numbers = {part: number for part, number in group.items() if part != "noises"}
        for part, number in numbers.items():
            if part not in PARTS:
                raise ConfigError(f"{where}.{part}: unknown key. {nearest(part, ('noises', *PARTS))}")
            fits = isinstance(number, int | float) and not isinstance(number, bool) and number >= 0
            if not fits or (number >= 1 and number != int(number)):
                raise ConfigError(
                    f"{where}.{part}: {number!r} is neither a share below 1 nor a whole number of images."
                )
        seen |= set(members)
    if missing := [name for name in noises if name not in seen]:
        raise ConfigError(
            f"groups: no group lists the noise {', '.join(missing)}; expected every noise in at least one group."
        )


def draws_sigma(noise: Noise | Each) -> bool:
    """Whether a noise draws a `sigma` for every image, which networks that take the noise level need."""
    members = noise.noises.values() if isinstance(noise, Mixture | Each) else [noise]
    return all("sigma" in member.parameters for member in members)


def names(noises: Mapping[str, Noise]) -> tuple[str, ...]:
    """Return the names of the parameters of a set of noises: `noise`, then those of its members in order."""
    members = (parameter for noise in noises.values() for parameter in noise.parameters)
    return tuple(dict.fromkeys(("noise", *members)))


def apply_runs(noises: Mapping[str, Noise], image: Tensor, draws: Draws, counts: Sequence[int]) -> Noisy:
    """Apply noise i to `counts[i]` consecutive images of `image`; the parameters are those of `Mixture`."""
    images: list[Tensor] = []
    drawn: list[dict[str, Tensor]] = []
    # The counts are known on the host, so splitting does not wait for the device.
    for index, (run, noise) in enumerate(zip(torch.split(image, list(counts)), noises.values(), strict=True)):
        if run.shape[0] == 0:
            continue
        noisy, values = noise(run, draws)
        images.append(noisy)
        drawn.append(values | {"noise": run.new_full((run.shape[0],), index)})
    if not images:  # an empty batch
        return image.clone(), {name: image.new_empty(0) for name in names(noises)}

    def column(name: str) -> Tensor:
        return torch.cat([part.get(name, torch.full_like(part["noise"], torch.nan)) for part in drawn])

    return torch.cat(images), {name: column(name) for name in names(noises)}
