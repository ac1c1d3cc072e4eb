"""The executor that `executor=NAME` names: a file of conf/executor/, with what `executor.KEY=VALUE` changes."""

from typing import Any

from restorelab.config import build, conf_files, schema, trust
from restorelab.errors import ConfigError
from restorelab.sweep.executors.executor import Executor
from restorelab.sweep.keys import Sweep


def executor(sweep: Sweep) -> Executor:
    """Build it.

    Raises:
        ConfigError: for a name that is not there, an unknown key, or values that it refuses.
    """
    node = {**_read(sweep.executor), **sweep.executor_options}
    shared = {"workers": sweep.workers, "devices": sweep.devices, "per_device": sweep.per_device}
    trust.note(node)
    schema.check_node("executor", {**node, **shared})
    made: Executor = build.make("executor", node, **shared)
    return made


def _read(name: str) -> dict[str, Any]:
    file = conf_files.find("executor", name)
    content = conf_files.read_yaml(file)
    if "_target_" not in content:
        msg = f"{file}: it lacks `_target_: ...`, the class of the executor."
        raise ConfigError(msg)
    return content
