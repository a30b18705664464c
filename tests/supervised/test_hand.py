"""Curves against SciPy's Bernstein polynomials; drawings that are alike, and no two the same."""

import numpy as np
import pytest
from scipy.interpolate import BPoly

from mamlrl.errors import UserError
from mamlrl.supervised.hand import POINTS_ON_CURVE, SIZE, Hand, bezier, chain, drawn, write_drawings

STILL = {"wobble": 0, "turn": 0, "distortion": 0, "shift": 0}


def pixels(image):
    return np.asarray(image, float)


def test_curves_are_bernstein_polynomials():
    controls = np.random.default_rng(0).uniform(size=(3, 4, 2))
    t = np.linspace(0, 1, 30)
    for curve, expected in zip(bezier(controls, t), controls, strict=True):
        np.testing.assert_allclose(curve, BPoly(expected[:, None], [0, 1])(t), atol=1e-12)
        np.testing.assert_allclose(bezier(expected, t), curve, atol=1e-15)


@pytest.mark.parametrize("curves", [1, 2, 5, 40])
def test_a_chain_is_its_curves_one_after_another(curves):
    controls = np.random.default_rng(0).uniform(size=(3 * curves + 1, 2))
    points = chain(controls)
    pieces = np.stack([controls[3 * i : 3 * i + 4] for i in range(curves)], axis=1)
    piecewise = BPoly(pieces, np.arange(curves + 1))
    np.testing.assert_allclose(points, piecewise(np.linspace(0, curves, len(points))), atol=1e-12)
    assert POINTS_ON_CURVE <= len(points) <= max(POINTS_ON_CURVE, curves) + curves
    steps = (len(points) - 1) // curves
    np.testing.assert_allclose(points[::steps], controls[::3], atol=1e-12)  # all joints are among them


def test_a_wobble_of_one_curve_moves_its_control_points():
    controls = np.random.default_rng(1).uniform(0.2, 0.8, (4, 2))
    hand = Hand(**{**STILL, "wobble": 0.03})
    bent = hand.draw(np.random.default_rng(0), [controls])
    rng = np.random.default_rng(0)
    rng.normal(size=5)  # angle and matrix
    moved = controls + rng.normal(0, 0.03, (1, 4, 2))[0]
    expected = Hand(**STILL).draw(np.random.default_rng(0), [moved])
    assert (pixels(bent) != pixels(expected)).mean() < 0.001  # rounding at the edge of a pixel
    assert (pixels(bent) != pixels(Hand(**STILL).draw(rng, [controls]))).any()


def test_images_of_a_character_resemble_each_other_more_than_others():
    rng = np.random.default_rng(0)
    characters = rng.uniform(0.1, 0.9, (12, 3, 4, 2))
    drawings = np.stack(
        [[Hand().draw(rng, each).convert("L").resize((8, 8)) for _ in range(4)] for each in characters]
    )
    exact = [Hand(**STILL).draw(rng, characters[0]) for _ in range(2)]
    np.testing.assert_array_equal(*map(np.asarray, exact))
    flat = drawings.reshape(12, 4, -1).astype(float)
    within = np.abs(flat[:, :1] - flat[:, 1:]).mean()
    across = np.abs(flat[:, None] - flat[None]).mean()
    assert 0 < within < 0.9 * across


def test_strokes_are_where_they_should_be():
    line = np.linspace([0.2, 0.4], [0.8, 0.4], 4)
    drawn = pixels(Hand(**STILL).draw(np.random.default_rng(0), [line])) == 0
    rows, columns = np.nonzero(drawn)
    assert abs(rows.mean() - 0.4 * SIZE) < 1
    assert (np.bincount(rows) > 0.5 * SIZE).sum() == 3  # the width
    assert abs(columns.min() - 0.2 * SIZE) < 2
    assert abs(columns.max() - 0.8 * SIZE) < 2


def test_the_width_of_strokes_varies_from_drawing_to_drawing():
    rng = np.random.default_rng(0)
    line = np.linspace([0.2, 0.4], [0.8, 0.4], 4)
    hand = Hand(**STILL, width=(2, 5))
    widths = {round((pixels(hand.draw(rng, [line])) == 0).sum() / (0.6 * SIZE)) for _ in range(40)}
    assert widths == {2, 3, 4, 5}


def test_drawings_are_files_with_numbers(tmp_path):
    character = [np.linspace([0.2, 0.4], [0.8, 0.4], 4)]
    write_drawings(tmp_path / "a" / "b", Hand(), np.random.default_rng(0), character, "0709", 2)
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["0709_01.png", "0709_02.png"]


def test_a_folder_for_drawings_must_be_empty(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"junk")
    with drawn(tmp_path, "note") as folder:
        (folder / "characters").mkdir()
    assert (tmp_path / "README.txt").read_text() == "note"
    with pytest.raises(UserError, match="is not empty; choose another --output"), drawn(tmp_path, "another"):
        pytest.fail("it must not begin")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".DS_Store", "README.txt", "characters"]
    assert (tmp_path / "README.txt").read_text() == "note"


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, OSError])
def test_of_drawings_that_were_interrupted_nothing_is_left(tmp_path, stopped_by):
    (tmp_path / ".unfinished" / "of_a_killed_process").mkdir(parents=True)
    drawing = drawn(tmp_path, "note")
    folder = drawing.__enter__()
    (folder / "characters").mkdir()
    assert [path.name for path in folder.iterdir()] == ["characters"]
    assert not drawing.__exit__(stopped_by, stopped_by(), None)  # it is raised further
    assert list(tmp_path.iterdir()) == []
