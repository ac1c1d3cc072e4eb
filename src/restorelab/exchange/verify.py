"""`restorelab verify`: measure published weights on the published sets, beside the published numbers."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from restorelab.config import composition, own_keys
from restorelab.config.overrides import parse
from restorelab.data.set_names import set_of
from restorelab.errors import ConfigError, DataError
from restorelab.exchange.certificates import Certificate, load, names
from restorelab.report.text_table import aligned, ruled
from restorelab.runs.run_folder import write_json

log = logging.getLogger(__name__)

USAGE = """\
restorelab verify [NAME ...] [key=value ...]: measure published weights on the published sets, beside what is printed.

  NAME ...            certificates, files of conf/verify; left out: all whose weights and sets are at hand
  weights_dir=FOLDER  where the weights lie; left out: <data_dir>/weights
  data_dir=FOLDER     where the test sets lie, each in a folder of its name; test.bsd68.root=FOLDER names another place
  out=FILE            the result as JSON, with versions and device; left out: <runs_dir>/verify/<date>-<time>.json
  trainer.accelerator=cpu, threads=2 ...   as for train

Exit status: 0 if every number agrees; 1 if one differs, if nothing could be measured, or if the weights or sets of a
certificate that was named are missing. Missing files are named, with where they come from.

  restorelab verify
  restorelab verify dncnn_25 bm3d_25 weights_dir=/path/to/weights test.set12.root=/path/to/set12
"""

OWN = ("weights_dir", "out")

FIXED = ("train=false", "protocol=literature", "logger=csv", "callbacks=none", "pictures=0")
"""What every certificate is measured with."""


@dataclass(frozen=True)
class Row:
    """One published number beside ours; `ours` is None where it could not be measured, for the reason in `note`."""

    certificate: str
    title: str
    evaluation: str
    published: float
    ours: float | None
    verdict: str
    seconds: float | None
    note: str
    source: str
    spec: str | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """What a table shows of it."""
        measured = ("-", "-") if self.ours is None else (f"{self.ours:.2f}", f"{self.ours - self.published:+.2f}")
        took = "-" if self.seconds is None else f"{self.seconds:.1f} s"
        return self.certificate, self.evaluation, f"{self.published:.2f}", *measured, self.verdict, took


HEAD = ("certificate", "evaluation", "published", "ours", "difference", "verdict", "restoring took")


def run(argv: Sequence[str]) -> int:
    """Measure, print the table and write the JSON; return the exit status.

    Raises:
        ConfigError: for a certificate, key or value that is not known.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    asked = [word for word in argv if "=" not in word and not word.startswith(("-", "~", "+"))]
    given, overrides = own_keys.split("verify", [word for word in argv if word not in asked], OWN)
    certificates = [load(name) for name in asked or names()]
    began = time.strftime("%Y%m%d-%H%M%S")
    base = composition.compose([word for word in overrides if not word.startswith("test.")])
    folder = Path(given["weights_dir"] if "weights_dir" in given else Path(base["data_dir"]) / "weights").expanduser()
    plans = [plan(certificate, folder, overrides) for certificate in certificates]
    rows = [row for planned in plans for row in measure(planned)]
    print("\n".join(ruled(aligned([HEAD, *(row.cells for row in rows)], left=(0, 1, 5)))))
    notes = dict.fromkeys(f"{row.certificate}: {row.note}" for row in rows if row.note)
    print("\n".join(["", *notes]) if notes else "")
    out = Path(given["out"]).expanduser() if "out" in given else Path(base["runs_dir"]) / "verify" / f"{began}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, _record(began, rows))
    print(f"result: {out}")
    return status(rows, strict=bool(asked))


def status(rows: Sequence[Row], *, strict: bool) -> int:
    """Return the exit status. strict: whether every certificate was named, so that none may be missing."""
    verdicts = [row.verdict for row in rows]
    if "differs" in verdicts or "agrees" not in verdicts or (strict and "missing" in verdicts):
        return 1
    return 0


def _record(began: str, rows: Sequence[Row]) -> dict[str, Any]:
    import platform

    import torch

    from restorelab.training.machine import device_name, versions

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "schema": 1,
        "date": began,
        "protocol": "literature",
        "versions": versions() | {"python": platform.python_version()},
        "device": device_name(device),
        "host": platform.node(),
        "rows": [asdict(row) for row in rows],
    }


@dataclass(frozen=True)
class Plan:
    """How a certificate is measured: by its composed config; None where its weights are missing, as `note` says."""

    certificate: Certificate
    settings: dict[str, Any] | None
    note: str


def plan(certificate: Certificate, folder: Path, overrides: Sequence[str]) -> Plan:
    """Look for the weights and compose the config, so that a wrong override ends the command before it measures.

    folder: of the weights. overrides: of the user, for every certificate.
    """
    weights, note = certificate.weights, certificate.note
    file = weights.find(folder) if weights else None
    if weights and file is None:
        missing = (
            f"no {' or '.join(weights.files)} in {folder}; it comes from {weights.url} (licence: {weights.licence})"
        )
        return Plan(certificate, None, missing)
    if weights and file:
        other = f"{file} is another file than the one that the certificate was measured with"
        note = other if weights.differs(file) else ""
    return Plan(certificate, _composed(certificate, file, overrides), note)


def measure(planned: Plan) -> Iterator[Row]:
    """Yield a row for each published number."""
    if planned.settings is None:
        yield from _missing(planned.certificate, planned.certificate.published, planned.note)
        return
    for row in _measured(planned.certificate, planned.settings, planned.note):
        if row.ours is not None:
            log.info("%s, %s: %.2f dB, published %.2f", row.certificate, row.evaluation, row.ours, row.published)
        yield row


def _composed(certificate: Certificate, file: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    sets = [override for override in parse(overrides) if override.key_or_group.startswith("test.")]
    others = {
        str(override.input_line) for override in sets if override.key_or_group.split(".")[1] not in certificate.sets
    }
    ckpt = [f"ckpt='{file}'"] if file is not None else []
    own = [word for word in overrides if word not in others]
    return composition.compose([*FIXED, *certificate.overrides, f"test=[{','.join(certificate.sets)}]", *ckpt, *own])


def _measured(certificate: Certificate, settings: Mapping[str, Any], note: str) -> Iterator[Row]:
    import torch

    from restorelab.config import build
    from restorelab.models import weights
    from restorelab.training.evaluation import evaluate

    torch.set_num_threads(settings["threads"])
    built = build.parts(settings)
    net = built.net().to(built.trainer.device)
    if settings["ckpt"]:
        weights.load_into(net, Path(settings["ckpt"]))
    for name, dataset in built.tests.items():
        published = {key: value for key, value in certificate.published.items() if set_of(key) == name}
        try:
            sets = built.data(tests={name: dataset}).frozen("test")
        except DataError as error:
            yield from _missing(certificate, published, str(error))
            continue
        by_name = {frozen.evaluation.name: frozen for frozen in sets}
        for key, value in published.items():
            if key not in by_name:
                known = ", ".join(by_name)
                raise ConfigError(f"verify {certificate.name}: published.{key} is none of its evaluations: {known}.")
            result = evaluate(net, by_name[key], built.protocol)
            ours = result.metrics()["test/psnr"]
            verdict = "agrees" if abs(ours - value) <= certificate.tolerance else "differs"
            yield Row(certificate.name, certificate.title, key, value, ours, verdict, result.seconds, note,
                      certificate.source, result.frozen.spec)  # fmt: skip


def _missing(certificate: Certificate, published: Mapping[str, float], note: str) -> Iterator[Row]:
    for key, value in published.items():
        yield Row(certificate.name, certificate.title, key, value, None, "missing", None, note, certificate.source)
