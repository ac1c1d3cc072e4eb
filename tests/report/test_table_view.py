"""A table as the page shows it: lines of the head, alignment, shares of the best, and what is sorted by."""

from restorelab.report.table import Cell, Table
from restorelab.report.table_view import MANY, TableView, sort_key


def column(*values: float, best: int | None = None, aside: str = "") -> list[Cell]:
    return [
        Cell(f"{value:g}", aside, value, 0.1 if aside else None, "best" if place == best else "")
        for place, value in enumerate(values)
    ]


def view(*columns: list[Cell], head: list[str] | None = None, ordered: bool = False) -> TableView:
    names = [Cell(f"run{place}") for place in range(len(columns[0]))]
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    return TableView(Table("t", head or ["", *(f"c{place}" for place in range(len(columns)))], rows, ordered=ordered))


def test_shares_go_from_the_worst_to_the_best_whichever_end_that_is() -> None:
    higher, lower, unknown, few = (
        view(column(20, 25, 30, best=2)), view(column(1, 2, 5, best=0)), view(column(1, 2, 3)),
        view(column(1, 2, best=1)),
    )  # fmt: skip
    assert higher.columns[1].shares == [0, 0.5, 1]
    assert lower.columns[1].shares == [1, 0.75, 0]
    assert unknown.columns[1].shares == [None] * 3  # no best one
    assert few.columns[1].shares == [None] * 2
    assert view(column(20, 25, 30, best=2), ordered=True).columns[1].shares == [None] * 3


def test_a_column_of_numbers_stands_at_the_right_and_knows_its_longest_aside() -> None:
    words = [Cell("a"), Cell("b"), Cell("3", value=3)]
    missing = [Cell("-"), Cell("2", value=2), Cell("")]
    shown = view(words, missing, column(1, 2, 3, aside="\N{PLUS-MINUS SIGN} 0.10"))
    assert [each.numeric for each in shown.columns] == [False, False, True, True]
    assert shown.columns[3].widest == "\N{PLUS-MINUS SIGN} 0.10"


def test_heads_of_a_group_stand_below_it() -> None:
    cells = column(1, 2)
    shown = view(cells, cells, cells, head=["", "gaussian\nPSNR", "gaussian\nSSIM", "time"])
    above, below = shown.head_lines
    assert [(head.text, head.columns, head.tall) for head in above] == [
        ("", 0, True), ("gaussian", 2, False), ("time", 0, True),
    ]  # fmt: skip
    assert [(head.text, head.number) for head in below] == [("PSNR", 1), ("SSIM", 2)]
    assert len(view(cells).head_lines) == 1
    assert shown.groups == ["gaussian"]


def test_many_rows_have_a_filter_unless_their_order_says_something() -> None:
    rows = column(*range(MANY))
    assert view(rows).filtered
    assert not view(rows[:-1]).filtered
    assert not view(rows, ordered=True).filtered


def test_sorting_reads_the_number_in_full() -> None:
    cells = [Cell("3.14", value=3.14159), Cell("nan", value=float("nan")), Cell("-"), Cell("ae")]
    assert [sort_key(cell) for cell in cells] == ["3.14159", "nan", "", "ae"]
