"""What the parts of `make gpu` import: the machine's own packages, and beside them wheels that were carried.

No virtual environment: one that is made by the Python of another would not see that one's packages, torch among them.
Wheels of what is missing are unpacked into a folder that stands on PYTHONPATH; so neither pip nor a network is needed.
"""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CARRY = ROOT / "carry"

WHEELS = (
    "lightning", "pytorch-lightning", "lightning-utilities", "torchmetrics", "hydra-core", "omegaconf",
    "antlr4-python3-runtime", "kornia", "kornia_rs", "filelock", "tqdm", "rich", "markdown-it-py", "mdurl", "Pygments",
    "PyYAML", "tifffile", "packaging", "pytest", "pluggy", "iniconfig",
)  # fmt: skip
"""What is carried: small, and missing where there are torch and the usual packages for numbers and images alone."""

SPARED = ("wandb", "torch")
"""What is not looked for: runs are done with logger=csv; torch is looked for before."""


def bounds() -> dict[str, str]:
    """The least version of each package that is needed, "" where any will do."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = dict.fromkeys(map(plain, WHEELS), "")
    for line in needed:
        name, _, rest = line.partition(">=")
        found[plain(name)] = rest.split(",")[0]
    return {name: least for name, least in found.items() if name not in SPARED}


def plain(name: str) -> str:
    """A package's name as the index normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def satisfied(name: str, least: str) -> bool:
    """Whether this Python has a package, and not an older one."""
    try:
        return _numbers(version(name)) >= _numbers(least)
    except PackageNotFoundError:
        return False


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text.split("+", maxsplit=1)[0])]


def install(site: Path) -> list[str]:
    """Unpack wheels of what is missing into `site`; what has no wheel is asked of an index.

    Gives what is missing still.
    """
    site.mkdir(parents=True, exist_ok=True)
    missing = [name for name, least in bounds().items() if not satisfied(name, least)]
    for name in list(missing):
        wheel = next((file for file in sorted(CARRY.glob("wheels/*.whl")) if _fits(file, name)), None)
        if wheel:
            zipfile.ZipFile(wheel).extractall(site)
            missing.remove(name)
    if missing:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0", "--timeout", "10",
               "--target", str(site)]  # fmt: skip
        if subprocess.run([*pip, *missing], check=False).returncode == 0:
            return []
    return missing


def _fits(wheel: Path, name: str) -> bool:
    found, tags = plain(wheel.name.split("-")[0]), wheel.name.split("-")[2:]
    return found == name and (tags[0].endswith("py3") or tags[0] == f"cp{sys.version_info[0]}{sys.version_info[1]}")


def variables(site: Path, scratch: Path) -> dict[str, str]:
    """The environment of a part."""
    paths = [ROOT / "src", ROOT / "benchmarks", ROOT / "tests", site]
    own = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "RESTORELAB_CACHE": str(scratch / "cache"),
           "WANDB_MODE": "disabled", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    return {**os.environ, **own}
