"""The MNIST report's network from its first step to its 20th epoch, in each of the framework's ways."""

from images import MNIST, find

from gpu_parts import clock
from gpu_parts.record import Work
from gpu_parts.trained import keep

GOAL = 6.0
"""Seconds of training."""


def main() -> None:
    """Train once in each way; the runs are kept."""
    work = Work.read()
    data = find(MNIST, work.scratch.parent, quick=work.quick)
    table = f"mnist_conv_ae, {'3 steps' if work.quick else '20 epochs'}, batch 128, {data.what}"
    short = ["max_steps=3", "data.limit=600", "data.val=64"] if work.quick else ["trainer.max_epochs=20"]
    both, bf16 = ["trainer.steps_per_call=8", "trainer.graph=true"], "trainer.precision=bf16-mixed"
    chosen = {"framework, graph, steps_per_call=8": both, "framework": [], "framework, bf16, graph": [*both, bf16]}
    for way, more in (chosen if work.cuda else {"framework, steps_per_call=8": both[:1]}).items():
        job = ["model=mnist_conv_ae", "noise=gaussian", "loss=bce", *data.overrides, "data.batch_size=128", *short]
        try:
            result = work.run(*job, *more, callback={"_target_": "gpu_parts.clock.Clock"})
        except RuntimeError as error:
            work.row(way, table=table, note=str(error).splitlines()[0])
            continue
        seconds = clock.FOUND["all"] - clock.FOUND["validating"]
        columns = {
            "seconds": seconds,
            "with validation": clock.FOUND["all"],
            "test PSNR": result["metrics"]["test/psnr"],
        }
        work.compared(way, seconds, at_most=GOAL, table=table, **columns)
        keep(result["folder"], f"mnist_conv_ae, {way}", work.out)


if __name__ == "__main__":
    main()
