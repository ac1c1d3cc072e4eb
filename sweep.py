"""python sweep.py study=faces_dual_ae: every run of a report, and the page that compares them."""

from restorelab.cli.main import entry

if __name__ == "__main__":
    entry("sweep")
