import pytest

from mamlrl.figures.style import step_colors


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_colours_differ_and_start_with_grey(count):
    colors = step_colors(count)
    assert len(set(colors)) == count
    assert all(len(color) == 4 for color in colors)
    assert colors[:1] == [(0.6, 0.6, 0.6, 1.0)][:count]
