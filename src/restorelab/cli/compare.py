"""`restorelab compare RUN_OR_SWEEP...`: one page that compares any runs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from restorelab.config import own_keys, trust
from restorelab.errors import ConfigError
from restorelab.training import gc_tuning

if TYPE_CHECKING:
    from restorelab.compare.comparison import Comparison
    from restorelab.report.table import Table

USAGE = """\
restorelab compare RUN_OR_SWEEP ... [key=value ...]: one HTML page that compares runs and sweeps.

  RUN_OR_SWEEP ...  folders of runs, of sweeps or studies, or folders of those
  out=FOLDER        where the page, its tables (CSV, Markdown, LaTeX) and leaderboard.json go; by default `comparison`,
                    in the folder where only one is named, else here
  baseline=NAME     a run, or input, that all others are tested against, beside the best
  evaluations=A,B   the evaluations that count; all, where none is named
  metric=psnr       what ranks and is tested: psnr, ssim, mse, accuracy, entropy
  pictures=4        images of each evaluation that each network restores for the page; 0 for none
  trust=A,B         packages with networks of your own: code that a run's config.yaml names is run only if it is
                    restorelab's, or in a package that you trust

  restorelab compare runs/sweeps/mine runs/dncnn baseline=dncnn
"""


@dataclass(frozen=True)
class CompareOptions:
    """The options of the command."""

    folders: tuple[Path, ...] = ()
    out: str = ""
    baseline: str = ""
    evaluations: str = ""
    metric: str = ""
    pictures: str = "4"
    trust: str = ""


def parse(argv: Sequence[str]) -> CompareOptions:
    """Read a command line. An existing folder counts as one even where its name has an equals sign.

    Raises:
        ConfigError: for a key that is not there, and without a folder.
    """
    keys = [field.name for field in fields(CompareOptions) if field.name != "folders"]
    named = [word for word in argv if Path(word).is_dir() or "=" not in word or "/" in word.partition("=")[0]]
    values, _ = own_keys.split("compare", [word for word in argv if word not in named], keys, of_run=False)
    options = CompareOptions(tuple(map(Path, named)), **values)
    if not options.folders:
        msg = "compare: say which runs, such as restorelab compare runs/sweeps/NAME."
        raise ConfigError(msg)
    if not options.pictures.isdigit():
        msg = f"pictures={options.pictures}: expected a whole number, 0 for none."
        raise ConfigError(msg)
    return options


def run(argv: Sequence[str]) -> int:
    """Compare, write the page and print where it is; return the exit status.

    Raises:
        ConfigError, DataError: see `assemble.build`.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    options = parse(argv)
    from restorelab.compare.assemble import build  # brings torch
    from restorelab.compare.write_comparison import write

    gc_tuning.settle()
    inside = options.folders[0] if len(options.folders) == 1 else Path()
    folder = Path(options.out).expanduser() if options.out else inside / "comparison"
    began = time.monotonic()
    trust.trust(own_keys.listed(options.trust))
    evaluations = own_keys.listed(options.evaluations)
    compared = build(
        options.folders, baseline=options.baseline or None, evaluations=evaluations or None,
        metric=options.metric or None,
    )  # fmt: skip
    try:  # before pictures are made
        (folder / "tables").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"out: {folder} cannot be written ({error.strerror or error}); name another folder, out=FOLDER."
        raise ConfigError(msg) from error
    gallery = None
    if int(options.pictures):
        from restorelab.compare.crops import crops

        gallery = crops(compared.runs, images=int(options.pictures))
    index = write(compared, folder, gallery)
    print(text(compared))
    print(f"\npage: {index} ({time.monotonic() - began:.1f} s)")
    return 0


def text(comparison: "Comparison") -> str:
    """Return the first tables and the remarks, for a terminal."""
    section = comparison.section("leaderboard")
    parts = [plain(table) for table in (section.tables[:2] if section else [])]
    significance = comparison.section("significance")
    parts += significance.text if significance else []
    parts += [f"not compared: {reason}" for reason in comparison.refused[:10]]
    if len(comparison.refused) > 10:
        parts.append(f"not compared: {len(comparison.refused) - 10} more; see the page")
    return "\n".join(parts)


def plain(table: "Table") -> str:
    """A table in aligned columns: names to the left, numbers to the right."""
    rows = [[name.replace("\n", " ") for name in table.head]]
    rows += [[f"{cell.text} {cell.aside}".strip() for cell in row] for row in table.rows]
    from restorelab.report.text_table import aligned, ruled

    return "\n".join([table.title, *ruled(aligned(rows))])
