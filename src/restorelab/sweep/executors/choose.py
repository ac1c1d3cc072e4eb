"""The executor that `executor=NAME` names: a file of conf/executor/, with what `executor.KEY=VALUE` changes."""

from restorelab.config import build, conf_files, schema, trust
from restorelab.errors import ConfigError
from restorelab.sweep.executors.executor import Executor
from restorelab.sweep.keys import Sweep


def executor(sweep: Sweep) -> Executor:
    """Build it.

    Raises:
        ConfigError: for a name that is not there, an unknown key, or values that it refuses.
    """
    file = conf_files.find("executor", sweep.executor)
    node = {**conf_files.read_yaml(file), **sweep.executor_options}
    if "_target_" not in node:
        msg = f"{file}: it lacks `_target_: ...`, the class of the executor."
        raise ConfigError(msg)
    shared = {"workers": sweep.workers, "devices": sweep.devices, "per_device": sweep.per_device}
    trust.note(node)
    schema.check_node("executor", {**node, **shared})
    made: Executor = build.make("executor", node, **shared)
    return made
