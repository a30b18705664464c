"""Numbers that are not finite are found, and named."""

import pytest
import torch

from mamlrl.errors import LearningError, UserError
from mamlrl.finite import check_finite, check_tasks_finite, is_finite

LARGEST = torch.finfo(torch.float32).max


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_one_number_among_many_is_found(value):
    values = torch.zeros(3, 50)
    check_finite("a number", values)
    check_tasks_finite("a number", values)
    values[1, 7] = values[2, 0] = value
    assert not is_finite(values)
    with pytest.raises(LearningError, match=r"^a number is not finite$"):
        check_finite("a number", values)
    with pytest.raises(UserError, match=r"^a number of task 1 is not finite$"):
        check_tasks_finite("a number", values)


def test_opposite_infinities_do_not_cancel():
    assert not is_finite(torch.tensor([torch.inf, -torch.inf]))


def test_large_numbers_whose_sum_overflows_are_finite():
    assert is_finite(torch.full((10,), LARGEST))
    assert is_finite(torch.zeros(0))
