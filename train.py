"""python train.py model=dual_ae_skip data=imdb_wiki noise=impulse: one run, or several with -m."""

import sys

from restorelab.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
