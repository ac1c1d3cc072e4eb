"""`restorelab verify`: measure published weights on the published sets, beside the published numbers."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from restorelab.config import composition, own_keys
from restorelab.config.overrides import parse
from restorelab.data.set_names import degradation_of, set_of
from restorelab.errors import ConfigError, DataError, UserError, nearest
from restorelab.exchange.certificates import Certificate, load, names
from restorelab.quoting import quoted
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
certificate that was named are missing or damaged. These files are named; of missing ones, where they come from.

  restorelab verify
  restorelab verify dncnn_25 bm3d_25 weights_dir=/path/to/weights test.set12.root=/path/to/set12
"""

OWN = ("weights_dir", "out")

FIXED = ("train=false", "protocol=literature", "logger=csv", "callbacks=none", "pictures=0")
"""What every certificate is measured with."""


HEAD = ("certificate", "evaluation", "published", "ours", "difference", "verdict", "restoring took")


@dataclass(frozen=True)
class Verification:
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
    device: str | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """What a table shows of it."""
        measured = ("-", "-") if self.ours is None else (f"{self.ours:.2f}", f"{self.ours - self.published:+.2f}")
        took = "-" if self.seconds is None else f"{self.seconds:.1f} s"
        return self.certificate, self.evaluation, f"{self.published:.2f}", *measured, self.verdict, took


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
    out = Path(given["out"]).expanduser() if "out" in given else Path(base["runs_dir"]) / "verify" / f"{began}.json"
    if out.is_dir():
        raise ConfigError(f"out={out}: it is a folder; name a file, such as {out / 'verify.json'}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    plans = [plan(certificate, folder, overrides) for certificate in certificates]
    rows = [row for planned in plans for row in measure(planned)]
    print("\n".join(ruled(aligned([HEAD, *(row.cells for row in rows)], left=(0, 1, 5)))))
    notes = dict.fromkeys(f"{row.certificate}: {row.note}" for row in rows if row.note)
    print("\n".join(["", *notes]) if notes else "")
    write_json(out, _record(began, rows))
    print(f"result: {out}")
    return status(rows, strict=bool(asked))


def status(rows: Sequence[Verification], *, strict: bool) -> int:
    """Return the exit status. strict: whether every certificate was named, so that none may be missing."""
    verdicts = [row.verdict for row in rows]
    if "differs" in verdicts or "agrees" not in verdicts or (strict and "missing" in verdicts):
        return 1
    return 0


def _record(began: str, rows: Sequence[Verification]) -> dict[str, Any]:
    import platform

    from restorelab.training.machine import versions

    return {
        "schema": 1,
        "date": began,
        "protocol": "literature",
        "versions": versions() | {"python": platform.python_version()},
        "device": next((row.device for row in rows if row.device), None),
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

    Raises:
        ConfigError: for a wrong override, and a published number of an evaluation that the certificate has not.
    """
    weights, note, ckpt = certificate.weights, certificate.note, []
    if weights is not None:
        file = weights.find(folder)
        if file is None:
            found = f"no {' or '.join(weights.files)} in {folder}; it comes from {weights.url}"
            return Plan(certificate, None, f"{found} (licence: {weights.licence})")
        other = f"{file} is another file than the one that the certificate was measured with"
        note = other if weights.differs(file) else ""
        ckpt = [f"ckpt={quoted(str(file))}"]
    sets = [override for override in parse(overrides) if override.key_or_group.startswith("test.")]
    others = {
        str(override.input_line) for override in sets if override.key_or_group.split(".")[1] not in certificate.sets
    }
    own = [word for word in overrides if word not in others]
    settings = composition.compose(
        [*FIXED, *certificate.overrides, f"test=[{','.join(certificate.sets)}]", *ckpt, *own]
    )
    for key in certificate.published:
        if degradation_of(key) not in settings["evaluation"]:
            hint = nearest(degradation_of(key), settings["evaluation"])
            raise ConfigError(f"verify {certificate.name}: published.{key} is none of its evaluations. {hint}")
    return Plan(certificate, settings, note)


def measure(planned: Plan) -> Iterator[Verification]:
    """Yield a row for each published number."""
    certificate, settings = planned.certificate, planned.settings
    if settings is None:
        yield from _missing(certificate, certificate.published, planned.note)
        return
    import torch

    from restorelab.config import build
    from restorelab.models import weights
    from restorelab.training.evaluation import evaluate
    from restorelab.training.machine import device_name

    torch.set_num_threads(settings["threads"])
    built = build.parts(settings)
    device = built.trainer.device
    net = built.net().to(device)
    if settings["ckpt"]:
        try:
            weights.load_into(net, Path(settings["ckpt"]))
        except UserError as error:  # the other certificates are measured
            yield from _missing(certificate, certificate.published, str(error))
            return
    row = partial(Verification, certificate.name, certificate.title, note=planned.note, source=certificate.source)
    for name, dataset in built.tests.items():
        published = {key: value for key, value in certificate.published.items() if set_of(key) == name}
        try:
            sets = built.data(tests={name: dataset}).frozen("test")
        except DataError as error:
            yield from _missing(certificate, published, str(error))
            continue
        for frozen in (frozen for frozen in sets if frozen.evaluation.name in published):
            key = frozen.evaluation.name
            result = evaluate(net, frozen, built.protocol)
            ours = result.metrics()["test/psnr"]
            verdict = "agrees" if abs(ours - published[key]) <= certificate.tolerance else "differs"
            log.info("%s, %s: %.2f dB, published %.2f", certificate.name, key, ours, published[key])
            yield row(key, published[key], ours, verdict, result.seconds, spec=frozen.spec, device=device_name(device))


def _missing(certificate: Certificate, published: Mapping[str, float], note: str) -> Iterator[Verification]:
    for key, value in published.items():
        yield Verification(
            certificate.name, certificate.title, key, value, None, "missing", None, note, certificate.source
        )
