"""The data path alone: degraded faces a second, from images on the device and from memory."""

import time

from gpu_parts.record import Work

SECONDS = 4.0


def main() -> None:
    """Leave a row a residency."""
    import torch
    from data_path import framework

    work = Work.read()
    data, what = work.faces()
    table = f"{what} to 100x100, impulse noise, batch 128"
    for residency in ("device", "stream"):
        batches = framework([*work.overrides(*data), f"data.residency={residency}"])
        for _ in range(2 if work.quick else 20):
            next(batches)
        _wait(torch)
        began, images = time.perf_counter(), 0
        while time.perf_counter() - began < (0.3 if work.quick else SECONDS):
            for _ in range(2 if work.quick else 50):
                images += next(batches)
            _wait(torch)
        work.row(f"data.residency={residency}", table=table, **{"images/s": images / (time.perf_counter() - began)})


def _wait(torch: object) -> None:
    if torch.cuda.is_available():  # type: ignore[attr-defined]
        torch.cuda.synchronize()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
