"""How the loop runs: device, precision, memory layout, compilation. `lightning_trainer` builds the Trainer of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import nn

from restorelab.config import trainer_arguments
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.noise import Noise
from restorelab.errors import ConfigError, nearest
from restorelab.training import process_group
from restorelab.training.malloc import keep_freed_memory

log = logging.getLogger(__name__)

Precision = Literal[
    "32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true",
    "transformer-engine", "transformer-engine-float16", "bf16", "16", "32", "64", 16, 32, 64,
]  # fmt: skip
"""Lightning's spellings; a number or a bare `bf16` is the short form of one of the others."""

SHORT = {"bf16": "bf16-mixed", "16": "16-mixed", "32": "32-true", "64": "64-true"}
"""What Lightning takes a short spelling for."""

MEANING = {
    "32-true": "float32 throughout",
    "bf16-mixed": "float32 weights; convolutions and matrix products in bfloat16",
    "16-mixed": "float32 weights; convolutions and matrix products in float16, under a scaled loss",
    "bf16-true": "weights, gradients and optimizer state in bfloat16: half the memory, and small updates are lost",
    "16-true": "weights, gradients and optimizer state in float16, without a scaled loss: gradients may underflow",
    "64-true": "float64 throughout the network",
}
"""What a precision does to the network. Degradation, loss and the final evaluation are float32 in all of them."""

Accelerator = Literal["auto", "cpu", "cuda", "gpu", "mps"]
Compile = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
"""The modes of torch.compile."""

GRAPHED = ("reduce-overhead", "max-autotune")
"""The modes that put the compiled network into CUDA graphs."""

SHARDED = ("fsdp", "deepspeed", "modelparallel", "model_parallel")
"""How the names of strategies begin that divide the weights among the devices."""


@dataclass(frozen=True)
class TrainerConfig:
    """The `trainer` group; conf/trainer/default.yaml says what each field means.

    lightning: the further arguments of `lightning.pytorch.Trainer`, see `trainer_arguments.grouped`.

    Raises:
        ConfigError: for an accelerator or a precision that does not exist, or counts below one.
    """

    max_epochs: int | None = None
    accelerator: Accelerator = "auto"
    devices: int | str | list[int] = 1
    precision: Precision = "32-true"
    channels_last: bool | Literal["auto"] = "auto"
    compile: bool | Compile = False
    steps_per_call: int = 1
    graph: bool = False
    keep_memory: bool = True
    deterministic: bool | Literal["warn"] = False
    matmul_precision: Literal["highest", "high", "medium"] = "high"
    validate_every: int = 1
    validate_steps: int | None = None
    log_every: int = 50
    checkpoint_every: float | None = 300
    keep: int = 1
    keep_every: int | None = None
    bar: bool = True
    lightning: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kind in (("precision", Precision), ("accelerator", Accelerator), ("compile", Compile)):
            value = getattr(self, name)
            if value not in get_args(kind) and not (name == "compile" and isinstance(value, bool)):
                msg = f"trainer.{name}: {value!r} does not exist. {nearest(str(value), map(str, get_args(kind)))}"
                raise ConfigError(msg)
        object.__setattr__(self, "precision", SHORT.get(str(self.precision), self.precision))
        counts = ("max_epochs", "validate_every", "validate_steps", "log_every", "keep", "keep_every")
        for name in (*counts, "steps_per_call"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"trainer.{name}: {value} is too small; expected at least 1."
                raise ConfigError(msg)
        self._check_devices()
        if self.checkpoint_every is not None and self.checkpoint_every < 0:
            msg = f"trainer.checkpoint_every: {self.checkpoint_every} is negative; seconds, or null for none."
            raise ConfigError(msg)
        if self.precision == "16-mixed" and self.device.type == "cpu":
            msg = "trainer.precision=16-mixed needs a GPU; on a CPU use bf16-mixed or 32-true."
            raise ConfigError(msg)
        strategy = self.lightning.get("strategy", "auto")
        name = strategy if isinstance(strategy, str) else type(strategy).__name__
        if name.lower().startswith(SHARDED):
            msg = f"trainer.strategy={name}: it divides the weights among the devices, and best.ckpt holds them whole. "
            raise ConfigError(f"{msg}Use trainer.strategy=ddp.")

    def _check_devices(self) -> None:
        try:
            count = trainer_arguments.local_devices(self.devices)
        except ValueError:
            count = 0
        nodes = self.lightning.get("num_nodes", 1)
        for name, value, number in (("devices", self.devices, count), ("num_nodes", nodes, nodes)):
            if number < 1:
                msg = f"trainer.{name}: {value} does not fit; expected at least 1"
                raise ConfigError(f"{msg}, a list such as [0,1], or auto." if name == "devices" else f"{msg}.")
        if self.accelerator in ("cuda", "gpu") and torch.cuda.device_count() < count:
            msg = (
                f"trainer.accelerator={self.accelerator} trainer.devices={self.devices}: this machine has "
                f"{torch.cuda.device_count()} CUDA devices. Use trainer.accelerator=cpu or auto."
            )
            raise ConfigError(msg)

    @property
    def nodes(self) -> int:
        """The number of machines that train together."""
        return int(self.lightning.get("num_nodes", 1))

    @property
    def here(self) -> int:
        """The number of devices of this machine that train together."""
        return trainer_arguments.local_devices(self.devices)

    @property
    def world(self) -> int:
        """The number of devices that train together, over all nodes."""
        return self.here * self.nodes

    @property
    def device(self) -> torch.device:
        """The device of this process: of its rank, where several train together."""
        if self.accelerator == "cpu":
            return torch.device("cpu")
        if torch.cuda.is_available():
            place = process_group.current().local_rank
            return torch.device("cuda", self.devices[place] if isinstance(self.devices, list) else place)
        if self.accelerator == "mps" or (self.accelerator == "auto" and torch.backends.mps.is_available()):
            return torch.device("mps")
        return torch.device("cpu")

    @property
    def keeps_memory(self) -> bool:
        """Whether freed memory is kept: on a CPU, where that is asked for."""
        return self.keep_memory and self.device.type == "cpu"

    def check(self, config: Mapping[str, Any], noise: Noise | Each) -> None:
        """Hold the fields against the rest of a config, and against the noise of its training.

        Raises:
            ConfigError: for what torch or Lightning could only refuse, or do wrongly, once training has begun.
        """
        accumulate: int = config["accumulate"]
        if self.precision == "16-mixed" and config["clip"] is not None and config["optimizer"].get("fused"):
            msg = f"clip={config['clip']}: under trainer.precision=16-mixed a fused optimizer unscales the gradients "
            raise ConfigError(f"{msg}too late for it. Use optimizer.fused=false or trainer.precision=bf16-mixed.")
        if self.compile in GRAPHED and (accumulate > 1 or self.graph):
            other = f"the gradients that accumulate={accumulate} adds up" if accumulate > 1 else "trainer.graph=true's"
            # https://github.com/pytorch/pytorch/issues/169545
            msg = (
                f"trainer.compile={self.compile}: its CUDA graphs do not go with {other}. "
                f"Use trainer.compile=max-autotune-no-cudagraphs or default."
            )
            raise ConfigError(msg)
        for name, value, plain in (("steps_per_call", self.steps_per_call, 1), ("graph", self.graph, False)):
            if value != plain and self.world > 1:
                msg = f"trainer.{name}={_said(value)} is for one device and trainer.devices={self.devices}. "
                raise ConfigError(f"{msg}Use trainer.{name}={_said(plain)}, or trainer.devices=1.")
            if value != plain and self.lightning.get("strategy", "auto") != "auto":
                msg = f"trainer.{name}={_said(value)} takes the steps itself, without trainer.strategy. "
                raise ConfigError(f"{msg}Use trainer.{name}={_said(plain)}, or leave the strategy out.")
        if not self.graph:
            return
        if self.device.type != "cuda":
            msg = f"trainer.graph=true needs a CUDA device, and this run is on {self.device.type}; leave it out."
            raise ConfigError(msg)
        if accumulate > 1:
            msg = (
                f"trainer.graph=true takes a step with each batch, and accumulate={accumulate}. Use accumulate=1 with "
            )
            raise ConfigError(f"{msg}{accumulate} times the data.batch_size, or trainer.graph=false.")
        if isinstance(noise, Mixture | Each):
            msg = "trainer.graph=true: how many images get each noise changes from batch to batch under noise="
            raise ConfigError(f"{msg}{type(noise).__name__.lower()}, and with it the graph. Use trainer.graph=false.")

    def apply_globally(self) -> None:
        """Set the process-wide switches of torch; all of them each time, so that runs in one process do not leak."""
        torch.set_float32_matmul_precision(self.matmul_precision)
        torch.use_deterministic_algorithms(bool(self.deterministic), warn_only=self.deterministic == "warn")
        torch.backends.cudnn.benchmark = not self.deterministic
        if self.keeps_memory:
            keeps = keep_freed_memory()
            log.debug("freed memory: %s", "kept for the next step" if keeps else "left to the system's allocator")

    def lay_out(self, net: nn.Module) -> tuple[nn.Module, bool]:
        """Bring a network into the memory layout of the run; says (and logs) whether that is channels_last."""
        if self.channels_last == "auto":
            chosen = getattr(net, "channels_last", True)
            reason = "the network's own choice" if hasattr(net, "channels_last") else "pays for most convolutions"
        else:
            chosen, reason = self.channels_last, "trainer.channels_last"
        log.debug("memory layout: %s (%s)", "channels_last" if chosen else "contiguous", reason)
        net = net.to(memory_format=torch.channels_last if chosen else torch.contiguous_format)  # type: ignore[call-overload]
        if self.compile:  # in place: keeps the names of the parameters
            net.compile(mode="default" if self.compile is True else self.compile)
        return net, chosen

    def tell(self) -> None:
        """Log what the chosen arguments mean, and what of a run's guarantees they take away."""
        if self.precision != "32-true":
            log.info("precision: %s (%s)", self.precision, MEANING.get(str(self.precision), "see its documentation"))
        strategy = self.lightning.get("strategy", "auto")
        if strategy not in ("auto", "ddp"):
            log.info("strategy: under %s a resumed run may differ from an uninterrupted one", strategy)
        for name in ("limit_val_batches", "overfit_batches"):
            if self.lightning.get(name):
                log.info("trainer.%s=%s: a part of the validation images chooses best.ckpt", name, self.lightning[name])
        if "plugins" in self.lightning:
            log.info("trainer.plugins: what they change of a step or of a checkpoint is not covered by restorelab")


def _said(value: bool | int) -> str:
    return str(value).lower()
