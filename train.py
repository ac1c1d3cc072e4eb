"""python train.py model=dual_ae_skip data=imdb_wiki noise=impulse: one run, or several with -m."""

from restorelab.cli.main import entry

if __name__ == "__main__":
    entry("train")
