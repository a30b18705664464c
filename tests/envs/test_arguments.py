import numpy as np
import pytest

from mamlrl.envs.arguments import (
    LIMIT,
    check_choice,
    check_number,
    check_range,
    check_weight,
    check_whole_number,
)

NOT_NUMBERS = ["3", None, True, np.nan, np.inf, -np.inf, LIMIT, 10**400, [1.0], {}, 1j]


@pytest.mark.parametrize("value", [2, 3, np.int64(2), int(LIMIT)])
def test_whole_numbers_pass(value):
    check_whole_number("size", value, least=2)


@pytest.mark.parametrize("value", [int(LIMIT) + 1, 10**20, 10**400])
def test_whole_numbers_beyond_any_memory_are_refused(value):
    with pytest.raises(ValueError, match=r"^size must be a whole number of at most 1000000000"):
        check_whole_number("size", value, least=2)


@pytest.mark.parametrize("value", [1, -2, 2.0, 2.5, "2", None, True, np.nan, [2], np.int64(1)])
def test_what_is_no_whole_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^size must be a whole number of at least 2, got "):
        check_whole_number("size", value, least=2)


@pytest.mark.parametrize("value", [2, 1.001, np.float32(1.5), np.int64(2), LIMIT / 2])
def test_numbers_pass(value):
    check_number("factor", value, above=1)


@pytest.mark.parametrize("value", [1, 0.5, -2, *NOT_NUMBERS], ids=lambda value: str(value)[:9])
def test_what_is_no_number_in_range_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^factor must be a number above 1 and below 1e\+09, got "):
        check_number("factor", value, above=1)


@pytest.mark.parametrize("value", [0, 0.0, 2, np.float32(0.5), LIMIT / 2])
def test_weights_pass(value):
    check_weight("cost", value)


@pytest.mark.parametrize("value", [-1e-9, -2, *NOT_NUMBERS], ids=lambda value: str(value)[:9])
def test_what_is_no_weight_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^cost must be a number of at least 0 and below 1e\+09, got "):
        check_weight("cost", value)


@pytest.mark.parametrize("bounds", [(0, 2), [-1.5, 3], np.array([0.0, 1.0]), (np.float32(0), np.int64(1))])
def test_ranges_come_back_as_floats(bounds):
    low, high = check_range("range", bounds)
    assert (low, high) == tuple(bounds)
    assert type(low) is type(high) is float


@pytest.mark.parametrize(
    "bounds",
    [(1, 1), (2, 0), (1,), (0, 1, 2), "01", 3, None, {0: 1}, *((0, value) for value in NOT_NUMBERS)],
    ids=lambda value: str(value)[:9],
)
def test_what_is_no_range_is_refused_by_name(bounds):
    with pytest.raises(ValueError, match=r"^range must be two numbers in increasing order "):
        check_range("range", bounds)


def test_choices():
    check_choice("family", "rllab", {"rllab": 1, "gymnasium": 2})
    with pytest.raises(ValueError, match=r"^family must be one of a, long, got 'lonk'; did you mean long\?$"):
        check_choice("family", "lonk", ("a", "long"))
    for value in ("xyz", None, [1], 3):
        with pytest.raises(ValueError, match=r"^family must be one of a, long, got [^;]*$"):
            check_choice("family", value, ("a", "long"))
