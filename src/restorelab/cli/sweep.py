"""`python sweep.py`: its help, and the way to the code that executes it."""

from collections.abc import Sequence

USAGE = """\
python sweep.py study=NAME [only=RUN,RUN]                  the runs of a study, and its page
python sweep.py model=ae,dual_ae noise=glob(*) seed=range(3)     every combination, and the page that compares them
python sweep.py search=tpe trials=50 'optimizer.lr=interval(1e-4,1e-2)'    a search for the best values

The sweep's own keys, with their defaults:

OPTIONS

Every other key=value goes to each run, as to train.py. The same command again continues a sweep: what is done is not
done again, interrupted runs continue from their checkpoints, failed runs are repeated. dry=true needs no images.
Ctrl-C once: each run saves a checkpoint and ends; twice: all runs end at once.
The exit status is 0 where all runs are done, 1 where some failed, 2 for a bad configuration, 130 where it was stopped.
"""


def run(argv: Sequence[str]) -> int:
    """Plan all runs, execute those that have no result yet, write the page; return the exit status."""
    from restorelab.study import plan

    if not argv or argv[0] in ("-h", "--help"):
        from restorelab.cli import usage
        from restorelab.config import schema

        print(USAGE.replace("OPTIONS", usage.options(schema.conf_dir() / "sweep.yaml")))
        print(f"studies: {', '.join(plan.names())}")
        return 0
    from restorelab.cli import sweep_pages
    from restorelab.sweep import session  # brings torch and lightning
    from restorelab.training import process_group

    process_group.refuse("sweep.py", process_group.current())
    return session.run(argv, plan.load, sweep_pages.write)
