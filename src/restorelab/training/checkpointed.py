"""Rebuild from a checkpoint what it was trained with: the parts of its run, and its network with its weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from restorelab.config import build, schema, trust
from restorelab.config.build import Parts
from restorelab.config.run_config import accepted, read_config, read_file
from restorelab.errors import ConfigError
from restorelab.models import weights
from restorelab.runs import loading


def parts(
    file: Path, hparams_file: Path | None, changes: Mapping[str, Any], packages: Sequence[str]
) -> tuple[Parts, nn.Module]:
    """The parts of the run that made a checkpoint, and the network with the checkpoint's weights, on the CPU.

    Its config is that in the folder of the run, else that in the checkpoint (`hyper_parameters`). hparams_file: a
    config.yaml that counts in place of them. changes: of keys at the root of the config.
    packages: to trust, beside restorelab's own, while the parts are built; see `config.trust`.

    Raises:
        ConfigError: for a file without a config, weights of another network, or code that is not trusted.
        DataError: for a file that is damaged, or holds more than tensors and plain containers.
    """
    file = weights.find(file)
    config = read_file(hparams_file) if hparams_file else _config_of(file)
    schema.require_whole(config, hparams_file or file)
    config |= changes
    with trust.trusting(packages):
        schema.check_names(config)
        built = build.parts(config)
        net = built.net()
        assert built.measures is not None  # made while the packages are trusted
    weights.load_into(net, file)
    return built, net


def _config_of(file: Path) -> dict[str, Any]:
    """Return the config in the folder of a checkpoint's run, else the one that Lightning saved in the file."""
    if run := loading.run_of(file):
        return read_config(run)
    saved = weights.content(file)
    if isinstance(saved, dict) and saved.get("hyper_parameters"):
        return accepted(saved["hyper_parameters"], file)
    msg = f"{file} holds no hyper_parameters and lies in no run folder. Name its config: hparams_file=RUN/config.yaml."
    raise ConfigError(msg)
