"""The pages of the reference, made from the config files, the signatures and the --help of each command."""

import io
import re
from contextlib import redirect_stdout, suppress
from html import escape
from typing import Any

from restorelab.cli import main
from restorelab.config import conf_files, options, schema, signatures
from restorelab.config.options import ConfFile, Option
from restorelab.config.schema import conf_dir
from restorelab.sweep import keys

GROUPS = (*schema.GROUPS, "executor")
NAMED_RUNS = ("experiment", "study", "verify")

TITLES = {
    "model": "the network",
    "data": "which images, their split, size, crops and batches",
    "blur": "the first stage of the degradation",
    "downsample": "the second stage of the degradation",
    "noise": "the third stage of the degradation; names the evaluation that goes with it",
    "jpeg": "the fourth stage of the degradation",
    "evaluation": "the fixed degradations that validation and test images are measured under",
    "loss": "what a training step minimizes",
    "objective": "how a training step uses the network, and what is measured",
    "optimizer": "the optimizer",
    "scheduler": "the learning rate over the run",
    "trainer": "epochs, devices, precision, compilation, checkpoints",
    "protocol": "how an image is measured",
    "metrics": "what is measured of each image",
    "logger": "where a run is shown besides its folder",
    "callbacks": "what else happens during training",
    "executor": "where `sweep.py` executes its runs",
    "test": "test sets apart from the training data",
    "val": "a validation set apart from the training data",
}
"""What each config group decides."""


def pages() -> dict[str, str]:
    """Return the generated pages, Markdown by path below docs/."""
    made = {f"reference/configs/{group}.md": group_page(group) for group in groups()}
    made["reference/run.md"] = keys_page("train", "Keys of a run", "`python train.py KEY=VALUE`")
    made["reference/sweep.md"] = keys_page("sweep", "Keys of a sweep", "`python sweep.py KEY=VALUE`")
    made["reference/experiments.md"] = named_page("experiment", "Experiments", "python train.py experiment={}")
    made["reference/studies.md"] = named_page("study", "Studies", "python sweep.py study={}")
    made["reference/certificates.md"] = named_page("verify", "Certificates", "restorelab verify {}")
    made["reference/command-line.md"] = command_line_page()
    return made


def group_table() -> str:
    """Return the rows of the table of config groups on the reference's first page."""
    named = zip(NAMED_RUNS, ("experiments", "studies", "certificates"), strict=True)
    rows = [f"| [`{group}`](configs/{group}.md) | {TITLES.get(group, '')} |" for group in groups()]
    return "\n".join([*rows, *(f"| [`{name}`]({page}.md) | a named set of choices |" for name, page in named)])


def groups() -> list[str]:
    """Return the config groups that have a page of tables: all but the named runs, in the order of a report."""
    there = {folder.name for folder in conf_dir().iterdir() if folder.is_dir()} - {
        *NAMED_RUNS,
        "verify",
    }  # certificates: docs/verify.md
    return [*(group for group in GROUPS if group in there), *sorted(there - set(GROUPS))]


def group_page(group: str) -> str:
    """Return the page of one config group: a table for each of its options."""
    decides = TITLES.get(group, "")
    parts = [f"# {group}", f"`{group}=OPTION`: {decides}." if decides else f"`{group}=OPTION`."]
    parts.append("Made from the files of `conf/`, the signatures of their targets and their docstrings.")
    for file in options.files(group):
        conf = options.described(file)
        parts += [f"## {conf.name.partition('/')[2]}", *_head(conf), table(conf, f"{group}.")]
    return "\n\n".join(filter(None, parts)) + "\n"


def keys_page(name: str, title: str, use: str) -> str:
    """Return the page of the keys at the root of train.yaml or sweep.yaml."""
    conf = options.described(conf_dir() / f"{name}.yaml")
    return f"# {title}\n\n{use}, from `conf/{name}.yaml`.\n\n{table(conf, '')}\n"


def named_page(group: str, title: str, command: str) -> str:
    """Return the page of the experiments or studies: what each file says at its head, and its commands."""
    parts = [f"# {title}", f"`{command.format('NAME')}`; each is a file of `conf/{group}/`."]
    for file in options.files(group):
        conf = options.read(file)
        content = conf_files.read_yaml(file)
        title = f"**{text(content['title'])}**" if "title" in content else ""
        parts += [f"## {conf.name.partition('/')[2]}", title, *_head(conf)]
        parts += published(content) if group == "verify" else []
    return "\n\n".join(filter(None, parts)) + "\n"


def published(content: dict[str, Any]) -> list[str]:
    """Return the published numbers of a certificate as a table, and what they belong to."""
    weights = content.get("weights")
    needed = f"Weights: {text(weights['url'])}; license: {text(weights['licence'])}." if weights else "No weights."
    rows = [f"| `{name.replace('/', '` | `')}` | {value} |" for name, value in content["published"].items()]
    return [
        "\n".join(["| Test set | Evaluation | Published PSNR (dB) |", "| --- | --- | --- |", *rows]),
        f"Source: {text(content['source'])}. A measured number agrees within {content['tolerance']} dB.",
        needed,
    ]


def command_line_page() -> str:
    """Return the page of the command line: the --help of `restorelab` and of each of its commands."""
    parts = ["# Command line", _code(help_of())]
    for verb in verbs():
        parts += [f"## restorelab {verb}", _code(help_of(verb))]
    parts.append("`python train.py` is `restorelab train`, and `python sweep.py` is `restorelab sweep`.")
    return "\n\n".join(parts) + "\n"


def verbs() -> list[str]:
    """Return the commands that `restorelab --help` lists."""
    return list(dict.fromkeys(re.findall(r"^  restorelab ([a-z]\S*)", main.USAGE, re.MULTILINE)))


def help_of(*verb: str) -> str:
    """Return what `restorelab VERB --help` prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):  # Hydra's own help ends the process
        main.main([*verb, "--help"])
    return printed.getvalue().strip()


def table(conf: ConfFile, prefix: str) -> str:
    """Return the table of a file's options: key, default, type and range, comment."""
    if not conf.options:
        return "It has no keys."
    rows = [f"| {_key(option, prefix)} | {_cell(option.default)} | {kind(option)} | {text(option.comment)} |"
            for option in conf.options]  # fmt: skip
    return "\n".join(["| Key | Default | Type | Meaning |", "| --- | --- | --- | --- |", *rows])


def kind(option: Option) -> str:
    """Return the type of an option in words, with its range where the schema or the sweep states one."""
    limits = {**schema.LIMITS, **{key: (least, None) for key, least in keys.LEAST.items()}}
    described = "" if option.annotation is Any else signatures.describe(option.annotation)
    words = text(described.replace(",,", ",").replace(", or", " or").rstrip(",").replace(" with a _target_", ""))
    if "." in option.key or option.target not in options.ROOTS.values() or option.key not in limits:
        return words
    least, most = limits[option.key]
    return f"{words}, {least} or more" if most is None else f"{words}, {least} to {most}"


def text(comment: str) -> str:
    """Return a comment as Markdown for a table's cell; what stands in backticks is kept as code."""
    parts = comment.split("`")
    if len(parts) % 2 == 0:
        parts = ["".join(parts)]
    shown = [
        f"`{part}`" if place % 2 else re.sub(r"([\\*_\[\]$])", r"\\\1", escape(part, quote=False))
        for place, part in enumerate(parts)
    ]
    return "".join(shown).replace("|", "\\|")


def _key(option: Option, prefix: str) -> str:
    return f"`{prefix}{option.key}`"


def _cell(default: str) -> str:
    return f"`{' '.join(default.split())}`".replace("|", "\\|") if default else ""


def _head(conf: ConfFile) -> list[str]:
    includes = [name for name in conf.includes if name != "_self_" and not name.startswith("override ")]
    return [
        text(conf.head),
        _code("\n".join(conf.commands), "sh") if conf.commands else "",
        f"Includes {', '.join(f'`{name}`' for name in includes)}."
        if includes and conf.name not in options.ROOTS
        else "",
    ]


def _code(content: str, language: str = "text") -> str:
    return f"```{language}\n{content}\n```"
