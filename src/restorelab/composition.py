"""From argv to resolved configs, by Hydra; and Hydra's complaints in one clear sentence."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError, OmegaConfBaseException

from restorelab import config as configs
from restorelab import file_names, matching, paths, quoting, taken, trust
from restorelab.config import GROUPS, conf_dir
from restorelab.dotted import leaves
from restorelab.errors import ConfigError, nearest, nearest_key
from restorelab.said import Said

CAUGHT = (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError)
"""What composing a config may raise; `explained` turns it into a ConfigError."""

EPOCHS = 40
"""Epochs of a training that nothing else limits."""

OPTION = re.compile(r"=(?!null$)[\w./-]*[a-z]|=\[", re.IGNORECASE)
"""An override that gives a group what may be the name of an option, or names."""


def user_conf() -> Path | None:
    """The user's own ./conf, where it is not the shipped one; it joins the search path behind that."""
    own = Path.cwd() / "conf"
    return own if own.is_dir() and own.resolve() != conf_dir().resolve() else None


def searched() -> list[str]:
    """What tells Hydra of the user's own ./conf."""
    return [f"hydra.searchpath=[{quoting.quoted(f'file://{own}')}]"] if (own := user_conf()) else []


def conf_dirs() -> list[Path]:
    """The shipped folder, and last the user's own. Of two files of one name Hydra takes the first, `find` the last."""
    return [folder for folder in (conf_dir(), user_conf()) if folder]


def options(group: str) -> list[str]:
    """The names that a config group offers, the user's own ./conf included; `experiment` has them in folders."""
    folders = [folder / group for folder in conf_dirs()]
    return sorted({file.relative_to(f).with_suffix("").as_posix() for f in folders for file in f.rglob("*.yaml")})


def find(group: str, name: str) -> Path:
    """The file GROUP/NAME.yaml of a group that Hydra does not compose: the user's own before the shipped one.

    Raises:
        ConfigError: where there is none.
    """
    for part in name.split("/"):
        file_names.require(group, part)
    for folder in reversed(conf_dirs()):
        if (file := folder / group / f"{name}.yaml").is_file():
            return file
    raise ConfigError(_absent(group, name, options(group)))


def read_yaml(file: Path) -> dict[str, Any]:
    """The keys and values of a file that a person wrote; an empty one has none.

    Raises:
        ConfigError: naming the file, where it holds anything else.
    """
    try:
        content = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: of a date that there is not, say
        msg = f"{file}: is no YAML ({' '.join(str(error).split())})."
        raise ConfigError(msg) from error
    if not isinstance(content, dict | None):
        msg = f"{file}: expected keys and values, each as `key: value`."
        raise ConfigError(msg)
    return content or {}


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose one run's config as train.py does, and resolve it.

    Raises:
        ConfigError: for anything that is wrong in the overrides or in a file.
    """
    overrides = quoting.paths(overrides)
    extra = searched()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            composed = hydra_compose("train", [*prepared(overrides), *extra], return_hydra_config=True)
            choices = composed.hydra.runtime.choices
            return resolve(composed, choices, overrides)
        except CAUGHT as error:
            raise explained(error, overrides) from error


def prepared(overrides: Sequence[str], planned: taken.Planned | None = None) -> list[str]:
    """Overrides as Hydra takes them: with the options of an evaluated checkpoint's run, and an evaluation.

    A noise's file of one's own may name no evaluation; then `own` is measured, or what the overrides name.

    planned: runs that are still to be done, whose checkpoints the overrides may name.
    """
    try:
        said = _said(overrides)
    except CAUGHT as error:
        raise explained(error, overrides) from error
    offered = {group: options(group) for group in taken.GROUPS}
    whole = [*taken.choices(overrides, said, offered, planned), *overrides]
    noise = next((one.removeprefix("noise=") for one in reversed(whole) if one.startswith("noise=")), None)
    if noise not in offered["noise"] or _names_evaluation(noise):
        return whole
    given = [f"+{one}" if one.startswith("evaluation=") else one for one in whole]
    return given if given != whole else [*whole, "+evaluation=own"]


def _names_evaluation(noise: str) -> bool:
    """Whether the file of a noise, or one that it takes over, names the evaluation that goes with it."""
    entries = read_yaml(find("noise", noise)).get("defaults") or []
    keys = [(key, value) for entry in entries if isinstance(entry, Mapping) for key, value in entry.items()]
    if any("evaluation" in str(key) for key, _ in keys):
        return True
    others = [entry for entry in entries if isinstance(entry, str) and entry != "_self_"]
    return any(other in options("noise") and _names_evaluation(other) for other in others)


def _said(overrides: Sequence[str]) -> Said:
    """What was asked for by name, the experiment's file included."""
    chosen = Said(overrides).groups.get("experiment")
    known = chosen in options("experiment") if chosen else False
    return Said(overrides, read_yaml(find("experiment", chosen)) if chosen and known else None)


def resolve(
    composed: DictConfig, choices: Mapping[str, Any], overrides: Sequence[str], planned: taken.Planned | None = None
) -> dict[str, Any]:
    """Plain data with every interpolation filled in, every name checked, and the choices of the groups kept.

    overrides: what was said on the command line; the short variant of an experiment does not change those. planned:
    runs that are still to be done.

    Raises:
        ConfigError: for an interpolation that leads nowhere, an unknown key or a wrong type.
    """
    masked = composed
    if "hydra" in composed:
        masked = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    if masked.length not in ("full", "short"):
        msg = f"length={masked.length}: {nearest(str(masked.length), ['full', 'short'])}"
        raise ConfigError(msg)
    given = _given(overrides)
    if masked.length == "short":
        given |= _shorten(masked, given)
    _limit(masked, given)
    said = _said(overrides)
    try:
        plain = OmegaConf.to_container(masked, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise explained(error) from error
    assert isinstance(plain, dict)
    settings: dict[str, Any] = {str(key): value for key, value in plain.items()}
    named = {group: _short(choices[group]) for group in (*GROUPS, "experiment") if choices.get(group)}
    settings["choices"] = (named | _replaced(settings, named, said)) if named else settings.get("choices", {})
    settings.setdefault("evaluation", {matching.OWN: {}})
    if choices.get("model"):  # composed here from its groups, and not a run's config that is composed again
        trust.note(settings)  # before anything is taken from a run's folder
        taken.take(settings, overrides, said, planned)
    configs.check_names(settings)
    trust.trust(settings["trust"] if choices.get("model") else _trusted(overrides))
    if choices.get("model"):
        matching.match(settings, said)
    matching.relabel(settings)
    settings["sessions"] = []  # of a run that is gone on with, its folder says them
    chosen = settings["choices"]
    if settings["name"] is None:
        parts = [chosen.get("experiment", "").replace("/", "-")] if chosen.get("experiment") else [
            chosen[group] for group in ("model", "data", "noise") if group in chosen
        ]  # fmt: skip
        settings["name"] = ("-".join(parts) or "run") + ("-short" if settings["length"] == "short" else "")
    if settings["threads"] is None:
        settings["threads"] = available_threads()
    paths.make_absolute(settings)
    return settings


def _trusted(overrides: Sequence[str]) -> list[str]:
    """The packages that the command line trusts, whatever the file says that is composed."""
    values = [one.value() for one in OverridesParser.create().parse_overrides(list(overrides))
              if one.key_or_group == "trust"]  # fmt: skip
    return [str(name) for value in values for name in (value if isinstance(value, list) else [value])]


def _replaced(settings: Mapping[str, Any], named: Mapping[str, str], said: Said) -> dict[str, str]:
    """The groups whose target is not that of the chosen option, by the name of the class or function in its place."""
    found = {}
    for group in GROUPS:
        node = settings.get(group)
        node = node.get("source") if group == "data" and isinstance(node, Mapping) else node
        target = str(node.get("_target_") or "") if isinstance(node, Mapping) else ""
        option = named.get(group)
        if not target or not any(key != group or group not in said.groups for key in said.under(group)):
            continue
        own = _target(group, option) if option and option in options(group) else None
        if own != target and (own or not option):
            found[group] = target.rpartition(".")[2]
    return found


def _target(group: str, option: str) -> str | None:
    """The target that the file of an option, or the last that it takes over, names; of data that of its source."""
    content = read_yaml(find(group, option))
    node = content.get("source", {}) if group == "data" else content
    if isinstance(node, Mapping) and node.get("_target_"):
        return str(node["_target_"])
    others = [entry for entry in content.get("defaults") or [] if isinstance(entry, str) and entry != "_self_"]
    return _target(group, others[-1]) if others and others[-1] in options(group) else None


def _given(overrides: Sequence[str]) -> set[str]:
    """The keys and groups that overrides give a value."""
    return {override.key_or_group for override in OverridesParser.create().parse_overrides(list(overrides))}


def _limit(composed: DictConfig, said: Set[str]) -> None:
    """Steps that are asked for are done: they replace the epochs of a file, unless epochs are asked for as well."""
    if "max_steps" in said and composed.max_steps is not None and "trainer.max_epochs" not in said:
        composed.trainer.max_epochs = None
    elif composed.max_steps is None and composed.trainer.max_epochs is None:
        composed.trainer.max_epochs = EPOCHS


def _shorten(composed: DictConfig, said: Set[str]) -> set[str]:
    """Apply what the experiment says of its short variant, but for the keys that the user gave; returns its keys."""
    if not composed.short:
        msg = "length=short: this experiment states no short variant. Set max_steps=N."
        raise ConfigError(msg)
    for override in OverridesParser.create().parse_overrides(list(composed.short)):
        if override.key_or_group not in said:
            OmegaConf.update(composed, override.key_or_group, override.value())
    return _given(composed.short)


def _short(choice: Any) -> str:
    return ",".join(map(str, choice)) if isinstance(choice, list) else str(choice).removesuffix(".yaml")


def available_threads() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def explained(error: Exception, overrides: Sequence[str] = ()) -> ConfigError:
    """One sentence that names the key or the file, what is allowed, and the nearest valid name."""
    if isinstance(error, MissingConfigException):
        return ConfigError(_missing(error))
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return ConfigError(f"{cause.full_key}: {_at_key(cause)}")
    if isinstance(error, OverrideParseException):
        key, equals, value = str(error.override).partition("=")
        how = f", and quote a value that is text: {quoting.argument(key, value)}" if equals else ""
        return ConfigError(f"{error.override}: not a valid override. {_one_line(error)} Write key=value{how}.")
    return ConfigError(_of_hydra(error, overrides))


def _at_key(error: OmegaConfBaseException) -> str:
    parent = error.parent_node
    if single := re.search(r"access (\S+)\[\d\].*not a container", str(error)):
        name = single.group(1)
        return f"it takes its value from {name}, which must be [height,width] for that: {name}=[64,64]."
    if isinstance(error, InterpolationKeyError | InterpolationResolutionError):
        return f"its ${{...}} leads nowhere. {_one_line(error)}"
    if "Cannot merge DictConfig" in str(error):
        return "it takes a value or a list, and no keys."
    if not ("not in struct" in str(error) or "not found" in str(error).lower()):
        return _one_line(error)
    if not isinstance(parent, DictConfig):
        return f"unknown key; {str(error.full_key).rpartition('.')[0]} is one value and holds no keys."
    whole: Any = OmegaConf.to_container(parent._get_root(), resolve=False)
    dotted = [key for key in leaves(whole) if key.partition(".")[0] in configs.ROOT]
    return f"unknown key. {nearest_key(str(error.key), [str(k) for k in parent if k not in configs.HIDDEN], dotted)}"


def _of_hydra(error: Exception, overrides: Sequence[str]) -> str:
    text = str(error)
    named = re.search(r"'([^']+)'", text)
    name = named.group(1) if named else "?"
    if isinstance(error, ConfigCompositionException) and "defaults list" in text:
        group = name.split("@")[0]
        return f"{group}: there is no such config group. {nearest(group, GROUPS)}"
    if "Multiple values for evaluation" in text:
        return "noise: one of its options only; several at once are noise=mixture and noise=each."
    if "Ambiguous value" in text:
        keys = {one.partition("=")[0].lstrip("+"): one for one in overrides}
        given = keys.get(name, name if "=" in name else f"{name}=a,b")
        key, _, value = given.partition("=")
        listed, text = shlex.quote(f"{key}=[{value}]"), quoting.argument(key, value)
        return (
            f"{given}: several values. For a run with each add -m; for one list write {listed}; for one text with a "
            f"comma {text}."
        )
    if text.startswith("Config group override"):
        wrong = [o for o in overrides if o.partition("=")[0] in ("", *GROUPS, "experiment") and not OPTION.search(o)]
        return (
            f"{', '.join(wrong) or 'a config group'}: expected an option's name, or a list of names in brackets. "
            "none switches a stage off, such as blur=none."
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _one_line(error)
    return f"{' '.join(overrides)}: cannot be applied. {_one_line(error)}"


def _missing(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if not group:
        return f"{name or error}: there is no such config. {_one_line(error)}"
    return _absent(group, name, error.options or options(group))


def _absent(group: str, name: str, allowed: Sequence[str]) -> str:
    where = " or ".join(map(str, conf_dirs()))
    return f"{group}={name}: there is no {group}/{name}.yaml in {where}. {nearest(name, allowed)}"


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "full_key" not in line]
    text = " ".join(lines[:2]).replace("object_type=dict", "").strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."
