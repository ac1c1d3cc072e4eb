"""Imported by the fork server: all that a run needs, and nothing done with it.

A process that is forked from a server with a second thread, or with a started OpenMP pool, hangs at its first parallel
operation. So the server only imports, and refuses to serve when an import has started a thread.
"""

import atexit
import gc
import os
import shutil
import signal
from importlib import import_module
from pathlib import Path

WANDB = ("wandb.sdk.wandb_run", "wandb.sdk.launch.inputs.internal")
"""Modules of wandb that are removed from the fork server; wandb.init would import the last of them again in 0.4 s."""

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""For the server: NumPy's and SciPy's BLAS would start threads at import, and counting GPUs would open CUDA."""

SERVER = "RESTORELAB_FORK_SERVER"
"""Environment variable that makes importing this module do its work: the sweep's process, and the socket's folder."""

MODULES = (
    "torch", "torch.optim", "torch._dynamo", "lightning.pytorch", "torchmetrics", "kornia", "wandb", "scipy.ndimage",
    "skimage", "matplotlib.figure", "matplotlib.backends.backend_agg", "PIL.Image", "hydra.utils", "yaml",
    "restorelab.training.execute", "restorelab.training.loggers.wandb", "restorelab.sweep.worker", *WANDB,
)  # fmt: skip


def threads() -> int:
    """How many threads this process has; 1 where the system does not tell."""
    tasks = Path("/proc/self/task")
    return len(os.listdir(tasks)) if tasks.is_dir() else 1  # noqa: PTH208  (thread numbers, not paths)


def tidy(folder: str, sweep: int) -> None:
    """Remove the folder of the server's socket, which a sweep that was killed cannot do."""
    if os.getppid() != sweep:
        shutil.rmtree(folder, ignore_errors=True)


if told := os.environ.pop(SERVER, None):
    sweep, _, folder = told.partition(" ")
    atexit.register(tidy, folder, int(sweep))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep; a fork listens for itself
    gc.disable()
    for name in MODULES:
        try:
            import_module(name)
        except ImportError:
            if name not in WANDB:
                raise
    if threads() > 1:
        msg = f"an import of {', '.join(MODULES)} started {threads() - 1} threads; nothing can be forked from here"
        raise RuntimeError(msg)
    gc.freeze()  # no run reads these pages again, so they are never copied
    gc.enable()
