import pytest

from mamlrl.errors import one_line, suggestion

NAMES = ["horizon", "goal_range", "distance"]


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("horizont", "; did you mean horizon?"),
        ("goal", "; did you mean goal_range?"),
        ("xyz", ""),
        ("", ""),
        (3, ""),
        (None, ""),
    ],
)
def test_the_nearest_name_is_suggested(word, ending):
    assert suggestion(word, NAMES) == ending


def test_nothing_is_suggested_where_there_is_nothing():
    assert suggestion("horizon", []) == ""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("too large"), "ValueError: too large"),
        (ValueError("two\n  lines\r\nof it"), "ValueError: two lines of it"),
        (MemoryError(), "MemoryError"),
        (SystemExit(0), "SystemExit: 0"),
        (ValueError("word " * 1000), "ValueError: " + "word " * 99 + "..."),
    ],
)
def test_an_error_is_told_on_one_line(error, line):
    assert one_line(error) == line
