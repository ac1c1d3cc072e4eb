"""The processes that a launcher has started for one run: torchrun, SLURM's srun, or `launch` on one machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorelab.config import trainer_arguments
from restorelab.errors import ConfigError
from restorelab.runs.run_folder import RunFolder

CHOSEN_FREELY = ("1", "-1", "auto")
"""Values of `trainer.devices` that a launcher's number replaces: the default, and "all available devices"."""

STARTS = (
    "torchrun --nnodes=NODES --nproc-per-node=DEVICES train.py ... on each machine, or, in a SLURM job, "
    "srun --nodes=NODES --ntasks-per-node=DEVICES python train.py ..."
)
"""The commands that start a run on several machines."""


@dataclass(frozen=True)
class ProcessGroup:
    """This process's place among the processes of a run.

    Attributes:
        rank: of this process, from 0 to `world` - 1; the first one makes the run's folder, evaluates and writes.
        local_rank: its place on its machine, which is the number of its device.
        local_world: processes on each machine.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def nodes(self) -> int:
        """The number of machines."""
        return self.world // self.local_world


def current() -> ProcessGroup:
    """The group that this process was started in, by Lightning's own reading of the environment; else a group of one.

    Raises:
        ConfigError: where the machines have different numbers of processes.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:  # Lightning prefers torchrun to SLURM as well: it may run inside a job
        from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

        return _group(TorchElasticEnvironment(), int(os.environ["LOCAL_WORLD_SIZE"]))
    # A batch script knows the number of tasks, too, but only srun starts a step with so many.
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

        if SLURMEnvironment.job_name() in ("bash", "interactive"):  # where Lightning does not look for ranks
            return ProcessGroup()
        try:
            environment = SLURMEnvironment(auto_requeue=False)
        except RuntimeError as error:
            raise ConfigError(str(error)) from error
        return _group(environment, int(os.environ["SLURM_NTASKS_PER_NODE"]))
    return ProcessGroup()


def _group(environment: Any, local_world: int) -> ProcessGroup:
    world: int = environment.world_size()
    if world % local_world:
        msg = f"{world} processes were started, {local_world} of them on this machine; start equally many on each."
        raise ConfigError(msg)
    return ProcessGroup(environment.global_rank(), world, environment.local_rank(), local_world)


def joined(settings: Mapping[str, Any], group: ProcessGroup) -> dict[str, Any]:
    """The config of a run with the devices and machines of the group that it runs in.

    Raises:
        ConfigError: where the config names others, or several machines and this process is alone.
    """
    trainer = settings["trainer"]
    nodes = trainer.get("num_nodes", 1)
    if group.world == 1:
        if nodes > 1 and settings["train"]:
            msg = f"trainer.num_nodes={nodes}: this process was started alone. Start the run by {STARTS}."
            raise ConfigError(msg)
        return dict(settings)
    begun = settings["resume"] and settings["run_dir"] and RunFolder(Path(settings["run_dir"])).config.is_file()
    free = not begun and nodes == 1 and str(trainer["devices"]) in CHOSEN_FREELY
    if free:
        several = {"num_nodes": group.nodes} if group.nodes > 1 else {}
        return {**settings, "trainer": {**trainer, "devices": group.local_world, **several}}
    if (trainer_arguments.local_devices(trainer["devices"]), nodes) != (group.local_world, group.nodes):
        msg = (
            f"trainer.devices={trainer['devices']} trainer.num_nodes={nodes}: the launcher started {group.world} "
            f"processes on {group.nodes} machines. Use trainer.devices={group.local_world} "
            f"trainer.num_nodes={group.nodes}, or start as many as the config says."
        )
        raise ConfigError(msg)
    return dict(settings)


def refuse(command: str, group: ProcessGroup) -> None:
    """Refuse a command that starts runs itself where a launcher has started several processes of it."""
    if group.world > 1:
        msg = f"{command} starts the processes of its runs itself, and a launcher started {group.world} of it. "
        raise ConfigError(f"{msg}Start it once, or start one run: train.py without -m.")
