"""Training for real with the time that is left: the best recipe, then the reports' networks."""

from images import FACES, find

from gpu_parts.record import Work
from gpu_parts.trained import keep

EXPERIMENTS = {
    "faces_dual_ae/best": 9000,  # as docs/log.md, 2026-11-28
    "faces_dual_ae/dual_ae_skip_impulse": 6000,
    "faces_dual_ae/dual_ae_skip": 6000,
    "faces_dual_ae/dual_ae": 6000,
    "faces_dual_ae/ae": 6000,
}
"""What is trained, in the order of its value, and for how many steps where there is time."""

END = 15.0
"""Seconds kept for the last validation, the evaluation and the files."""
LEAST = 30.0
"""Seconds below which nothing more is begun."""


def main() -> None:
    """Train one after another until the time is over."""
    work = Work.read()
    found = find(FACES, work.scratch.parent, quick=work.quick)
    data = [override for override in found.overrides if override.startswith("data")]
    for experiment, wanted in EXPERIMENTS.items():
        if work.left < LEAST + END:
            work.row(experiment, note="no time left")
            continue
        job = [
            f"experiment={experiment}",
            *data,
            *(["data.batch_size=4", "data.limit=80", "data.size=[52,52]"] if work.quick else []),
        ]
        steps = 2 if work.quick else min(wanted, affordable(work, job))
        limit = max(1, int(work.left - END))
        result = work.run(
            *job, f"max_steps={steps}", f"trainer.validate_steps={max(1, steps // 6)}", "trainer.steps_per_call=8",
            f"max_time={limit // 3600:02}:{limit // 60 % 60:02}:{limit % 60:02}",
        )  # fmt: skip
        keep(result["folder"], experiment.replace("/", "-"), work.out)
        for entry in result["evaluations"]:
            columns = {name: entry["metrics"][name] for name in ("test/psnr", "test/ssim", "input/psnr")}
            table = f"{experiment}, {found.what}, {steps} of {wanted} steps, {result['seconds']:.0f} s"
            work.row(entry["degradation"], table=table, images=entry["images"], **columns)
        if work.quick:
            return


def affordable(work: Work, job: list[str]) -> int:
    """How many steps fit into what is left, by the rate of a short run."""
    tried = work.run(*job, "max_steps=80", "data.val=32", "data.test=32")
    rate = (tried["images_per_second"] or 0.0) / batch_size(job)
    return max(1, int(0.7 * rate * (work.left - END)))


def batch_size(job: list[str]) -> int:
    """Images of a step."""
    from restorelab.config.composition import compose

    return int(compose(job)["data"]["batch_size"])


if __name__ == "__main__":
    main()
