"""Certificates: published numbers of published weights that the protocol has to reproduce; files of conf/verify/."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from restorelab.config import conf_files
from restorelab.config.schema import check_node
from restorelab.data.set_names import set_of
from restorelab.errors import ConfigError, nearest


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights that is not shipped.

    Attributes:
        files: names that it goes by; the first one that is in the folder of weights is taken.
        url: where it comes from.
        sha256: of the file that was measured; None if it was not measured.
        licence: its terms.
    """

    files: list[str]
    url: str
    sha256: str | None = None
    licence: str = ""

    def find(self, folder: Path) -> Path | None:
        """Return the file in a folder; None if it is not there."""
        return next((folder / name for name in self.files if (folder / name).is_file()), None)

    def differs(self, file: Path) -> bool:
        """Return whether a file is known to differ from the one that was measured."""
        if self.sha256 is None:
            return False
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() != self.sha256


@dataclass(frozen=True)
class Certificate:
    """What a published method scores.

    Attributes:
        name: of the file.
        title: what tables call it.
        overrides: its network and degradation, as on the command line of train.py; `protocol=literature` is added.
        published: PSNR in dB by evaluation of a test set, such as `set12/gaussian_25_unclipped`.
        source: of those numbers.
        tolerance: the largest difference in dB that agrees.
        weights: None for a method that learns nothing.
        note: a remark for readers, such as that it was not measured yet.
    """

    name: str
    title: str
    overrides: list[str]
    published: dict[str, float]
    source: str
    tolerance: float = 0.05
    weights: PublishedWeights | None = None
    note: str = ""

    @property
    def sets(self) -> list[str]:
        """The test sets that have a published number."""
        return list(dict.fromkeys(map(set_of, self.published)))


def names() -> list[str]:
    """Return the certificates that there are."""
    return conf_files.options("verify")


def load(name: str) -> Certificate:
    """Read conf/verify/NAME.yaml.

    Raises:
        ConfigError: for a certificate that is not there, and for an unknown key or one that is missing.
    """
    if name not in names():
        raise ConfigError(f"verify {name}: there is no such certificate. {nearest(name, names())}")
    file = conf_files.find("verify", name)
    content = {**conf_files.read_yaml(file), "name": name}
    weights = content.get("weights")
    node = {**weights, "_target_": f"{__name__}.PublishedWeights"} if isinstance(weights, dict) else weights
    check_node(f"{file}: certificate", {**content, "weights": node, "_target_": f"{__name__}.Certificate"})
    for key in content["published"]:
        if set_of(str(key)) not in conf_files.options("test"):
            near = nearest(set_of(str(key)), conf_files.options("test"))
            raise ConfigError(f"{file}: published.{key}: expected SET/EVALUATION. {near}")
    return Certificate(**content | {"weights": PublishedWeights(**weights) if weights else None})
