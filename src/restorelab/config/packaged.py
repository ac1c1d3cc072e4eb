"""Networks that come with the package: a name stands for a file of weights and a model card.

`networks/NAME.safetensors` holds the weights, `networks/NAME.json` the card: what the network is built from, what it
was trained for, and how it was made and measured. `restorelab export RUN out=NAME.safetensors` writes both.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restorelab.config import conf_files
from restorelab.degradations.labels import STAGES
from restorelab.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:  # so that --help lists the networks without torch
    from torch import Tensor, nn

FOLDER = Path(__file__).parents[1] / "networks"
"""Where the networks of the package lie."""

WEIGHTS, CARD = ".safetensors", ".json"

SCHEMA = 1
"""Version of the card's fields."""


@dataclass(frozen=True)
class Packaged:
    """A packaged network.

    Attributes:
        name: such as `denoise_gray`.
        file: its weights; the card lies beside them.
        card: plain data. `model` is the config node of the network, `channels` what it takes (1 or 3), `sigma` the
            least and the greatest noise level that it was trained for, in 8-bit units, or null; `summary` is one line.
    """

    name: str
    file: Path
    card: Mapping[str, Any]

    @property
    def sigma(self) -> tuple[float, float] | None:
        """The noise levels that it was trained for, in 8-bit units; None if it does not take the noise level."""
        level = self.card.get("sigma")
        return None if level is None else (float(level[0]), float(level[1]))

    @property
    def config(self) -> dict[str, Any]:
        """What is known of the config of the run that trained it: the network, its channels and the degradation."""
        trained = self.card.get("trained") or {}
        chosen = trained.get("choices") or {}
        return {
            "model": self.card["model"],
            "data": {"channels": self.card["channels"]},
            **{stage: trained[stage] for stage in STAGES if stage in trained},
            "choices": {group: chosen[group] for group in ("model", *STAGES) if group in chosen},
        }


def names() -> list[str]:
    """The packaged networks, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob(f"*{WEIGHTS}") if file.with_suffix(CARD).is_file())


def lines() -> list[str]:
    """What each packaged network is for, a line each, for `--help`."""
    return [f"{name}: {find(name).card.get('summary', '')}" for name in names()]


def find(name: str) -> Packaged:
    """Return the packaged network of a name.

    Raises:
        ConfigError: for a name that there is not; it names the nearest.
        DataError: for a damaged card.
    """
    if name not in names():
        known = name in conf_files.options("model")
        without = ", but a model that train builds, without weights: name the folder of a run of it" if known else ""
        raise ConfigError(
            f"model: {name!r} is neither a run, a file, nor the name of a packaged network{without}. "
            f"{nearest(name, names())}"
        )
    return read(FOLDER / f"{name}{WEIGHTS}")


def of(source: Path) -> Packaged | None:
    """Return the packaged network that a path means: by its name, or a file of weights with its card beside it.

    None for any other path that exists or looks like one.

    Raises:
        ConfigError: for a bare name that there is not.
        DataError: for a damaged card.
    """
    if has_card(source):
        return read(source)
    if source.exists() or source.suffix or len(source.parts) != 1:
        return None
    return find(str(source))


def has_card(file: Path) -> bool:
    """Whether a path is that of weights with a card beside them."""
    return file.suffix == WEIGHTS and file.is_file() and file.with_suffix(CARD).is_file()


def read(file: Path) -> Packaged:
    """Return the network whose weights are in `file`, with the card that lies beside it.

    Raises:
        DataError: if there is no card, or it is damaged.
    """
    place = file.with_suffix(CARD)
    try:
        card = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"model: {file} has no model card {place.name} beside it.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"model: {place} cannot be read as a model card ({error}).") from error
    if reason := _damage(card):
        raise DataError(f"model: {place} is not a model card: {reason}.")
    return Packaged(file.stem, file, card)


def _damage(card: Any) -> str | None:
    """Return what a model card lacks, as the file may come from anyone; None for a whole one."""
    if not isinstance(card, dict):
        return f"it holds a {type(card).__name__}, not keys and values"
    if card.get("schema") != SCHEMA:
        return f"it is of schema {card.get('schema')!r}, and this version reads {SCHEMA}"
    sigma, trained, numbers = card.get("sigma"), card.get("trained") or {}, card.get("numbers") or []
    expected = {
        "a `model` with a _target_": isinstance(card.get("model"), dict) and "_target_" in card["model"],
        "`channels` of 1 or 3": card.get("channels") in (1, 3),
        "`parameters`, a whole number": isinstance(card.get("parameters"), int),
        "`sigma`, two numbers or null": sigma is None
        or (isinstance(sigma, list) and [type(level) in (int, float) for level in sigma] == [True, True]),
        "`trained`, keys and values, and so its `choices`": isinstance(trained, dict)
        and isinstance(trained.get("choices") or {}, dict),
        "`numbers`, a list of rows, each with an `evaluation`": isinstance(numbers, list)
        and all(isinstance(row, dict) and isinstance(row.get("evaluation"), str) for row in numbers),
    }
    missing = [words for words, holds in expected.items() if not holds]
    return f"expected {missing[0]}" if missing else None


def load(packaged: Packaged) -> "nn.Module":
    """Build the network and load its weights: float32, in evaluation mode, on the CPU. Its output is not clamped.

    The card is data: it may name what shipped configs name, and what the user trusts (see `config.trust`).

    Raises:
        ConfigError: for a target that is not trusted.
        DataError: for weights that are damaged, or not those of the card.
    """
    from restorelab.config import build
    from restorelab.models import weights

    what = f"model: {packaged.file}"
    state = _state(packaged, what)
    net: nn.Module = build.make("model", packaged.card["model"])
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"{what} does not hold the weights of the network in its card: {error}") from error
    weights.refuse_not_finite(net, net.state_dict(), what)
    return net.eval()


def _state(packaged: Packaged, what: str) -> "dict[str, Tensor]":
    """The tensors of the file, in the precision that they are stored in."""
    from safetensors import SafetensorError
    from safetensors.torch import load as read_tensors

    try:
        data = packaged.file.read_bytes()
    except OSError as error:
        raise DataError(f"{what} cannot be read ({error.strerror or error}).") from error
    if hashlib.sha256(data).hexdigest() != packaged.card.get("sha256"):
        raise DataError(f"{what} is damaged, or not the file of its card: the card names another SHA-256.")
    try:
        return read_tensors(data)
    except SafetensorError as error:
        raise DataError(f"{what} cannot be read as safetensors ({error}).") from error
