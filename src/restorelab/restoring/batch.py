"""Restore many files: the next one is decoded and the previous one is written while the network computes."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from restorelab.data.decode_memory import Gate
from restorelab.errors import DataError, UserError
from restorelab.restoring import fitting
from restorelab.restoring.photograph import READ_ONLY, Photograph, white
from restorelab.restoring.read_photograph import read
from restorelab.restoring.restorer import Restored, Restorer
from restorelab.restoring.write_photograph import whole, write


@dataclass(frozen=True)
class FileJob:
    """A file and where its result goes."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Wanted:
    """How results are stored.

    Attributes:
        format: one of `photograph.FORMATS`; None keeps the file's format.
        depth: 8, 16 or 32 bits per sample; None keeps the file's depth.
        quality: of JPEG and lossy WebP, 1 to 100.
        lossy: whether files are restored of which something cannot be kept.
    """

    format: str | None = None
    depth: int | None = None
    quality: int = 95
    lossy: bool = False


@dataclass(frozen=True)
class FileOutcome:
    """The outcome of one file.

    Attributes:
        job: the file.
        error: why it failed; empty for a file that was restored or left unchanged.
        restored: the restored samples; None after an error.
        before: the photograph as it was read; None after an error.
        seconds: duration of estimating the noise and restoring.
        notes: what changed of the file beside its pixels.
        written: whether the result was written.
    """

    job: FileJob
    error: str = ""
    restored: Restored | None = None
    before: Photograph | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    written: bool = False


Progress = Callable[[FileJob, int, int], object]
"""A function that is called with the file, the number of its finished tiles, and the number of its tiles."""


def run(
    jobs: Sequence[FileJob],
    restorer: Callable[[Photograph], Restorer],
    wanted: Wanted,
    progress: Progress = lambda job, done, count: None,
) -> Iterator[FileOutcome]:
    """Restore files in order and yield an outcome for each; an error of one file does not stop the others.

    At most three photographs are in memory: one that is decoded, one that is restored, and one that is written; fewer
    if they are large. restorer: returns the restorer for a photograph.
    """
    gate, stopped = Gate(), threading.Event()

    def decode(place: int) -> Photograph:
        if stopped.is_set():
            raise DataError("stopped")
        photograph = read(jobs[place].source, lambda size: gate.take(place, size))
        fitting.check(photograph, wanted.format, wanted.depth, lossy=wanted.lossy)
        return photograph

    def encode(place: int, outcome: FileOutcome) -> FileOutcome:
        try:
            return _written(outcome, wanted)
        finally:
            gate.done(place)

    with ThreadPoolExecutor(1, "decode") as decoder, ThreadPoolExecutor(1, "encode") as encoder:
        try:
            following = decoder.submit(decode, 0) if jobs else None
            pending: Future[FileOutcome] | None = None
            for place, job in enumerate(jobs):
                assert following is not None
                decoded, following = following, None
                if place + 1 < len(jobs):
                    following = decoder.submit(decode, place + 1)
                outcome = _computed(job, decoded, restorer, progress)
                del decoded
                if pending is not None:
                    yield pending.result()
                pending = encoder.submit(encode, place, outcome)
                del outcome  # its pixels are freed once they are written
            if pending is not None:
                yield pending.result()
        finally:
            stopped.set()
            gate.close()


def _computed(
    job: FileJob, decoded: Future[Photograph], restorer: Callable[[Photograph], Restorer], progress: Progress
) -> FileOutcome:
    try:
        photograph = decoded.result()
        began = time.perf_counter()
        restored = restorer(photograph).restore(
            photograph.pixels, photograph.alpha, lambda done, count: progress(job, done, count)
        )
    except UserError as error:
        return FileOutcome(job, _reason(job, error))
    return FileOutcome(job, "", restored, photograph, time.perf_counter() - began)


def _written(outcome: FileOutcome, wanted: Wanted) -> FileOutcome:
    """Write the result of a file; an unchanged file is copied if its result belongs into another folder."""
    job, restored, photograph = outcome.job, outcome.restored, outcome.before
    if restored is None or photograph is None:
        return outcome
    same_file = wanted.format in (None, photograph.format) and wanted.depth in (None, photograph.depth)
    if restored.untouched and same_file and job.target.parent == job.source.parent:
        return outcome
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        if restored.untouched and same_file and photograph.format not in READ_ONLY:
            with whole(job.target) as stream, job.source.open("rb") as original:
                shutil.copyfileobj(original, stream)
            return replace(outcome, written=True)
        result, notes = fitting.fitted(_result(photograph, restored), wanted.format, wanted.depth)
        write(result, job.target, wanted.quality)
        return replace(outcome, notes=notes, written=True)
    except UserError as error:
        return replace(outcome, error=_reason(job, error))
    except Exception as error:  # an encoder may refuse metadata in its own way
        reason = error.strerror if isinstance(error, OSError) else None
        return replace(
            outcome, error=f"{job.target}: cannot be written ({reason or f'{type(error).__name__}: {error}'})."
        )


def _reason(job: FileJob, error: UserError) -> str:
    """Return the error's message, with the name of the file."""
    message = str(error)
    return message if str(job.source) in message or str(job.target) in message else f"{job.source}: {message}"


def _result(photograph: Photograph, restored: Restored) -> Photograph:
    """Return the photograph with its restored pixels; transparency is enlarged if the network enlarges."""
    alpha = photograph.alpha
    height, width = restored.pixels.shape[:2]
    if alpha is not None and alpha.shape != (height, width):
        floating = Image.fromarray(alpha.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        top = white(alpha)
        enlarged = np.asarray(floating).clip(0, top)
        alpha = (enlarged if alpha.dtype == np.float32 else np.rint(enlarged)).astype(alpha.dtype)
    return replace(photograph, pixels=restored.pixels, alpha=alpha)
