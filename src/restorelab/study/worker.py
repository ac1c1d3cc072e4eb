"""One run of a study, in a process of its own: `python -m restorelab.study.worker CONFIG`."""

import sys
from pathlib import Path

import yaml

from restorelab import logs


def main(file: str) -> int:
    """Execute the resolved config in a YAML file, or go on with it where its folder holds a part of it already."""
    logs.set_up()
    from restorelab import training
    from restorelab.run_folder import RunFolder

    settings = yaml.safe_load(Path(file).read_text())
    settings["resume"] = RunFolder(Path(settings["run_dir"])).config.is_file()
    outcome = training.execute(settings)
    if outcome.status == "done":
        print(outcome.message, flush=True)
    else:
        print(f"{outcome.trace or ''}error: {outcome.message}", file=sys.stderr)
    return outcome.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
