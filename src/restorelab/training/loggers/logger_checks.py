"""Check that the loggers of a config can be used, before anything slow begins."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from restorelab.errors import ConfigError, UserError

PACKAGES = {f"{__package__}.tensorboard.TensorBoard": "tensorboard", f"{__package__}.mlflow.MLFlow": "mlflow"}
"""Packages that come with an extra, by the target that needs them."""


def check(nodes: Mapping[str, Any]) -> None:
    """Raise ConfigError for a target that is no logger of Lightning's, UserError where its package is missing.

    nodes: the config's `logger`, whose targets may be imported.
    """
    for name, node in nodes.items():
        target = node["_target_"]
        module, _, attribute = target.rpartition(".")
        package = PACKAGES.get(target)
        if package and find_spec(package) is None:
            msg = f"logger.{name}: needs the package {package}, which is not installed: pip install "
            raise UserError(f"{msg}'restorelab[{package}]'")
        if target.startswith("restorelab."):
            continue
        from lightning.pytorch.loggers import Logger  # takes seconds

        logger_class = getattr(import_module(module), attribute)
        if isinstance(logger_class, type) and not issubclass(logger_class, Logger):
            msg = f"logger.{name}: expected a subclass of lightning.pytorch.loggers.Logger; {target} is none."
            raise ConfigError(msg)
