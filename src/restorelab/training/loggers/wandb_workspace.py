"""`restorelab workspace [SWEEP ...]`: a saved W&B workspace that shows sweeps at once, by wandb's own package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from restorelab.config import own_keys
from restorelab.config.run_config import follow_moves
from restorelab.data.set_names import named
from restorelab.errors import ConfigError, UserError
from restorelab.runs.run_identity import scientific
from restorelab.training.loggers import wandb_account
from restorelab.training.loggers.run_start import flat
from restorelab.training.loggers.wandb_leaderboard import JOB, wandb_logger
from restorelab.training.loggers.wandb_run import HOW

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

USAGE = """\
restorelab workspace [SWEEP ...] [key=value ...]: saves a workspace on the W&B server that compares the runs of sweeps.

  SWEEP ...            folders of sweeps, or names of W&B groups; the whole project, where none is named
  project=restorelab   the W&B project
  entity=NAME          whose it is; else your own
  name=TEXT            what the workspace is called

It holds the runs by group, with curves, parallel coordinates over what differs, PSNR against parameters, PSNR by model,
and the image panels. Each call saves a new one.
"""

KEYS = ("project", "entity", "name")

COLUMNS = ("model_name", "data_name", "noise_name", "loss_name", "seed")
"""The columns if no run's config is available to compare."""

MOST = 8
"""The most axes of the parallel coordinates that can be distinguished, and the most panels of images."""

INSTALL = "pip install 'restorelab[workspace]'"


@dataclass(frozen=True)
class Content:
    """The content of a workspace.

    Attributes:
        groups: names of the sweeps as W&B knows them; empty: the whole project. name: of the workspace.
        columns: keys of the config that differ between the runs, nested ones with dots.
        evaluations: names of the test evaluations, which name the image panels.
    """

    groups: tuple[str, ...] = ()
    columns: tuple[str, ...] = COLUMNS
    evaluations: tuple[str, ...] = ()
    project: str = wandb_account.PROJECT
    entity: str | None = None
    name: str = "restorelab"


def run(argv: Sequence[str]) -> int:
    """Save a workspace and print its address.

    Raises:
        ConfigError: for an unknown key.
        UserError: without the package, a key, a network, or the right to save there.
    """
    if any(argument in ("-h", "--help") for argument in argv):
        print(USAGE, end="")
        return 0
    content = read(argv)
    _package()
    wandb_account.require()
    try:
        entity = content.entity or _own_entity()
        workspace: Any = build(content, entity)
        saved = workspace.save()
    except Exception as error:  # errors of the server, of any type that the package passes on
        msg = f"W&B: the workspace was not saved: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise UserError(msg) from error
    print(saved.url)
    return 0


def read(argv: Sequence[str]) -> Content:
    """What the arguments ask for: `key=value`, folders of sweeps, names of groups."""
    sweeps = [argument for argument in argv if "=" not in argument or Path(argument).is_dir()]
    options, _ = own_keys.split("workspace", [word for word in argv if word not in sweeps], KEYS, of_run=False)
    groups: list[str] = []
    configs: list[dict[str, Any]] = []
    for sweep in sweeps:
        sweep_configs = _configs(Path(sweep))
        groups += dict.fromkeys(_logger(config).get("group") or Path(sweep).name for config in sweep_configs) or [sweep]
        configs += sweep_configs
    logger = _logger(configs[0]) if configs else {}
    evaluations = dict.fromkeys(
        named(test_set, name) if test_set else name
        for config in configs
        for test_set in config.get("test") or [""]
        for name in config.get("evaluation") or {}
    )
    project, entity = wandb_account.place(*(options.get(key) or logger.get(key) for key in ("project", "entity")))
    return Content(
        groups=tuple(dict.fromkeys(groups)),
        columns=differing(configs) or COLUMNS,
        evaluations=tuple(evaluations),
        project=project,
        entity=entity,
        name=options.get("name") or ", ".join(dict.fromkeys(groups)) or "all runs",
    )


def _configs(sweep: Path) -> list[dict[str, Any]]:
    """The resolved configs of a sweep's runs; none where it is no folder."""
    files = sorted(sweep.glob("*/config.yaml")) or sorted(sweep.glob("queue/*.yaml"))
    if sweep.is_dir() and not files:
        msg = f"workspace {sweep}: there is no run in this folder."
        raise ConfigError(msg)
    configs: list[dict[str, Any]] = [yaml.safe_load(file.read_text()) for file in files]
    for config in configs:
        follow_moves(config)
    return configs


def _logger(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the run's W&B logger; empty without one."""
    loggers: Mapping[str, Any] = config.get("logger") or {}
    name = wandb_logger(loggers)
    return {} if name is None else dict(loggers[name])


def differing(configs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The keys whose values are not the same in all runs, as W&B knows them; the choices of groups first.

    Where the choice of a group differs, its parameters do too, and are left out.
    """
    choices = [dict(config.get("choices") or {}) for config in configs]
    groups = [group for group in dict.fromkeys(g for config_flat in choices for g in config_flat) if group not in HOW]
    chosen = [group for group in groups if len({str(config_flat.get(group)) for config_flat in choices}) > 1]
    left = {"evaluation", *chosen}
    configs_flat = [flat({k: v for k, v in _placed(config).items() if k not in left}) for config in configs]
    keys = dict.fromkeys(key for config_flat in configs_flat for key in config_flat)
    values = [key for key in keys if len({repr(config_flat.get(key)) for config_flat in configs_flat}) > 1]
    return tuple([*(f"{group}_name" for group in chosen), *values][:MOST])


def _placed(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is scientific, and where the images lie, by which W&B knows the dataset."""
    plain = scientific(config)
    if isinstance(plain.get("data"), dict):
        plain["data"]["root"] = config["data"].get("root")
    return plain


def build(content: Content, entity: str) -> "Workspace":
    """The workspace as an object, which nothing has been sent of.

    Raises:
        UserError: without the package.
    """
    reports, workspaces = _package()
    psnr = reports.SummaryMetric("test/psnr")
    by = [column for column in content.columns if column != "seed"]  # the seeds of one configuration are averaged
    plain = [column for column in content.columns if "." not in column]
    lines = [
        reports.LinePlot(title=name, x="step", y=[name], smoothing_type="none")
        for name in ("train/loss", "val/psnr", "val/ssim")
    ]
    axes = [reports.ParallelCoordinatesPlotColumn(metric=reports.Config(name)) for name in content.columns]
    overview = [
        reports.ParallelCoordinatesPlot(
            title="What leads to which PSNR", columns=[*axes, reports.ParallelCoordinatesPlotColumn(metric=psnr)]
        ),
        reports.ScatterPlot(
            title="PSNR against parameters", x=reports.SummaryMetric("parameters"), y=psnr, log_x=True
        ),
        reports.BarPlot(
            title="PSNR by model", metrics=[reports.Metric("test/psnr")], groupby="config.model_name",
            groupby_aggfunc="mean", orientation="h",
        ),
    ]  # fmt: skip
    shown = ["val/panel", *(f"test/{name}" for name in content.evaluations), "curves"][:MOST]
    pictures = [reports.MediaBrowser(title=key, media_keys=[key], num_columns=2) for key in shown]
    kept = [workspaces.Metric("JobType") != JOB]
    if content.groups:
        kept.append(workspaces.Metric("Group").isin(list(content.groups)))
    return workspaces.Workspace(
        entity=entity,
        project=content.project,
        name=content.name,
        sections=[
            workspaces.Section(name="Comparison", panels=overview, is_open=True, pinned=True),
            workspaces.Section(name="Curves", panels=lines, is_open=True),
            workspaces.Section(name="Pictures", panels=pictures, is_open=True),
        ],
        settings=workspaces.WorkspaceSettings(x_axis="step", max_runs=100),
        runset_settings=workspaces.RunsetSettings(
            filters=workspaces.And(*kept),
            groupby=[workspaces.Metric("Group"), *(workspaces.Config(name) for name in by)],
            pinned_columns=["run:displayName", *(f"config:{name}" for name in plain), "summary:test/psnr"],
        ),
        auto_generate_panels=False,
    )


def _package() -> tuple[Any, Any]:
    """The package's modules of panels and of workspaces."""
    try:
        import wandb_workspaces.reports.v2 as reports
        from wandb_workspaces import workspaces
    except ImportError as error:
        msg = f"workspace: it is made by the package wandb-workspaces, which is not here: {INSTALL}"
        raise UserError(msg) from error
    return reports, workspaces


def _own_entity() -> str:
    import wandb

    entity = wandb.Api().default_entity
    if not entity:
        msg = "the key belongs to no entity; say entity=NAME"
        raise UserError(msg)
    return str(entity)
