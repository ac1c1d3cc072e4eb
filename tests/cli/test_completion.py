"""`restorelab completion`: the words, and what bash offers after a Tab."""

import shutil
import subprocess
from pathlib import Path

import pytest

from restorelab.cli import completion, main
from restorelab.config import conf_files


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("completion") / "restorelab.bash"
    file.write_text(completion._bash(completion.words()))
    return file


def offered(script: Path, line: str) -> list[str]:
    """What bash's completion function offers behind a line."""
    ask = f'source "{script}"; COMP_LINE=$1; COMP_POINT=${{#1}}; _restorelab; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", ask, "bash", line], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("restorelab tr", ["train"]),
        ("restorelab train mod", None),
        ("restorelab train noise=ga", ["gaussian", "gaussian_impulse"]),
        ("python train.py scheduler=c", ["constant", "cosine"]),
        ("python3 /some/where/sweep.py prun", ["pruner="]),
        ("restorelab train max_s", ["max_steps="]),
        ("restorelab sweep study=mn", ["mnist_ae"]),
        ("restorelab completion z", ["zsh"]),
        ("restorelab compare basel", ["baseline="]),
        ("restorelab preview find", ["find="]),
        ("restorelab cache cl", ["clean"]),
        ("restorelab restore model=denoise_", ["denoise_color", "denoise_gray"]),
        ("restorelab verify dncnn", ["dncnn_25"]),
        ("restorelab train model=dncnn optimizer.l", ["optimizer.lr="]),
        ("python other.py noise=ga", []),
        ("restorelab train no_such_word", []),
    ],
)
def test_bash_offers(script: Path, line: str, expected: list[str] | None) -> None:
    words = offered(script, line)
    if expected is None:
        assert "model=" in words
        assert all(word.startswith("mod") for word in words)
    else:
        assert words == expected


ZSH = """
words=(${{=line}}); [[ $line == *" " ]] && words+=("")
CURRENT=$#words PREFIX=$words[-1]
compdef() {{ }}; _files() {{ }}
compadd() {{
    [[ "$1" == -S ]] && shift 2; shift
    for word in "$@"; do [[ $word == $PREFIX* ]] && print -- $word; done
}}
source "{script}"
_restorelab
"""
"""Calls the completion function as zsh does, with a `compadd` that prints the words that match."""


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("restorelab tr", ["train"]),
        ("restorelab train noise=ga", ["noise=gaussian", "noise=gaussian_impulse"]),
        ("python train.py max_s", ["max_steps="]),
        ("restorelab restore model=denoise_", ["model=denoise_color", "model=denoise_gray"]),
        ("python other.py noise=ga", []),
    ],
)
def test_zsh_offers(line: str, expected: list[str], tmp_path: Path) -> None:
    file = tmp_path / "_restorelab"
    file.write_text(completion._zsh(completion.words()))
    asked = f"line='{line}'\n{ZSH.format(script=file)}"
    done = subprocess.run(["zsh", "-f", "-c", asked], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (expected, "")


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("restorelab tr", ["train"]),
        ("restorelab train noise=ga", ["noise=gaussian", "noise=gaussian_impulse"]),
        ("python train.py max_s", ["max_steps="]),
        ("restorelab verify dncnn", ["dncnn_25"]),
    ],
)
def test_fish_offers(line: str, expected: list[str], tmp_path: Path) -> None:
    file = tmp_path / "restorelab.fish"
    file.write_text(completion._fish(completion.words()))
    asked = f"source {file}; complete --do-complete '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", asked], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert [word.partition("\t")[0] for word in done.stdout.splitlines()] == expected


def test_every_option_of_every_group_is_a_word() -> None:
    words = completion.words()
    for group in ("model", "data", "noise", "loss", "experiment"):
        assert {f"{group}={option}" for option in conf_files.options(group)} <= set(words["train"])
    assert set(words[""]) >= {*main.MODULES, "train"}
    assert {"out=", "baseline=", "metric="} <= set(words["compare"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_valid_for_its_shell(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.main(["completion", shell]) == 0
    file = tmp_path / "script"
    file.write_text(capsys.readouterr().out)
    assert "dncnn_small" in file.read_text()
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(file)], check=True)


@pytest.mark.parametrize("argv", [[], ["tcsh"], ["bash", "zsh"]])
def test_no_shell_or_another_one_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["completion", *argv]) == 2
    assert "bash, fish, zsh" in capsys.readouterr().err
