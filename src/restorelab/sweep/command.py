"""`python sweep.py`: what it takes, and the way to what it does."""

from collections.abc import Sequence

USAGE = """\
python sweep.py study=NAME [only=RUN,RUN]                  the runs of a study, and its page
python sweep.py model=ae,dual_ae noise=glob(*) seed=range(3)     every combination, and the page that compares them
python sweep.py search=tpe trials=50 'optimizer.lr=interval(1e-4,1e-2)'    a search for the best values

  dry=true          list the runs, what they cost and how long they may take
  workers=N         runs at a time; per_device=N on one GPU; executor=slurm or ray for a cluster
  sweep_dir=FOLDER  where the sweep lies; the same command again goes on with it: what is done is not done again,
                    what was cut off goes on from its checkpoint, what failed is tried again (retries=N)
  time_limit=HH:MM:SS, cross=true, baseline=RUN, pruner=median, ...: conf/sweep.yaml has every key

Every other key=value goes to each run, as to train.py. Ctrl-C once: each run saves and ends; twice: at once.
The exit status is 0 where all runs are done, 1 where some failed, 2 for a bad configuration, 130 where it was stopped.
"""


def run(argv: Sequence[str]) -> int:
    """Plan all runs, do those that have no result yet, write the page; gives the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        from restorelab.study import plan as studies

        print(USAGE)
        print(f"studies: {', '.join(studies.names())}")
        return 0
    from restorelab.sweep import session  # brings torch and lightning

    return session.run(argv)
