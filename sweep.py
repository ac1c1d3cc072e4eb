"""python sweep.py study=faces_dual_ae: every run of a report, and the page that compares them."""

try:
    from restorelab.cli.main import entry
except ModuleNotFoundError as error:
    hint = "`make train` installs what is missing into .venv; then `. .venv/bin/activate` before this command"
    raise SystemExit(f"error: {error} for this Python. {hint}.") from None

if __name__ == "__main__":
    entry("sweep")
