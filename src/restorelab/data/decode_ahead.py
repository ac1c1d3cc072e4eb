"""Decode the items of a dataset in threads, in order, within the available memory."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from restorelab.data.decode import BadImage, Decoded, Decoding, decode, forget
from restorelab.data.decode_memory import Gate
from restorelab.data.factor import cut
from restorelab.data.item import Item
from restorelab.data.memory import cpus


@dataclass(frozen=True)
class Ready:
    """A decoded item: its image, the degraded partner, and the hash of both and of the label."""

    clean: Decoded
    degraded: Decoded | None
    content: int

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels of both images."""
        return self.clean.pixels.nbytes + (0 if self.degraded is None else self.degraded.pixels.nbytes)


Result = Ready | BadImage


def in_order(items: Sequence[Item], decoding: Decoding, chunk: int) -> Generator[Result, None, None]:
    """Yield results in the items' order; up to three tasks of `chunk` images per thread are pending.

    If all items are arrays already, no threads are used.
    """
    if all(isinstance(item.clean, np.ndarray) for item in items):
        yield from (_decoded(item, decoding) for item in items)
        return
    workers = cpus()
    waiting: deque[Future[list[Result]]] = deque()
    gate = Gate()
    tasks = range(-(-len(items) // chunk))
    oldest = iter(tasks)

    def work(task: int) -> list[Result]:
        results: list[Result] = []
        for item in items[task * chunk : (task + 1) * chunk]:
            before = _nbytes(results)
            results.append(_decoded(item, decoding, lambda size, before=before: gate.take(task, before + size)))  # type: ignore[misc]
        gate.take(task, _nbytes(results))
        return results

    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) >= 3 * workers:
                    yield from waiting.popleft().result()
                    gate.done(next(oldest))
            while waiting:
                yield from waiting.popleft().result()
                gate.done(next(oldest))
        finally:
            gate.close()
            pool.shutdown(wait=True, cancel_futures=True)
            forget()


def _nbytes(results: Sequence[Result]) -> int:
    return sum(result.nbytes for result in results if isinstance(result, Ready))


def _decoded(item: Item, decoding: Decoding, reserve: Callable[[int], None] = lambda size: None) -> Result:
    try:
        clean, degraded = decode(item.clean, decoding, reserve), None
        if item.degraded is not None:
            degraded = decode(item.degraded, decoding, lambda size: reserve(clean.pixels.nbytes + size))
        pixels, partner = cut(clean.pixels, None if degraded is None else degraded.pixels, decoding.multiple)
        if not pixels.size:
            raise BadImage(item.id, f"smaller than data.multiple={decoding.multiple}")
        content = hashed(pixels, partner, item.label)
        if degraded is not None and partner is not None:
            degraded = replace(degraded, pixels=partner)
        return Ready(replace(clean, pixels=pixels), degraded, content)
    except BadImage as bad:
        return bad


def hashed(pixels: np.ndarray, partner: np.ndarray | None, label: int | None) -> int:
    """Return a 64-bit hash of an image's pixels, the pixels of its degraded partner, and its label."""
    digest = hashlib.blake2b(str(label).encode(), digest_size=8)
    for array in (pixels, partner):
        if array is not None:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return int.from_bytes(digest.digest(), "little")
