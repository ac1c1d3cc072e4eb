"""The arguments of `lightning.pytorch.Trainer`, which the `trainer` group takes beside its own keys."""

import ast
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from restorelab.config import signatures
from restorelab.config.signatures import Parameter
from restorelab.errors import ConfigError

GROUP = "restorelab.training.trainer_config.TrainerConfig"
"""The target whose keys are followed by Lightning's."""

INSTEAD = {
    "accumulate_grad_batches": "set accumulate=N",
    "barebones": "leave it out; trainer.steps_per_call=N is what lowers the cost of the loop",
    "callbacks": "add them to the callbacks group: +callbacks.NAME='{_target_: lightning.pytorch.callbacks.CLASS}'",
    "check_val_every_n_epoch": "set trainer.validate_every=N",
    "default_root_dir": "set run_dir=FOLDER",
    "enable_checkpointing": "set trainer.checkpoint_every and trainer.keep",
    "enable_model_summary": "add +callbacks.summary='{_target_: lightning.pytorch.callbacks.ModelSummary}'",
    "enable_progress_bar": "set trainer.bar=false",
    "fast_dev_run": "set debug=true",
    "gradient_clip_val": "set clip=1.0",
    "limit_predict_batches": "leave it out; a run predicts nothing",
    "limit_test_batches": "set data.test=N",
    "log_every_n_steps": "set trainer.log_every=N",
    "logger": "choose one of the logger group: logger=csv",
    "max_steps": "set max_steps=N at the root",
    "max_time": "set max_time=HH:MM:SS at the root",
    "model_registry": "leave it out; checkpoints stay in the run's folder",
    "num_sanity_val_steps": "set debug=true for a first look",
    "reload_dataloaders_every_n_epochs": "leave it out; the order of the images is drawn anew in each epoch",
    "use_distributed_sampler": "leave it out; the loader divides the images among the devices itself",
    "val_check_interval": "set trainer.validate_steps=N",
}
"""Arguments that the run sets itself, with what to say in their place."""


@lru_cache
def arguments() -> Mapping[str, Parameter]:
    """Name and type of each argument, read from Lightning's source: importing it takes seconds."""
    spec = find_spec("lightning")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "pytorch" / "trainer" / "trainer.py"
    classes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef)]
    methods = [node for definition in classes if definition.name == "Trainer" for node in definition.body]
    (init,) = [node for node in methods if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    return signatures.arguments(init.args, skip=1)


def taken(path: str, given: Mapping[str, Any], own: Mapping[str, Parameter]) -> Mapping[str, Parameter]:
    """What the `trainer` group takes: its own keys, and Lightning's arguments where any other key is given.

    Raises:
        ConfigError: for an argument that the run sets itself; says what to write instead.
    """
    own = {name: parameter for name, parameter in own.items() if name != "lightning"}
    if given.keys() <= own.keys():
        return own
    for key in given:
        if key not in own and key in INSTEAD:
            msg = f"{path}.{key}: the run sets this argument of Lightning's Trainer itself. Instead, {INSTEAD[key]}."
            raise ConfigError(msg)
    return own | {name: kind for name, kind in arguments().items() if name not in own and name not in INSTEAD}


def grouped(node: Mapping[str, Any]) -> dict[str, Any]:
    """A `trainer` node as `TrainerConfig` takes it: Lightning's own arguments under `lightning`."""
    own = {"_target_", *(signatures.from_source(GROUP) or {})}
    if node.get("_target_") != GROUP or node.keys() <= own:
        return dict(node)
    kept = {key: value for key, value in node.items() if key in own}
    return kept | {"lightning": {key: value for key, value in node.items() if key not in own}}


def device_count(node: Mapping[str, Any]) -> int:
    """How many devices a `trainer` node trains on, over all nodes."""
    return local_devices(node["devices"]) * int(node.get("num_nodes", 1))


def local_devices(devices: Any) -> int:
    """How many devices of one machine Lightning's `devices` means: 2, "2", [0, 3], "0,3", -1 or "auto"."""
    if isinstance(devices, list | tuple):
        return len(devices)
    text = str(devices).strip()
    if text in ("-1", "auto"):
        import torch

        return max(1, torch.cuda.device_count())
    return len([part for part in text.split(",") if part.strip()]) if "," in text else int(text)
