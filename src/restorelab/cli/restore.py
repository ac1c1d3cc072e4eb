"""`restorelab restore`: restore photographs with a trained network. Torch is imported late."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restorelab.cli.restore_request import Request, parse
from restorelab.config import packaged
from restorelab.errors import ConfigError
from restorelab.restoring.photograph import FORMATS

if TYPE_CHECKING:
    from restorelab.restoring.batch import FileJob, FileOutcome
    from restorelab.restoring.photograph import Photograph
    from restorelab.restoring.restorer import Restorer

USAGE = """\
restorelab restore FILE|FOLDER|PATTERN ... [key=value ...]: restore photographs with a trained network.

  model=auto      a run folder, a checkpoint, an exported file (.onnx, .safetensors), or the name of a packaged network;
                  auto takes denoise_gray for gray images, denoise_color for others
  out=FOLDER      where the results go, in the same tree of folders; by default beside each file, as NAME_restored
  overwrite=false true: restore files whose result is there already; inputs are never changed
  strength=1      0 to 1: how much of the network's change is applied
  sigma=auto      the noise level in 8-bit units, for networks that take it; auto estimates it from each image
  force=false     true: restore images that are cleaner than what the network was trained for
  x8=false        true: the mean over eight flips and turns; takes eight times as long
  color=each      a gray network on a color image: each channel, or luma for the brightness alone
  format=FORMAT   of the results: FORMATS; by default that of each file
  depth=BITS      of the results: 8, 16, or 32 (floating-point TIFF); by default that of each file
  quality=95      of JPEG and WebP, 1 to 100
  lossy=false     true: restore files of which something cannot be kept: a palette, animation, pages, CMYK, a gain map
  precision=32-true  bf16-mixed: convolutions in bfloat16, several times as fast on recent processors and GPUs; values
                  change by less than a level of 255, as a rule; 16-mixed: in float16, for GPUs
  tile=auto       pixels of the sides of tiles; auto: by the free memory; check: only print what tiles change, in dB
  page=false      true: a page with the pictures before and after, restored.html, in out or the current folder
  device=auto     cpu or cuda; auto takes a GPU if there is one
  network=NAME    for a file of weights alone: the network they belong to, as in train; 'dncnn data.channels=3' for more
  trust=PACKAGE   packages that the network's config may name, a,b for several

  restorelab restore photo.jpg
  restorelab restore scans/ out=restored/ model=runs/mine
  restorelab restore 'raw16/*.tif' model=denoise_color strength=0.7 sigma=auto depth=16

Packaged networks:
"""

AUTO = ("denoise_gray", "denoise_color")
"""The networks of `model=auto` for gray images and for others."""

PAGE = "restored.html"


def run(argv: Sequence[str]) -> int:
    """Restore files; prints a line for each and gives the exit status: 0, or 1 if a file failed.

    Raises:
        ConfigError: for a wrong option, a file that is not there, a result that would replace an input, or no network.
        DataError: for a damaged network.
    """
    if {"-h", "--help"} & set(argv):
        lines = [f"  {line}" for line in packaged.lines()] or ["  (none in this installation)"]
        print("\n".join([USAGE.replace("FORMATS", ", ".join(FORMATS)).rstrip("\n"), *lines]))
        return 0
    request = parse(argv)
    from restorelab.restoring import which_files

    sources = which_files.sources(request.words, request.out)
    networks = _Networks(request)
    from restorelab.restoring.batch import FileJob

    jobs, bad = _planned(request, sources, FileJob)
    if request.check:
        return max(_check(jobs, networks), bool(bad))
    waiting = [job for job in jobs if request.overwrite or not job.target.exists()]
    for job in jobs:
        if job not in waiting:
            print(f"{job.source}: skipped, {job.target} is there already (overwrite=true restores it again)")
    return _restore(request, waiting, networks, skipped=len(jobs) - len(waiting), bad=bad)


class _Networks:
    """The network of the command, or the two of `model=auto`, each loaded once; the first before anything is read."""

    def __init__(self, request: Request) -> None:
        from restorelab.restoring.restorer import Options
        from restorelab.runs import for_restoring
        from restorelab.training.malloc import keep_freed_memory

        self.request = request
        self._made: dict[str, Restorer] = {}
        self.device = for_restoring.device_of(request.device)
        if self.device == "cpu":
            keep_freed_memory()  # which halves the time of a tile
        self.options = Options(**request.options)
        if request.model != "auto":
            self._of(request.model)
        elif not set(AUTO) & set(packaged.names()):
            raise ConfigError("model: no denoiser comes with this installation; name a network, model=runs/mine.")

    def __call__(self, photograph: "Photograph") -> "Restorer":
        if self.request.model != "auto":
            return self._of(self.request.model)
        wanted, other = AUTO if photograph.pixels.shape[2] == 1 else AUTO[::-1]
        return self._of(wanted if wanted in packaged.names() else other)

    def _of(self, name: str) -> "Restorer":
        if name not in self._made:
            from restorelab.restoring.restorer import Restorer
            from restorelab.runs.for_restoring import network

            trained = network(name, self.device, self.request.trust, self.request.network)
            self._made[name] = Restorer(trained.net, self.options, trained.sigma)
        return self._made[name]


def _planned(request: Request, sources: Sequence[Any], job: "type[FileJob]") -> tuple[list["FileJob"], int]:
    """Return the jobs, and how many files are refused; losses are reported before anything is written."""
    from restorelab.restoring import fitting, which_files
    from restorelab.restoring.read_photograph import header

    pairs, bad = [], 0
    for source in sources:
        head = header(source.file)
        kind = None if head is None else fitting.written_as(head.format, request.wanted.get("format"))
        if head is not None and head.lost:
            if not request.wanted["lossy"]:
                print(f"error: {source.file}: {fitting.refusal(head.lost)}", file=sys.stderr)
                bad += 1
                continue
            print(f"{source.file}: not kept: {'; '.join(head.lost)}")
        pairs.append((source, which_files.target(source, request.out, kind)))
    which_files.check_targets(pairs)
    return [job(source.file, target) for source, target in pairs], bad


def _restore(request: Request, jobs: list["FileJob"], networks: _Networks, *, skipped: int, bad: int) -> int:
    """Restore the files, print the lines and write the page; return the exit status."""
    from tqdm import tqdm

    from restorelab.restoring.batch import Wanted, run

    counts = {"restored": 0, "left as they are": 0, "skipped": skipped, "failed": bad}
    pictures: list[Any] = []
    quiet = not sys.stderr.isatty()
    began = time.perf_counter()
    with (
        tqdm(total=len(jobs), unit="file", disable=quiet) as files,
        tqdm(total=1, unit="tile", leave=False, disable=quiet) as tiles,
    ):

        def progress(job: "FileJob", done: int, count: int) -> None:
            tiles.set_description(job.source.name, refresh=False)
            if done <= 1:
                tiles.reset(count)
            tiles.update(done - tiles.n)

        for outcome in run(jobs, networks, Wanted(**request.wanted), progress):
            counts[_kind(outcome)] += 1
            with tqdm.external_write_mode(file=sys.stderr):
                print(_line(outcome), file=sys.stderr if outcome.error else sys.stdout, flush=True)
            if request.page and outcome.restored is not None and not outcome.error:
                _keep_pictures(pictures, outcome)
            files.update()
    if pictures:
        from restorelab.report import before_after

        place = (request.out or Path()) / PAGE
        before_after.write(pictures, place)
        print(f"page: {place}")
    elif request.page:
        print("page: no file was restored, so there is none")
    if len(jobs) + skipped + bad > 1:
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        print(f"{told}, in {time.perf_counter() - began:.1f} s")
    return 1 if counts["failed"] else 0


def _kind(outcome: "FileOutcome") -> str:
    if outcome.error or outcome.restored is None:
        return "failed"
    return "left as they are" if outcome.restored.untouched else "restored"


def _line(outcome: "FileOutcome") -> str:
    """Return the line that is printed for a file."""
    if outcome.error or outcome.restored is None or outcome.before is None:
        return f"error: {outcome.error}"
    restored, before = outcome.restored, outcome.before
    notes = "".join(f"; {note}" for note in outcome.notes)
    if restored.untouched:
        copied = f", copied to {outcome.job.target}" if outcome.written else ""
        return f"{outcome.job.source}: left as it is{copied}: {restored.untouched}{notes}"
    height, width, bands = before.pixels.shape
    size = f"{width}x{height} {'color' if bands == 3 else 'gray'}, {before.depth} bits"
    level = "" if restored.sigma is None else f", sigma {restored.sigma:.1f}"
    tiles = f", {restored.tiles} tiles" if restored.tiles > 1 else ""
    return f"{outcome.job.source} -> {outcome.job.target}: {size}{level}{tiles}, {outcome.seconds:.1f} s{notes}"


def _keep_pictures(pictures: list[Any], outcome: "FileOutcome") -> None:
    from restorelab.report import before_after

    if len(pictures) < before_after.MOST and outcome.before is not None and outcome.restored is not None:
        pictures.append(before_after.case(outcome.job.source.name, outcome.before.pixels, outcome.restored.pixels))


def _check(jobs: Sequence["FileJob"], networks: _Networks) -> int:
    """Print the PSNR between each image restored in tiles and restored as a whole; write nothing."""
    from restorelab.errors import UserError
    from restorelab.restoring.read_photograph import read

    failed = 0
    for job in jobs:
        try:
            difference = networks(photograph := read(job.source)).tiling_difference(photograph.pixels)
        except UserError as error:
            print(f"error: {job.source}: {error}", file=sys.stderr)
            failed = 1
            continue
        told = "the same, bit for bit" if difference == float("inf") else f"{difference:.1f} dB"
        print(f"{job.source}: in tiles against whole: {told}")
    return failed
