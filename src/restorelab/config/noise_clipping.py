"""Set whether noise is clipped to [0, 1] by the protocol: in the literature's it is not."""

from collections.abc import Iterator, Mapping
from typing import Any

from restorelab.config.requested import Requested

KEY = "clip_noise"
"""The key in a protocol's file that sets `clip` of every noise that has it. It is not an option of measuring."""


def apply(settings: Mapping[str, Any], requested: Requested) -> None:
    """Take the key out of the protocol and set the noises of a config, except where `clip` was requested."""
    protocol = settings.get("protocol")
    clip = protocol.pop(KEY, None) if isinstance(protocol, dict) else None
    if clip is None:
        return
    evaluations = settings.get("evaluation") or {}
    nodes = {"noise": settings.get("noise")} | {
        f"evaluation.{name}.noise": entry.get("noise") for name, entry in evaluations.items() if isinstance(entry, dict)
    }
    for path, node in nodes.items():
        for where, noise in _noises(path, node):
            if f"{where}.clip" not in requested.keys:
                noise["clip"] = clip


def _noises(path: str, node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node with a `clip`, also the members of a mixture, and its dotted key."""
    if isinstance(node, dict):
        if "_target_" in node and "clip" in node:
            yield path, node
        for key, child in node.items():
            yield from _noises(f"{path}.{key}", child)
