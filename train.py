"""python train.py model=dual_ae_skip data=imdb_wiki noise=impulse: one run, or several with -m."""

try:
    from restorelab.cli.main import entry
except ModuleNotFoundError as error:
    hint = "`make train` installs what is missing into .venv; then `. .venv/bin/activate` before this command"
    raise SystemExit(f"error: {error} for this Python. {hint}.") from None

if __name__ == "__main__":
    entry("train")
