"""A page in a tab of a real browser."""

from pathlib import Path
from typing import Any

RUNS, SIDE = 6, 32


class Opened:
    """A tab of the browser, with all that it asked for and all that it complained about."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **options)
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.tab = self.context.new_page()
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.wrong.append(message.text))
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.goto(file.as_uri())

    def run(self, script: str, *values: Any) -> Any:
        return self.tab.evaluate(script, *values)

    def column(self, number: int) -> list[str]:
        cells = "#leaderboard tbody tr:not([hidden])"
        return self.run(f"[...document.querySelectorAll('{cells}')].map(r => r.cells[{number}].dataset.v)")
