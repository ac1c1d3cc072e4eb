"""What the tests of scoring share."""

import shutil

import numpy as np
import pytest
import torch
from scoring import Made

import runs
from restorelab.exchange import export_set, manifest
from restorelab.restoring.inference import exact, restore
from restorelab.runs.record import Record
from restorelab.training import write_results

SAID = ("evaluation=[gaussian_25_unclipped,impulse_30]", "trainer.max_epochs=1")


@pytest.fixture(autouse=True)
def _small_panels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(write_results, "PICTURES", 1)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run, its exported set, what its network makes of the set's files, and these files as outputs."""
    folder = tmp_path_factory.mktemp("scored")
    assert runs.run(folder / "run", *SAID).status == "done"
    assert export_set.run([f"run={folder / 'run'}", f"out={folder / 'set'}"]) == 0
    record = Record("run", folder / "run")
    for entry in manifest.read(folder / "set").evaluations:
        given = folder / "set" / entry.folder / "input_exact"
        shutil.copytree(given, folder / "inputs" / entry.folder)
        (folder / "restored" / entry.folder).mkdir(parents=True)
        net = record.net(entry.name)
        for file in given.iterdir():
            with exact():
                image = restore(net, torch.from_numpy(np.load(file))[None, None])[0, 0]
            np.save(folder / "restored" / entry.folder / file.name, image.numpy())
    return Made(folder / "run", folder / "set", folder / "restored", folder / "inputs")
