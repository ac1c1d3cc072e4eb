"""The formats of exported networks: how a file is written, and how it is run again to be checked."""

import contextlib
import hashlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorelab.config import build
from restorelab.errors import ConfigError, UserError, first_line
from restorelab.exchange import dtmodel
from restorelab.exchange.export_check import Run, in_torch
from restorelab.exchange.export_source import ExportSource
from restorelab.models import weights
from restorelab.noise_level import takes_sigma
from restorelab.restoring.onnx_network import OnnxNetwork

INPUT, SIGMA, OUTPUT = "degraded", "sigma", "restored"
"""Names of the inputs and of the output of an ONNX file."""

DECLARED = ("multiple", "minimum", "receptive_field", "scale")
"""What an ONNX file says of its network, if that declares it. It pads inside; `multiple` says where tiles may begin."""


class Exportable(nn.Module):
    """A network with what is done around it: padding to its `multiple`, a constant noise level, the clamp to [0, 1].

    sigma: the constant level in 8-bit units; None for none, or for a second input.
    """

    def __init__(self, net: nn.Module, sigma: float | None) -> None:
        super().__init__()
        self.net, self.sigma, self.takes_sigma = net, sigma, takes_sigma(net)
        self.multiple, self.scale = int(getattr(net, "multiple", 1)), int(getattr(net, "scale", 1))

    def forward(self, degraded: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Restore `degraded: (B, C, h, w)`; sigma: (B,) in [0, 1] units. Returns (B, C, s h, s w) in [0, 1]."""
        height, width = degraded.shape[-2:]
        if self.multiple > 1:
            degraded = _filled(_filled(degraded, -2, self.multiple), -1, self.multiple)
        if self.sigma is not None:
            sigma = torch.full_like(degraded[:, 0, 0, 0], self.sigma / 255)
        restored: Tensor = self.net(degraded, sigma) if self.takes_sigma else self.net(degraded)
        if self.multiple > 1:
            restored = restored[..., : self.scale * height, : self.scale * width]
        return restored.clamp(0, 1)


def _filled(image: Tensor, axis: int, multiple: int) -> Tensor:
    """Continue an image along an axis by reflection up to a multiple; by indices, so that a graph holds any size."""
    side = image.shape[axis]
    places = torch.arange((side + multiple - 1) // multiple * multiple, device=image.device)
    return image.index_select(axis, torch.where(places < side, places, 2 * side - 2 - places).clamp(min=0))


def write(
    source: ExportSource, card: Mapping[str, Any], file: Path, kind: str, sigma: float | None, *, half: bool = False
) -> None:
    """Write a file of a format. half: store the weights alone with 16 bits.

    Raises:
        ConfigError: for a package that is missing, and what a format cannot hold.
        DataError: for weights that 16 bits cannot hold.
        UserError: for a network that the exporter cannot translate.
    """
    if sigma is not None and not takes_sigma(source.net):
        raise ConfigError(f"sigma={sigma:g}: {type(source.net).__name__} does not take the noise level. Leave it out.")
    if kind in ("torch", "safetensors"):
        state = weights.state_of(source.net)
        if not state:
            raise ConfigError(f"format={kind}: {type(source.net).__name__} has no weights. Use format=onnx.")
        if half:
            state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
            weights.refuse_not_finite(source.net, state, "precision=half: the file")
        if kind == "torch":
            torch.save(state, file)
            return
        from safetensors.torch import save

        file.write_bytes(save(state))  # `save_file` makes files that only their owner may read
        return
    if size := getattr(source.net, "size", None):
        msg = f"{type(source.net).__name__} takes only images of {size[0]}x{size[1]}, and such a file takes any size."
        raise ConfigError(f"format={kind}: {msg} Use format=safetensors.")
    if kind == "dtmodel":
        dtmodel.check(source, sigma)
    names = ([INPUT, SIGMA], [OUTPUT]) if kind == "onnx" else (["input"], ["output"])
    data = _onnx(source, sigma, *names, _metadata(source.net, card, sigma))
    file.write_bytes(data if kind == "onnx" else dtmodel.packed(data, card, sigma))


def opened(source: ExportSource, file: Path, kind: str, sigma: float | None) -> Run:
    """Return a written file as a callable, read from the disk again."""
    if kind in ("torch", "safetensors"):
        net: nn.Module = build.make("model", source.card["model"])
        weights.load_into(net, file, "export")
        return in_torch(net)
    session = OnnxNetwork(file, dtmodel.model_in(file) if kind == "dtmodel" else None)

    def run(degraded: Tensor, level: Tensor | None) -> Tensor:
        try:
            restored: Tensor = session(degraded, level)
        except RuntimeError as error:
            raise UserError(f"export: onnxruntime cannot run the file ({error}).") from error
        return restored

    return run


def facts(file: Path, kind: str, sigma: float | None, *, half: bool = False) -> dict[str, Any]:
    """What the card says of a written file."""
    return {
        "format": kind,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "precision": "float16" if half else "float32",
        **({"constant_sigma": sigma} if sigma is not None else {}),
    }


def _metadata(net: nn.Module, card: Mapping[str, Any], sigma: float | None) -> dict[str, str]:
    """The properties of an ONNX file, each as JSON."""
    kept = {"restorelab": card["name"], "channels": card["channels"], "range": [0, 1]}
    kept |= {key: getattr(net, key) for key in DECLARED if isinstance(getattr(net, key, None), int)}
    if card.get("sigma") and sigma is None:
        kept["sigma"] = card["sigma"]
    if sigma is not None:
        kept["constant_sigma"] = sigma
    kept |= {key: card[key] for key in ("summary", "licence") if key in card}
    return {key: json.dumps(value) for key, value in kept.items()}


def _onnx(
    source: ExportSource, sigma: float | None, inputs: list[str], outputs: list[str], metadata: dict[str, str]
) -> bytes:
    """Return an ONNX file of the network with any batch, height and width."""
    try:
        import onnx
        import onnxruntime  # noqa: F401  (to check the file with)
        import onnxscript  # noqa: F401  (which torch's exporter needs)
    except ImportError as error:
        raise ConfigError(f"export: {error.name} is not installed: pip install 'restorelab[export]'.") from None
    net = Exportable(source.net, sigma).eval()
    second = net.takes_sigma and sigma is None
    side = net.multiple * -(-24 // net.multiple)
    described = (
        torch.rand(2, int(source.card["channels"]), side + net.multiple, side),
        *([torch.rand(2)] if second else []),
    )
    free = torch.export.Dim.DYNAMIC
    shapes = ({0: free, 2: free, 3: free}, *([{0: free}] if second else []))
    try:
        with _quiet():
            program = torch.onnx.export(
                net, described, dynamo=True, dynamic_shapes=shapes, input_names=inputs[: 1 + second],
                output_names=outputs, verbose=False,
            )  # fmt: skip
    except Exception as error:  # torch's exporter raises its own types, with advice on how to debug
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        why = first_line(cause)[:300]
        raise UserError(f"export: torch cannot translate {type(source.net).__name__} to ONNX ({why}).") from error
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's exporter from telling of packages that it does not need."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
