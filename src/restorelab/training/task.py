"""The only LightningModule: any network, any objective, measured by the protocol."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Self

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from restorelab.config.build import Parts, make
from restorelab.data.sample import Sample
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws, TorchDraws
from restorelab.metrics.measures import Measures
from restorelab.metrics.per_image import BatchMean
from restorelab.metrics.protocol import Protocol
from restorelab.noise_level import call
from restorelab.objectives.objective import Objective
from restorelab.restoring.inference import Restoring
from restorelab.training import checkpointed, tuning
from restorelab.training.evaluation import evaluate, finite, not_finite, validation_names, validation_values
from restorelab.training.policy import Change
from restorelab.training.precision import accept_float32, clip_gradients, float32_constants
from restorelab.training.schedule import Plan, Schedule, plan


class RestorationTask(LightningModule):
    """Train a network to undo a degradation.

    net: degraded to restored. objective: gives the loss and the output, and measures it. optimizer: a partial that
    still takes the parameters. schedule, total: the plan of the rate, and the run's length in what that counts.
    change: what is trained by otherwise than the checkpoint was, None for nothing. evaluations: names of the validation
    sets. measures: what is measured of the output, None for the protocol's own metrics. config: the resolved config, to
    be `hparams`; log_hparams: whether Lightning gives these to the loggers.

    A validation step measures by `self._taken[number](output, truth)`, which gives each image's values and takes them
    in; a test step is to do the same.
    """

    def __init__(
        self,
        net: nn.Module,
        objective: Objective,
        degradation: Degradation,
        optimizer: Callable[..., Optimizer],
        schedule: Plan,
        *,
        total: int | None,
        change: Change | None = None,
        evaluations: Sequence[str],
        protocol: Protocol,
        measures: Measures | None = None,
        channels_last: bool,
        seed: int,
        config: Mapping[str, Any] | None = None,
        log_hparams: bool = False,
    ) -> None:
        super().__init__()
        if config is not None:
            self.save_hyperparameters(dict(config), logger=log_hparams)
        self.net = net
        self.objective, self.degradation = objective, degradation
        self.optimizer, self.plan, self.total, self.change = optimizer, schedule, total, change
        self.evaluations, self.protocol, self.seed = list(evaluations), protocol, seed
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.measures = measures or objective.measures(protocol)
        self._draws: TorchDraws | None = None
        self._converts = False
        # in a list, so that the network is not registered as a part of this module
        self._measured: list[nn.Module] = []

    @classmethod
    def of(
        cls,
        built: Parts,
        net: nn.Module,
        *,
        channels_last: bool,
        total: int | None = None,
        change: Change | None = None,
        log_hparams: bool = False,
    ) -> Self:
        """The task of a run's parts. net: the network, laid out; the other arguments are those of the class."""
        config, evaluations = built.config, list(built.evaluations)
        schedule = plan(config["scheduler"], validation_names(evaluations, list(built.measures)))
        return cls(
            net, built.objective, built.degradation, make("optimizer", config["optimizer"]), schedule,
            total=total, change=change, evaluations=evaluations, protocol=built.protocol, measures=built.measures,
            channels_last=channels_last, seed=config["seed"], config=config, log_hparams=log_hparams,
        )  # fmt: skip

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]  # which has no `trust`
        cls,
        checkpoint_path: str | PathLike[str],
        map_location: torch.device | str | None = None,
        hparams_file: str | PathLike[str] | None = None,
        *,
        trust: Sequence[str] = (),
        **changes: Any,
    ) -> Self:
        """The task of a run, with the weights of a checkpoint: best.ckpt, last.ckpt, or one of Lightning's own.

        Nothing but tensors and plain containers is unpickled, and of the code that the config names, only restorelab's
        own and that of the packages in `trust` is called. map_location: the device, the CPU by default. For the other
        arguments, and what is raised, see `checkpointed.parts`.
        """
        hparams = Path(hparams_file).expanduser() if hparams_file else None
        built, net = checkpointed.parts(Path(checkpoint_path), hparams, changes, trust)
        net, channels_last = built.trainer.lay_out(net)
        return cls.of(built, net, channels_last=channels_last, log_hparams=True).to(map_location or "cpu")

    @property
    def measured_net(self) -> nn.Module:
        """The network that validation measures and best.ckpt holds: the trained one, or an average of it."""
        return self._measured[0] if self._measured else self.net

    def measure(self, net: nn.Module) -> None:
        """Measure this network, which is in evaluation mode, in place of the trained one."""
        self._measured = [net]

    def setup(self, stage: str) -> None:
        """Prepare the network for weights that are not float32, where the Trainer converts them."""
        self.objective.to(self.trainer.strategy.root_device)
        if str(self.trainer.precision).endswith("-true") and self.trainer.precision != "32-true" and not self._converts:
            accept_float32(self.net)
            self._converts = True

    def configure_optimizers(self) -> Any:
        """Build the optimizer over what trains, and its schedule by steps."""
        optimizer = self.optimizer([p for p in self.net.parameters() if p.requires_grad])
        total = self.total
        if total is None:
            epochs = self.plan.interval == "epoch"
            total = int(self.trainer.max_epochs or 1 if epochs else self.trainer.estimated_stepping_batches)
        self.schedule = Schedule(self.plan, optimizer, total)
        # Lightning calls `lr_scheduler_step` behind each optimizer step; what is due then is the schedule's to say.
        config = {"scheduler": self.schedule.scheduler, "interval": "step", "reduce_on_plateau": False}
        return {"optimizer": optimizer, "lr_scheduler": config}

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: Any = None
    ) -> None:
        """Clip gradients as Lightning does, also with a fused optimizer under bf16."""
        clip_gradients(self.trainer.precision_plugin, optimizer, gradient_clip_val, gradient_clip_algorithm)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step the schedule where that is due; one that a callback has put in its place, as Lightning does."""
        if scheduler is not self.schedule.scheduler:
            scheduler.step()
            return
        mean = partial(self.trainer.strategy.reduce, reduce_op="mean")
        self.schedule.step(epoch_ends=self.trainer.is_last_batch, mean=mean)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state of the schedule to the checkpoint."""
        checkpoint["restorelab_schedule"] = self.schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the schedule had seen; leave out what a changed policy makes void."""
        self._seen = checkpoint["restorelab_schedule"]
        if self.change is not None:
            self.change.prepare(checkpoint)

    def on_train_start(self) -> None:
        """Take up the schedule, or bring a changed one to where the run stands."""
        if self.change is None:
            if seen := self.__dict__.pop("_seen", None):
                self.schedule.load_state_dict(seen, self.device)
            return
        (optimizer,) = self.trainer.optimizers
        self.change.set_numbers(optimizer, self.optimizer, self.net)
        if self.change.schedule:
            assert self.total is not None  # a change is of a run, which knows its length
            self.schedule = Schedule(self.plan, optimizer, self.total)
            done = self.trainer.global_step if self.plan.interval == "step" else self.trainer.current_epoch
            self.schedule.advance(done)
            self.trainer.lr_scheduler_configs[0].scheduler = self.schedule.scheduler
        self.change.tell(optimizer, self.trainer.global_step)

    def draws(self, sample: Sample) -> TorchDraws:
        """The stream that belongs to the sample's batch, for objectives that draw."""
        if self._draws is None:
            self._draws = TorchDraws(sample.clean.device)
        return self._draws.reseed(self.seed, self.global_rank, sample.counter or 0, "objective")

    def training_step(self, sample: Sample, batch_idx: int) -> Tensor:
        """Return the loss, and give it to a schedule that needs it."""
        loss = self.loss(sample)
        self.schedule.add(loss)
        return loss

    def loss(self, sample: Sample) -> Tensor:
        """Return the loss; a pure function of the network, the sample and its counter."""
        sample.degraded = self._lay_out(sample.degraded)
        with float32_constants():
            loss, _ = self.objective(self.net, sample, self.degradation, self.draws(sample))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Reset the metrics and the loss of each evaluation."""
        self._losses = [BatchMean().fresh(self.device) for _ in self.evaluations]
        self._taken = [self.measures.fresh(self.device) for _ in self.evaluations]
        sets = self.trainer.datamodule.frozen("val")  # type: ignore[attr-defined]
        self._bad = [torch.zeros(len(frozen), dtype=torch.int32, device=self.device) for frozen in sets]

    def validation_step(self, batch: tuple[int | None, Sample], batch_idx: int) -> None:
        """Measure a frozen batch, image by image."""
        number, sample = batch
        if number is None:
            return  # this rank's images are measured, the other ranks' are not yet
        assert sample.degraded is not None
        sample.degraded = self._lay_out(self.protocol.prepare(sample.degraded))
        net = Restoring(self.measured_net) if self.objective.restores else self.measured_net
        with float32_constants():
            loss, output = self.objective(net, sample, self.degradation, self.draws(sample))
        self._losses[number].update(loss, sample.index)
        values = self._taken[number](output.float(), getattr(sample, self.measures.truth))
        unmeasured = torch.stack([values[name] for name in self.measures.defined]).isnan().any(0)
        self._bad[number][sample.index] = (~finite(output) | unmeasured.to(output.device)).int()

    def on_validation_epoch_end(self) -> None:
        """Log the means over all images and evaluations, and those of each evaluation where there are several.

        Raises NotFiniteError, on all ranks together, for images whose output was not finite.
        """
        bad = self.trainer.strategy.reduce(torch.cat(self._bad), reduce_op="sum").cpu() > 0
        sets = self.trainer.datamodule.frozen("val")  # type: ignore[attr-defined]
        for frozen, flags in zip(sets, bad.split([len(frozen) for frozen in sets]), strict=True):
            if flags.any():
                raise not_finite(frozen, flags.nonzero().flatten().tolist())
        rows = [[loss.compute(), *taken.compute().values()]
                for loss, taken in zip(self._losses, self._taken, strict=True)]  # fmt: skip
        means = torch.tensor([[float(mean) for mean in row] for row in rows], dtype=torch.float64)
        # The History callback gives them to the loggers, with the row of metrics.csv.
        values = validation_values(self.evaluations, list(self.measures), means)
        self.log_dict(values, rank_zero_only=False, logger=False)

    def on_validation_end(self) -> None:
        """Step a schedule that depends on what was measured."""
        if not self.trainer.sanity_checking:
            self.schedule.validated(self.trainer.callback_metrics)

    def forward(self, degraded: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Restore images (B, C, h, w) as validation does, padded where the network needs it; not clamped.

        sigma: the noise level for a network that takes it, (B,) or (B, 1, h, w) in [0, 1] units.
        """
        net = Restoring(self.measured_net) if self.objective.restores else self.measured_net
        return call(net, self._lay_out(degraded), sigma)

    def on_test_start(self) -> None:
        """Measure in float32, with the objective's random draws started anew."""
        self.net.float()
        self._test_draws = PhiloxDraws("objective", self.trainer.datamodule.eval_seed)  # type: ignore[attr-defined]

    def test_step(self, number: int, batch_idx: int) -> None:
        """Measure one evaluation's whole test set as a run does: by image, in exact float32, then the means.

        Logs `test/psnr` and the like of the first evaluation, and of each as `test/psnr/impulse_30` where there are
        several. Under several devices each measures all images.
        """
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        sets, net = data.frozen("test"), self.measured_net
        if tuning.wanted(net):
            val = data.frozen("val")[number % len(data.evaluations)]
            net.settings.use(**tuning.tuned(net, val, self.protocol).values)  # type: ignore[operator, union-attr]
        with torch.autocast(self.device.type, enabled=False), float32_constants():
            measured = evaluate(
                net,
                sets[number],
                self.protocol,
                batch_size=data.dataset.eval_batch_size,
                loss=lambda run, sample: self.objective(run, sample, self.degradation, self._test_draws),
                measures=self.measures,
                memory_format=self.memory_format,
            )
        values = measured.metrics()
        named = {f"{name}/{measured.name}": value for name, value in values.items()} if len(sets) > 1 else {}
        logged = {**(values if number == 0 else {}), **named}
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        self.log_dict({name: torch.tensor(value, dtype=kind) for name, value in logged.items()}, batch_size=1)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Restore a batch: images, or what the datamodule gives of its test sets."""
        if isinstance(batch, Tensor):
            return self(batch)
        return self(self.protocol.prepare(batch[1].degraded), batch[1].sigma)

    def _lay_out(self, image: Tensor | None) -> Tensor:
        assert image is not None
        return image.contiguous(memory_format=self.memory_format)
