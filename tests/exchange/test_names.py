"""File names for any ids."""

import re

import pytest

from restorelab.exchange.names import file_names


def test_a_safe_id_stays_as_it_is():
    assert file_names(["a", "b-1_x.png"]) == ["a", "b-1_x.png"]


@pytest.mark.parametrize(
    "name",
    ["a/b", "../../etc/passwd", "a b", "ü", "", ".", "..", ".hidden", "-rf", "con", "NUL.png", "x" * 400, "a\0b"],
)
def test_any_other_becomes_safe(name: str):
    (found,) = file_names([name])
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,139}", found)
    assert found != name
    assert not re.fullmatch(r"(con|nul)(\..*)?", found, re.IGNORECASE)


def test_unique_also_where_case_does_not_count():
    ids = ["a/b", "a_b", "a b", "A_B", "x" * 300, "x" * 301, "y", "Y"]
    found = [name.casefold() for name in file_names(ids)]
    assert len(set(found)) == len(ids)


def test_the_name_does_not_depend_on_the_order():
    ids = ["a/b", "a_b", "c", "C"]
    assert dict(zip(ids, file_names(ids), strict=True)) == dict(zip(ids[::-1], file_names(ids[::-1]), strict=True))
