"""A network in an ONNX file, run by onnxruntime as if it were a module of torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError, DataError

SIGMA = "sigma"
"""The name of the input that takes the noise level, (B,)."""

DECLARED = ("channels", "multiple", "minimum", "receptive_field")
"""Metadata of the file, whole numbers, that are attributes of networks."""


PROVIDERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("CUDAExecutionProvider", {"use_tf32": "0"}),
    ("CPUExecutionProvider", {}),
)
"""The execution providers that may be used, by preference, with options for full float32 precision. Others compile for
minutes, or round to float16."""


class OnnxNetwork(nn.Module):
    """An ONNX file as a network: `degraded: (B, C, h, w)` float32 in [0, 1], and `sigma` (B,) if it takes the level.

    Attributes that networks declare (`multiple`, `receptive_field`, ...) are those of the file's metadata, if any.

    content: the ONNX model, for a file that holds it in another form.

    Raises:
        ConfigError: if onnxruntime is not installed.
        DataError: for a file that is damaged, or that is not such a network.
    """

    def __init__(self, file: Path, content: bytes | None = None) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError:
            msg = "model: ONNX files need onnxruntime: pip install 'restorelab[export]'."
            raise ConfigError(msg) from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            available = onnxruntime.get_available_providers()
            providers = [provider for provider in PROVIDERS if provider[0] in available]
            model = str(file) if content is None else content  # by its path: weights may lie in files beside it
            self.session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # onnxruntime raises its own types
            raise DataError(f"model: {file} cannot be read as ONNX ({' '.join(str(error).split())[:200]}).") from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self.takes_sigma = len(inputs) == 2 and inputs[1].name == SIGMA
        counts = len(inputs) == 1 + self.takes_sigma and len(outputs) == 1
        free = counts and len(inputs[0].shape) == 4 and not any(isinstance(side, int) for side in inputs[0].shape[2:])
        images = free and len(outputs[0].shape) in (0, 4)  # 0: not known
        if not images or {inputs[0].type, outputs[0].type} != {"tensor(float)"}:
            takes, gives = (
                ", ".join(f"{end.name} {end.type} {end.shape}" for end in ends) for ends in (inputs, outputs)
            )
            raise DataError(
                f"model: {file} takes {takes} and gives {gives}; expected one image, tensor(float) (B, C, H, W), whose "
                f"height and width are free, and perhaps {SIGMA} (B,), and to give such an image."
            )
        self.input = inputs[0].name
        channels = inputs[0].shape[1]
        if isinstance(channels, int):
            self.channels = channels
        self.card: Mapping[str, Any] = _declared(self.session.get_modelmeta().custom_metadata_map)
        for name in DECLARED:
            if isinstance(value := self.card.get(name), int) and value > 0:
                setattr(self, name, value)

    @property
    def trained(self) -> tuple[float, float] | None:
        """The noise levels that the network was trained for, in 8-bit units, from the file's metadata."""
        match self.card.get("sigma"):
            case [int() | float() as low, int() | float() as high]:
                return float(low), float(high)
        return None

    def forward(self, degraded: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Run the file by onnxruntime; the result is on the device of `degraded`."""
        given = {self.input: np.ascontiguousarray(degraded.detach().cpu().numpy(), dtype=np.float32)}
        if sigma is not None:
            given[SIGMA] = np.ascontiguousarray(sigma.detach().cpu().numpy(), dtype=np.float32)
        try:
            (output,) = self.session.run(None, given)
        except Exception as error:  # onnxruntime raises its own types
            raise RuntimeError(" ".join(str(error).split())[:300]) from error
        return torch.from_numpy(output).to(degraded.device)


def _declared(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a file; values that are JSON are parsed."""
    values: dict[str, Any] = {}
    for key, text in metadata.items():
        try:
            values[key] = json.loads(text)
        except (ValueError, RecursionError):
            values[key] = text
    return values
