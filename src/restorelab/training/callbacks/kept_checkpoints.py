"""The checkpoints of weights that a run keeps: the best, the best few, and one every so many steps."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorelab.runs.run_folder import RunFolder, write_bytes

NUMBERED = re.compile(r"(?:best_)?step_\d+\.ckpt")
"""The names of the further checkpoints: `best_step_120.ckpt` of the best few, `step_120.ckpt` of every N steps."""


class KeptCheckpoints:
    """Files of weights with what is known of them; which are the best is read from the files themselves.

    So a run that was killed anywhere finds after its resumption what is there, and no file is removed before the one
    that takes its place is whole.

    keep: how many of the best validations, the best included; 1 keeps best.ckpt alone. every: optimizer steps between
    two checkpoints that are kept whatever they are worth, None for none. monitor: the metric, the higher the better.
    """

    def __init__(self, folder: RunFolder, monitor: str = "val/psnr", keep: int = 1, every: int | None = None) -> None:
        self.folder, self.monitor, self.keep, self.every = folder, monitor, keep, every
        self._best: tuple[float, int] | None = None
        self._few: dict[int, float] = {}

    def open(self) -> None:
        """Read the checkpoints of an earlier session."""
        self._best = self._read(self.folder.best)
        few = [self._read(file) for file in self._files() if file.name.startswith("best_")]
        self._few = {step: value for value, step in filter(None, few)}

    def clear(self) -> None:
        """Remove all checkpoints, for a run that starts from the beginning."""
        for file in (self.folder.best, *self._files()):
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return [file for file in self.folder.best.parent.glob("*.ckpt") if NUMBERED.fullmatch(file.name)]

    def _read(self, file: Path) -> tuple[float, int] | None:
        """Return the value and the step of a file's weights."""
        if not file.is_file():
            return None
        facts = torch.load(file, map_location="cpu", weights_only=True, mmap=True)["restorelab"]
        return facts.get(self.monitor, float("-inf")), facts["step"]

    def validation(self, value: float, facts: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
        """Keep the weights of a validation where they are among the best. Of two equal ones the earlier counts."""
        content = {"state_dict": dict(state), "restorelab": dict(facts)}
        if self._best is None or value > self._best[0]:
            write(self.folder.best, content)
            self._best = value, facts["step"]
        if self.keep == 1:
            return
        ranked = sorted((self._few | {facts["step"]: value}).items(), key=lambda item: (-item[1], item[0]))
        few = dict(ranked[: self.keep])
        if facts["step"] in few:
            write(self._file("best_step", facts["step"]), content)
        for step in self._few.keys() - few.keys():
            self._file("best_step", step).unlink(missing_ok=True)
        self._few = few

    def last(self, step: int, epoch: int, net: nn.Module) -> None:
        """Keep the weights of the last step as the best, where nothing was validated."""
        facts = {"step": step, "epoch": epoch, "chosen": "the last step: there are no validation images"}
        write(self.folder.best, {"state_dict": dict(net.state_dict()), "restorelab": facts})

    def step(self, step: int, epoch: int, net: nn.Module) -> None:
        """Keep the weights of a step where it is one of every N."""
        if self.every is not None and step % self.every == 0:
            content = {"state_dict": dict(net.state_dict()), "restorelab": {"step": step, "epoch": epoch}}
            write(self._file("step", step), content)

    def _file(self, kind: str, step: int) -> Path:
        return self.folder.best.with_name(f"{kind}_{step}.ckpt")


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_bytes(file, buffer.getvalue())
