"""Characters of SVG paths, from a folder like that of `kanjivg`, and from the package where it is installed."""

from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
from programs import run

from mamlrl.errors import UserError
from mamlrl.supervised import kanji
from mamlrl.supervised.kanji import BOX, kanjivg_folder, read_characters, read_strokes, write_kanji
from mamlrl.supervised.omniglot import read_omniglot
from mamlrl.supervised.splits import split_of

SVG = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.0//EN" "http://www.w3.org/TR/2001/REC-SVG-20010904/DTD/svg10.dtd" [
<!ATTLIST g xmlns:kvg CDATA #FIXED "http://kanjivg.tagaini.net" kvg:element CDATA #IMPLIED >
]>
<svg xmlns="http://www.w3.org/2000/svg" width="109" height="109" viewBox="0 0 109 109">
<g id="kvg:StrokePaths"><g id="kvg:1">{}</g></g>
<g id="kvg:StrokeNumbers"><text transform="matrix(1 0 0 1 4 54)">1</text></g>
</svg>"""
STROKE = "M10,20c1,2,3,4,30,{}"


def write(path, *strokes):
    path.write_text(SVG.format("".join(f'<path d="{stroke}"/>' for stroke in strokes)), encoding="utf-8")
    return path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder of 12 characters, of 1, 2, 3, ... strokes, and of a variant."""
    folder = tmp_path / "package"
    folder.mkdir()
    for index in range(12):
        write(folder / f"{0x4E00 + 7 * index:05x}.svg", *(STROKE.format(6 * i) for i in range(index + 1)))
    write(folder / "04e00-Kaisho.svg", STROKE.format(0))
    monkeypatch.setattr(kanji, "kanjivg_folder", lambda: folder)
    return folder


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*.png")}


def test_strokes_are_control_points_of_chained_curves(tmp_path):
    path = write(tmp_path / "1.svg", "M10,20C11,22,13,24,40,30c1,1,2,1,5,5s2,3,4,4", "M 50 60 c -1.5 2 3-4 5 6")
    first, second = read_strokes(path)
    expected = [[10, 20], [11, 22], [13, 24], [40, 30], [41, 31], [42, 31], [45, 35], [48, 39], [47, 38], [49, 39]]
    np.testing.assert_allclose(first * BOX, expected, atol=1e-12)  # the smooth curve mirrors the last handle
    np.testing.assert_allclose(second * BOX, [[50, 60], [48.5, 62], [53, 56], [55, 66]], atol=1e-12)


def test_all_characters_are_read_and_no_variants(package):
    characters = read_characters(package)
    assert [len(strokes) for strokes in characters.values()] == list(range(1, 13))
    assert list(characters)[:2] == ["04e00", "04e07"]


@pytest.mark.parametrize(
    "strokes", [("M10,20L30,40",), ("M10,20",), (), ("M10,20c1,2",), ("M10,20q1,2,3,4",), ("M1,1c1,2,3,x,5,6",)]
)
def test_other_files_are_refused(tmp_path, strokes):
    path = write(tmp_path / "04e00.svg", *strokes)
    with pytest.raises(UserError, match=r"^kanji: .*04e00.svg.*install mamlrl\[kanji\] again$"):
        read_strokes(path)


@pytest.mark.parametrize("text", ["", "<svg", "no XML"])
def test_damaged_files_are_refused(tmp_path, text):
    (tmp_path / "04e00.svg").write_text(text)
    with pytest.raises(UserError, match=r"^kanji: cannot read .*04e00.svg"):
        read_characters(tmp_path)


def test_a_folder_without_characters(tmp_path):
    with pytest.raises(UserError, match="there are no characters in"):
        read_characters(tmp_path)


def test_the_data_set_is_laid_out_as_omniglot(package, tmp_path):
    write_kanji(tmp_path / "data", seed=0, characters=12, images=3)
    note = (tmp_path / "data" / "README.txt").read_text()
    assert "Ulrich Apel" in note
    assert "creativecommons.org/licenses/by-sa/3.0" in note
    for name in read_characters(package):
        training = split_of(f"KanjiVG/{name}") == "train"
        part = "images_background" if training else "images_evaluation"
        folder = tmp_path / "data" / part / "KanjiVG" / name
        assert sorted(path.name for path in folder.iterdir()) == [f"{name}_{i:02}.png" for i in (1, 2, 3)]
    images = read_omniglot(tmp_path / "data", "train")
    assert images.images.shape[1:] == (1, 28, 28)
    names = {f"KanjiVG/{name}" for name in read_characters(package)}
    assert set(images.names) == {name for name in names if split_of(name) == "train"}


def test_the_simplest_characters_are_drawn_the_same_beside_any_others(package, tmp_path):
    for name, seed, characters in [("few", 0, 4), ("many", 0, 9), ("other", 1, 4)]:
        write_kanji(tmp_path / name, seed, characters, images=2)
    few, many, other = (files(tmp_path / name) for name in ("few", "many", "other"))
    assert {name[:5] for name in few} == set(list(read_characters(package))[:4])
    assert few.items() < many.items()
    assert few.keys() == other.keys()
    assert all(few[name] != other[name] for name in few)


def test_more_characters_than_there_are(package, tmp_path):
    with pytest.raises(UserError, match="--characters: KanjiVG has 12 characters, not 13; choose fewer"):
        write_kanji(tmp_path / "data", 0, characters=13)
    assert not (tmp_path / "data").exists()


def test_the_program_writes_the_data_set(package, tmp_path, capsys):
    small = ["--characters=3", "--images=2", "--seed=3"]
    assert run("kanji", "--output", tmp_path / "data", *small) == 0
    write_kanji(tmp_path / "same", 3, characters=3, images=2)
    assert files(tmp_path / "data") == files(tmp_path / "same")
    capsys.readouterr()
    assert run("kanji", "--output", tmp_path / "data", *small) == 2
    assert capsys.readouterr().err == f"mamlrl: {tmp_path / 'data'} is not empty; choose another --output\n"


def test_without_the_extra(monkeypatch, tmp_path, capsys):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(kanji, "distribution", missing)
    assert run("kanji", "--output", tmp_path / "data") == 2
    assert capsys.readouterr().err == "mamlrl: kanji: KanjiVG is not installed; pip install 'mamlrl[kanji]'\n"
    assert not (tmp_path / "data").exists()


def _installed():
    try:
        return bool(distribution("kanjivg"))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not _installed(), reason="the extra `kanji` is not installed")
def test_the_package_has_thousands_of_characters():
    characters = read_characters(kanjivg_folder())
    assert len(characters) >= 6700
    assert len(characters["04e00"]) == 1  # one
    assert len(characters["06f22"]) == 13  # the first of the two characters of the word kanji
    points = np.concatenate([stroke for strokes in characters.values() for stroke in strokes])
    assert -0.05 < points.min() < 0.1
    assert 0.9 < points.max() < 1.05
