"""python sweep.py study=faces_dual_ae: every run of a report, and the page that compares them."""

import sys

from restorelab.cli import main

if __name__ == "__main__":
    sys.exit(main(["sweep", *sys.argv[1:]]))
