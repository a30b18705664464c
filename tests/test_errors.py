import pytest

from mamlrl.errors import suggestion

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
