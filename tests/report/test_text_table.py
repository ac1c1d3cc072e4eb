"""Tables of plain text."""

from restorelab.report.text_table import aligned, ruled


def test_names_stand_at_the_left_and_numbers_at_the_right() -> None:
    lines = aligned([("run", "PSNR"), ("ae", "9.1"), ("dual_ae", "31.25")])
    assert lines == ["run       PSNR", "ae         9.1", "dual_ae  31.25"]
    assert aligned([("a", "bb"), ("ccc", "d")], left=(1,), gap="|") == ["  a|bb", "ccc|d"]


def test_a_rule_as_long_as_the_longest_line_stands_below_the_head() -> None:
    assert ruled(["head", "longer"]) == ["head", "------", "longer"]
