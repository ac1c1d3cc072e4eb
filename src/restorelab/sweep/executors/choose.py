"""The executor that `executor=NAME` names: a file of conf/executor/, with what `executor.KEY=VALUE` changes."""

from typing import Any

import yaml

from restorelab import build, composition, config
from restorelab.errors import ConfigError, nearest
from restorelab.sweep.executors.executor import Executor
from restorelab.sweep.settings import Sweep


def executor(sweep: Sweep) -> Executor:
    """Build it.

    Raises:
        ConfigError: for a name that is not there, an unknown key, or values that it refuses.
    """
    node = {**_read(sweep.executor), **sweep.executor_options}
    shared = {"workers": sweep.workers, "devices": sweep.devices, "per_device": sweep.per_device}
    config.check_node("executor", {**node, **shared})
    made: Executor = build.make("executor", node, **shared)
    return made


def names() -> list[str]:
    """The executors that there are."""
    folders = [folder for folder in (composition.user_conf(), config.conf_dir()) if folder]
    return sorted({file.stem for folder in folders for file in (folder / "executor").glob("*.yaml")})


def _read(name: str) -> dict[str, Any]:
    for folder in (composition.user_conf(), config.conf_dir()):
        if folder and (file := folder / "executor" / f"{name}.yaml").is_file():
            try:
                content = yaml.safe_load(file.read_text())
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                msg = f"{file}: is no YAML ({' '.join(str(error).split())})."
                raise ConfigError(msg) from error
            if not isinstance(content, dict):
                msg = f"{file}: keys and values are wanted, such as `_target_: ...`."
                raise ConfigError(msg)
            return content
    msg = f"executor={name}: {nearest(name, names())}"
    raise ConfigError(msg)
