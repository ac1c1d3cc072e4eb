"""The suite's tests that need a GPU, a row each."""

import sys
from pathlib import Path
from typing import Any

import pytest

from gpu_parts.record import ABSENT, Work

FILE = Path(__file__).resolve().parents[2] / "tests" / "device" / "test_cuda.py"


class Rows:
    """A plugin that leaves a row for each test as it ends."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A call that ended, or a test that did not get so far."""
        if report.when == "call" or report.outcome != "passed":
            why = "" if report.passed else str(report.longrepr).strip().splitlines()[-1][:200]
            if report.when != "teardown" or report.failed:
                self.work.row(
                    report.nodeid.partition("::")[2], outcome=report.outcome, seconds=report.duration, why=why
                )

    def pytest_collectreport(self, report: Any) -> None:
        """The file as a whole, where it is skipped."""
        if report.skipped:
            self.work.row(report.nodeid, outcome="skipped", why=ABSENT)


if __name__ == "__main__":
    arguments = [str(FILE), "-q", "-p", "no:cacheprovider", "--rootdir", str(FILE.parents[2])]
    status = pytest.main(arguments, plugins=[Rows(Work.read())])
    sys.exit(0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else int(status))
