"""`make gpu-pack`: what `make gpu` needs on a machine without a network, in the ignored folder carry/.

Wheels of small packages, MNIST, faces as one file, and what the evaluation's bits are here.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import images
from gpu_site import CARRY, ROOT, WHEELS, plain, variables

FACES_AT_MOST = 40 * 10**6
MIB = 2**20


def pack(pythons: list[str], megabytes: int) -> None:
    """Fill carry/ anew, below so many MiB in all."""
    shutil.rmtree(CARRY, ignore_errors=True)
    _wheels(CARRY / "wheels", pythons)
    told = {"when": time.strftime("%Y-%m-%d %H:%M"), "commit": commit(), "faces": "", "bits": {}}
    shared = images.shared()
    if shared and (shared / "data" / "mnist").is_dir():
        shutil.copytree(shared / "data" / "mnist", CARRY / "shared" / "data" / "mnist", dirs_exist_ok=True)
    if shared and (shared / "data" / "faces").is_dir():
        told["faces"] = _faces(shared / "data" / "faces", min(FACES_AT_MOST, megabytes * MIB - size(CARRY)))
        told["bits"] = _bits()
    (CARRY / "manifest.json").write_text(json.dumps(told, indent=1))
    print(f"{CARRY}: {size(CARRY) / MIB:.1f} MiB; faces: {told['faces'] or 'none here, stand-ins are made there'}")


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def commit() -> str:
    """Which commit this is, "" outside a repository."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def _wheels(folder: Path, pythons: list[str]) -> None:
    """Bring the locked versions; of those that are compiled, one for each Python."""
    folder.mkdir(parents=True)
    locked = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line
                  and not line.startswith("#"))  # fmt: skip
    versions = {plain(name): number for name, number in locked.items()}
    pip = [sys.executable, "-m", "pip"]
    platforms = [f"--platform=manylinux{tag}_x86_64" for tag in ("_2_28", "_2_17", "2014", "1")]
    named = [f"{name}=={versions[plain(name)]}" for name in WHEELS]
    from_source = [name for name in named if name.startswith("antlr4")]  # of which there is no wheel
    for python in pythons:
        subprocess.run(
            [*pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation=cp", *platforms,
             f"--python-version={python}", "-d", str(folder), *[name for name in named if name not in from_source]],
            check=True,
        )  # fmt: skip
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "-w", str(folder), *from_source], check=True)


def _faces(folder: Path, room: int) -> str:
    """Pack as many face files, as they are, as fit into `room` bytes, evenly chosen. Says what they are."""
    files = sorted(folder.glob("*.jpg"))
    mean = sum(file.stat().st_size for file in files) / len(files) + 250  # of the archive's own, for a file
    count = min(len(files), int(0.99 * room / mean))
    chosen = [files[place * len(files) // count] for place in range(count)]
    with zipfile.ZipFile(CARRY / "faces.zip", "w", zipfile.ZIP_STORED) as archive:
        for file in chosen:
            archive.write(file, file.name)
    return f"{len(chosen):,} of the {len(files):,} UTKFace faces"


def _bits() -> dict[str, str]:
    """What the evaluation's images are on this machine, for comparison: evaluate the identity, as the job evaluates."""
    from gpu_parts.record import PARTS

    with tempfile.TemporaryDirectory() as scratch:
        faces, run = Path(scratch, "faces"), Path(scratch, "run")
        zipfile.ZipFile(CARRY / "faces.zip").extractall(faces)
        overrides = ["model=identity", "data=faces", f"data.root={faces}", "noise=impulse", *PARTS, "logger=csv"]
        environment = variables(Path(scratch, "site"), Path(scratch))
        command = [sys.executable, str(ROOT / "train.py"), *overrides, f"run_dir={run}", "trainer.accelerator=cpu"]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        result = json.loads((run / "result.json").read_text())
    return {entry["degradation"]: entry["bits"] for entry in result["evaluations"]}


def unpack(scratch: Path) -> dict:
    """Lay out the carried images below `scratch` and let RESTORELAB_SHARED name them; gives the manifest."""
    if not (CARRY / "manifest.json").is_file():
        return {"commit": commit(), "faces": "", "bits": {}}
    told = json.loads((CARRY / "manifest.json").read_text())
    data = scratch / "shared" / "data"
    data.mkdir(parents=True)
    if (CARRY / "shared" / "data" / "mnist").is_dir():
        (data / "mnist").symlink_to(CARRY / "shared" / "data" / "mnist")
    if (CARRY / "faces.zip").is_file():
        zipfile.ZipFile(CARRY / "faces.zip").extractall(data / "faces")
    os.environ["RESTORELAB_SHARED"] = str(scratch / "shared")
    return told
