from itertools import pairwise

import numpy as np
import pytest

from mamlrl.figures.page import GAP, Page

SIZE = 40
NO_TEXT = ("", "")


def pictures(number):
    """Pictures of one colour each."""
    return [np.full((SIZE, SIZE, 3), (10 + index, 200, 100), np.uint8) for index in range(number)]


def place(page, picture):
    """Rows and columns of the pixels of a picture's colour."""
    found = np.argwhere((page == picture[0, 0]).all(axis=2))
    return found.min(axis=0), found.max(axis=0), len(found)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (2, 3), (3, 2)])
def test_every_picture_is_whole_and_in_its_place(rows, columns):
    shown = pictures(rows * columns)
    page = Page(SIZE, "title", ["row"] * rows, columns).compose(shown, [NO_TEXT] * len(shown))
    corners = []
    for picture in shown:
        first, last, pixels = place(page, picture)
        assert pixels == SIZE * SIZE
        np.testing.assert_array_equal(last - first, SIZE - 1)
        corners.append(first)
    corners = np.array(corners).reshape(rows, columns, 2)
    assert (corners[:, :, 1] == GAP + np.arange(columns) * (SIZE + GAP)).all()
    assert (corners[:, :, 0] == corners[:, :1, 0]).all()
    assert (np.diff(corners[:, 0, 0]) > SIZE).all()
    assert page.shape[0] % 2 == page.shape[1] % 2 == 0


def dark_rows(page):
    """Rows of the page that hold text."""
    return set(np.flatnonzero((page < 60).all(axis=2).any(axis=1)))


def test_every_text_is_above_its_pictures():
    shown = pictures(4)

    def page(title="", rows=("", ""), captions=(NO_TEXT,) * 4):
        return Page(SIZE, title, rows, 2).compose(shown, captions)

    tops = [place(page(), picture)[0][0] for picture in shown]
    assert dark_rows(page()) == set()
    title = dark_rows(page(title="title"))
    first_row, second_row = dark_rows(page(rows=("row", ""))), dark_rows(page(rows=("", "row")))
    upper = dark_rows(page(captions=[("words", ""), *[NO_TEXT] * 3]))
    lower = dark_rows(page(captions=[("", "words"), *[NO_TEXT] * 3]))
    order = [title, first_row, upper, lower, {tops[0]}, second_row, {tops[2]}]
    assert all(max(above) < min(below) for above, below in pairwise(order))


def test_captions_are_above_their_own_pictures():
    captions = [NO_TEXT, ("words", "words"), NO_TEXT]
    page = Page(SIZE, "", [""], 3).compose(pictures(3), captions)
    columns = np.flatnonzero((page < 60).all(axis=2).any(axis=0))
    assert GAP + SIZE < columns.min() < columns.max() < 2 * (GAP + SIZE) + GAP


def test_captions_do_not_stay():
    page, shown = Page(SIZE, "title", ["row"], 1), pictures(1)
    before = page.compose(shown, [NO_TEXT])
    assert not np.array_equal(before, page.compose(shown, [("some", "words")]))
    np.testing.assert_array_equal(before, page.compose(shown, [NO_TEXT]))


@pytest.mark.parametrize(
    ("height", "width", "shown_height", "shown_width"),
    [
        (400, 600, 40, 60),
        (600, 400, 60, 40),
        (400, 400, 60, 60),
        (20, 30, 40, 60),
        (1, 1000, 1, 60),
        (1, 1, 60, 60),
    ],
)
def test_pictures_of_other_sizes_are_shown_whole_undistorted_and_in_the_middle(
    height, width, shown_height, shown_width
):
    """The corners of the picture, each of a colour of its own, are at the corners of what is shown."""
    picture = np.full((height, width, 3), 100, np.uint8)
    picture[: height // 2, : width // 2] = 50, 0, 0
    picture[height - height // 2 :, width - width // 2 :] = 0, 0, 50
    page = Page(60, "", [""], 1).compose([picture], [NO_TEXT])
    found = np.argwhere((page < 200).any(axis=2))
    first, last = found.min(axis=0), found.max(axis=0)
    np.testing.assert_array_equal(last - first + 1, (shown_height, shown_width))
    filled = Page(60, "", [""], 1).compose([np.zeros((60, 60, 3), np.uint8)], [NO_TEXT])
    top = np.argwhere((filled < 200).any(axis=2)).min(axis=0)
    np.testing.assert_array_equal(first, top + (60 - np.array([shown_height, shown_width])) // 2)
    if min(height, width) > 1:
        np.testing.assert_array_equal(page[tuple(first)], (50, 0, 0))
        np.testing.assert_array_equal(page[tuple(last)], (0, 0, 50))


def test_pictures_of_the_size_of_the_square_are_not_touched():
    picture = np.random.default_rng(0).integers(0, 150, (SIZE, SIZE, 3), np.uint8)
    page = Page(SIZE, "", [""], 1).compose([picture], [NO_TEXT])
    (top, left), *_ = place(Page(SIZE, "", [""], 1).compose(pictures(1), [NO_TEXT]), pictures(1)[0])
    np.testing.assert_array_equal(page[top : top + SIZE, left : left + SIZE], picture)
