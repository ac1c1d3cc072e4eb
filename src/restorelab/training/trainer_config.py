"""How the loop runs: device, precision, memory layout, compilation, and the Lightning Trainer that does it."""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn

from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.noise import Noise
from restorelab.errors import ConfigError, nearest
from restorelab.training.malloc import keep_freed_memory

if TYPE_CHECKING:  # checking a config must not wait for Lightning
    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import Callback
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.strategies import Strategy

log = logging.getLogger(__name__)

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Accelerator = Literal["auto", "cpu", "cuda", "gpu", "mps"]
Compile = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
"""The modes of torch.compile."""

GRAPHED = ("reduce-overhead", "max-autotune")
"""The modes that put the compiled network into CUDA graphs."""


@dataclass(frozen=True)
class Engine:
    """The `trainer` group; conf/trainer/default.yaml says what each field means.

    Raises:
        ConfigError: for an accelerator or a precision that does not exist, or counts below one.
    """

    max_epochs: int | None = None
    accelerator: Accelerator = "auto"
    devices: int = 1
    precision: Precision = "32-true"
    channels_last: bool | Literal["auto"] = "auto"
    compile: bool | Compile = False
    steps_per_call: int = 1
    graph: bool = False
    keep_memory: bool = True
    deterministic: bool = False
    matmul_precision: Literal["highest", "high", "medium"] = "high"
    validate_every: int = 1
    validate_steps: int | None = None
    log_every: int = 50
    checkpoint_every: float | None = 300
    keep: int = 1
    keep_every: int | None = None
    bar: bool = True

    def __post_init__(self) -> None:
        for name, kind in (("precision", Precision), ("accelerator", Accelerator), ("compile", Compile)):
            value = getattr(self, name)
            if value not in get_args(kind) and not (name == "compile" and isinstance(value, bool)):
                msg = f"trainer.{name}: {value!r} does not exist. {nearest(str(value), get_args(kind))}"
                raise ConfigError(msg)
        counts = ("max_epochs", "devices", "validate_every", "validate_steps", "log_every", "keep", "keep_every")
        for name in (*counts, "steps_per_call"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"trainer.{name}: {value} is too small; expected at least 1."
                raise ConfigError(msg)
        if self.checkpoint_every is not None and self.checkpoint_every < 0:
            msg = f"trainer.checkpoint_every: {self.checkpoint_every} is negative; seconds, or null for none."
            raise ConfigError(msg)
        if self.precision == "16-mixed" and self.device.type == "cpu":
            msg = "trainer.precision=16-mixed needs a GPU; on a CPU use bf16-mixed or 32-true."
            raise ConfigError(msg)
        if self.accelerator in ("cuda", "gpu") and torch.cuda.device_count() < self.devices:
            msg = (
                f"trainer.accelerator={self.accelerator} trainer.devices={self.devices}: this machine has "
                f"{torch.cuda.device_count()} CUDA devices. Use trainer.accelerator=cpu or auto."
            )
            raise ConfigError(msg)

    @property
    def device(self) -> torch.device:
        """The device of this process: of its rank, where several train together."""
        if self.accelerator == "cpu":
            return torch.device("cpu")
        if torch.cuda.is_available():
            return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))  # of the ranks, each its own
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
            if value != plain and self.devices > 1:
                msg = f"trainer.{name}={_said(value)} is for one device and trainer.devices={self.devices}. "
                raise ConfigError(f"{msg}Use trainer.{name}={_said(plain)}, or trainer.devices=1.")
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
        torch.use_deterministic_algorithms(self.deterministic)
        torch.backends.cudnn.benchmark = not self.deterministic
        if self.keeps_memory:
            kept = keep_freed_memory()
            log.info("freed memory: %s", "kept for the next step" if kept else "left to the system's allocator")

    def lay_out(self, net: nn.Module) -> tuple[nn.Module, bool]:
        """Bring a network into the memory layout of the run; says (and logs) whether that is channels_last."""
        if self.channels_last == "auto":
            chosen = getattr(net, "channels_last", True)
            reason = "the network's own choice" if hasattr(net, "channels_last") else "pays for most convolutions"
        else:
            chosen, reason = self.channels_last, "trainer.channels_last"
        log.info("memory layout: %s (%s)", "channels_last" if chosen else "contiguous", reason)
        net = net.to(memory_format=torch.channels_last if chosen else torch.contiguous_format)  # type: ignore[call-overload]
        if self.compile:  # in place: keeps the names of the parameters
            net.compile(mode="default" if self.compile is True else self.compile)
        return net, chosen

    def trainer(
        self,
        callbacks: "Sequence[Callback]",
        accumulate: int,
        clip: float | None,
        max_epochs: int,
        loggers: "Sequence[Logger]" = (),
    ) -> "Trainer":
        """Build the Lightning Trainer. Checkpoints, bar and limits are our callbacks'.

        max_epochs: that training may enter; the `Limits` callback ends it at its last step.
        """
        from lightning.pytorch import Trainer

        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # which devices it sees, what it advertises
        strategy: str | Strategy = "auto"
        if self.devices > 1:
            from lightning.pytorch.strategies import DDPStrategy

            strategy = DDPStrategy(process_group_backend="gloo" if self.device.type == "cpu" else None)
        with warnings.catch_warnings():
            # "GPU available but not used": whoever says accelerator=cpu knows.
            warnings.filterwarnings("ignore", message=".*available but not used.*")
            trainer = Trainer(
                accelerator="cuda" if self.accelerator == "gpu" else self.accelerator,
                devices=self.devices,
                strategy=strategy,
                precision=self.precision,
                max_epochs=max_epochs,
                accumulate_grad_batches=accumulate,
                gradient_clip_val=clip,
                check_val_every_n_epoch=None if self.validate_steps else self.validate_every,
                val_check_interval=self.validate_steps * accumulate if self.validate_steps else 1.0,
                num_sanity_val_steps=0,
                deterministic=self.deterministic,
                benchmark=not self.deterministic,
                logger=list(loggers),
                log_every_n_steps=self.log_every,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                callbacks=list(callbacks),
                use_distributed_sampler=False,
            )
        if self.steps_per_call > 1 or self.graph:
            from restorelab.training.loop import StepLoop

            trainer.fit_loop.epoch_loop = StepLoop(trainer, self.steps_per_call, graph=self.graph)
        return trainer


def _said(value: bool | int) -> str:
    return str(value).lower()
