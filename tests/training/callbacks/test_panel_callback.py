"""Pictures of the validation: which images, when, and by which network."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.metrics.protocol import Protocol
from restorelab.report.panels import PanelRow, panel
from restorelab.report.pixels import rendered
from restorelab.runs.run_folder import RunFolder
from restorelab.training.callbacks.panels import Panels
from restorelab.training.loggers.run_loggers import RunLoggers
from training.callbacks import loop


class Frozen:
    """Flat images of rising brightness, of which some have detail."""

    def __init__(self, name: str, count: int, detailed: list[int]) -> None:
        self.ids = [f"{name}{place}" for place in range(count)]
        self.evaluation = SimpleNamespace(name=name)
        self.detailed = detailed

    def __len__(self) -> int:
        return len(self.ids)

    def sigma(self, place: int) -> None:
        """The noise level is not known."""

    def clean(self, place: int) -> Tensor:
        image = torch.full((1, 16, 16), 0.1 + 0.05 * place)
        if place in self.detailed:
            image[:, ::2] += 0.2
        return image

    def image(self, place: int) -> Tensor:
        return self.clean(place) + 0.1


class Halving(nn.Module):
    def forward(self, degraded: Tensor) -> Tensor:
        return degraded / 2


class Seeing(nn.Module):
    """Keeps what it is given."""

    def __init__(self, seen: list[Tensor]) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, degraded: Tensor) -> Tensor:
        self.seen.append(degraded)
        return degraded


class Shown:
    """Keeps the pictures that it is given."""

    take_images = True

    def __init__(self) -> None:
        self.pictures: list[tuple[str, np.ndarray, int]] = []

    def image(self, key: str, image: np.ndarray, step: int) -> None:
        self.pictures.append((key, image, step))


TASK: Any = SimpleNamespace(measured_net=Halving(), protocol=Protocol(), device=torch.device("cpu"))


def drawn(callback: Panels, sets: list[Frozen], validations: int = 1) -> list[tuple[str, np.ndarray, int]]:
    shown = Shown()
    callback.attach(RunFolder("x"), shown)  # type: ignore[arg-type]
    on = loop.trainer(datamodule=SimpleNamespace(frozen=lambda part: sets if part == "val" else []))
    for step in range(1, validations + 1):
        on.global_step = 10 * step
        callback.on_validation_end(on, TASK)
    return shown.pictures


def expected(places: list[tuple[Frozen, int]], step: int) -> np.ndarray:
    rows = [PanelRow(f"{frozen.ids[place]}\n{frozen.evaluation.name}", frozen.image(place), frozen.image(place) / 2,
                frozen.clean(place)) for frozen, place in places]  # fmt: skip
    return rendered(panel(rows, Protocol(), f"validation, step {step}"))


def test_of_each_stretch_the_image_with_the_most_detail_is_shown() -> None:
    frozen = Frozen("a", 9, [1, 5, 6])
    ((key, image, step),) = drawn(Panels(3), [frozen])
    assert (key, step) == ("val/panel", 10)
    assert np.array_equal(image, expected([(frozen, place) for place in (1, 5, 6)], 10))


def test_the_network_is_given_what_it_is_measured_on(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen, seen = Frozen("a", 20, [19]), []  # which is 1.05, and degraded more
    monkeypatch.setattr(TASK, "protocol", Protocol(clip_input=True))
    monkeypatch.setattr(TASK, "measured_net", Seeing(seen))
    drawn(Panels(1), [frozen])
    assert [float(image.max()) for image in seen] == [1.0]


def test_each_evaluation_gets_its_share() -> None:
    first, second = Frozen("a", 4, [1, 3]), Frozen("b", 4, [2])
    ((_, image, _),) = drawn(Panels(3), [first, second])
    assert np.array_equal(image, expected([(first, 1), (first, 3), (second, 2)], 10))


@pytest.mark.parametrize(("every", "validations", "steps"), [(5, 7, [10, 60]), (1, 3, [10, 20, 30]), (9, 8, [10])])
def test_it_is_drawn_at_the_first_and_then_at_every_so_many_validations(
    every: int, validations: int, steps: list[int]
) -> None:
    assert [step for _, _, step in drawn(Panels(1, every), [Frozen("a", 1, [])], validations)] == steps


def test_nothing_is_drawn_for_nobody() -> None:
    callback = Panels()
    callback.attach(RunFolder("x"), RunLoggers())
    callback.on_validation_end(loop.trainer(), TASK)  # without a datamodule
    callback = Panels()
    callback.attach(RunFolder("x"), Shown())  # type: ignore[arg-type]
    callback.on_validation_end(loop.trainer(is_global_zero=False), TASK)


@pytest.mark.parametrize("wrong", [{"images": 0}, {"every": 0}])
def test_less_than_one_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="both are at least 1"):
        Panels(**wrong)
