"""Which classes are for training, validation and testing: by name, whatever else there is."""

import shutil
import subprocess
import sys
from collections import Counter

import pytest
from image_folders import make_omniglot, name_in

from mamlrl.errors import UserError
from mamlrl.supervised.omniglot import read_omniglot
from mamlrl.supervised.splits import SPLITS, check_apart, listed, split_of

# Omniglot's alphabets and their numbers of characters
OMNIGLOT = {
    "Alphabet_of_the_Magi": 20, "Anglo-Saxon_Futhorc": 29, "Arcadian": 26, "Armenian": 41,
    "Asomtavruli_(Georgian)": 40, "Balinese": 24, "Bengali": 46, "Blackfoot_(Canadian_Aboriginal_Syllabics)": 14,
    "Braille": 26, "Burmese_(Myanmar)": 34, "Cyrillic": 33, "Early_Aramaic": 22, "Futurama": 26, "Grantha": 43,
    "Greek": 24, "Gujarati": 48, "Hebrew": 22, "Inuktitut_(Canadian_Aboriginal_Syllabics)": 16,
    "Japanese_(hiragana)": 52, "Japanese_(katakana)": 47, "Korean": 40, "Latin": 26, "Malay_(Jawi_-_Arabic)": 40,
    "Mkhedruli_(Georgian)": 41, "N_Ko": 33, "Ojibwe_(Canadian_Aboriginal_Syllabics)": 14, "Sanskrit": 42,
    "Syriac_(Estrangelo)": 23, "Tagalog": 17, "Tifinagh": 55,
    "Angelic": 20, "Atemayar_Qelisayer": 26, "Atlantean": 26, "Aurek-Besh": 26, "Avesta": 26, "Ge_ez": 26,
    "Glagolitic": 45, "Gurmukhi": 45, "Kannada": 41, "Keble": 26, "Malayalam": 47, "Manipuri": 40, "Mongolian": 30,
    "Old_Church_Slavonic_(Cyrillic)": 45, "Oriya": 46, "Sylheti": 28, "Syriac_(Serto)": 23, "Tengwar": 25,
    "Tibetan": 42, "ULOG": 26,
}  # fmt: skip


def characters(alphabets):
    return [f"{name}/character{index + 1:02}" for name, count in alphabets.items() for index in range(count)]


def test_omniglot_has_the_numbers_of_the_literature():
    counts = Counter(map(split_of, characters(OMNIGLOT)))
    assert counts == {"train": 1100, "val": 100, "test": 423}


def test_the_strokes_that_the_program_draws_have_classes_of_all_kinds():
    counts = Counter(map(split_of, characters({f"Generated_{index:02}": 10 for index in range(20)})))
    assert counts == {"train": 135, "val": 13, "test": 52}


def test_membership_does_not_change_from_version_to_version():
    recorded = {
        "Greek/character01": "train",
        "Greek/character02": "train",
        "Korean/character39": "test",
        "Generated_00/character01": "train",
    }
    assert {name: split_of(name) for name in recorded} == recorded


def test_nor_from_process_to_process():
    names = characters({"Greek": 24})
    program = f"from mamlrl.supervised.splits import split_of; print(*map(split_of, {names}))"
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert output.split() == list(map(split_of, names))


def test_any_name_has_a_split_and_accents_are_the_same_however_they_are_encoded():
    assert split_of("Bl\udce4/character01") in SPLITS
    for index in range(30):
        assert split_of(f"H\u00e9/{index}") == split_of(f"He\u0301/{index}")


def splits(folder):
    return {name: split for split in SPLITS for name in read_omniglot(folder, split).names}


def clutter(folder):
    """What systems leave behind, in every folder and as folders."""
    for place in (
        folder / "images_background",
        *(folder / "images_background").glob("*/"),
        *folder.glob("*/*/*/"),
    ):
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0001_01.png", ".hidden.png"):
            (place / name).write_bytes(b"junk")
        for name in ("__MACOSX", ".ipynb_checkpoints", "@eaDir"):
            (place / name / "inner").mkdir(parents=True)
            (place / name / "inner" / "0001_01.png").write_bytes(b"junk")


def add_alphabet(folder):
    make_omniglot(folder / "other", characters=9, images=1)
    for index, path in enumerate(sorted((folder / "other").glob("*/*/*"))):
        shutil.copytree(path, folder / "images_evaluation" / "Aaa" / f"character{index}")


def remove_half(folder):
    shutil.rmtree(folder / "images_evaluation")


def move_to_the_other_part(folder):
    for path in sorted((folder / "images_evaluation").glob("*/*")):
        shutil.copytree(path, folder / "images_background" / path.parent.name / path.name)
    shutil.rmtree(folder / "images_evaluation")


@pytest.mark.parametrize("change", [clutter, add_alphabet, remove_half, move_to_the_other_part])
def test_what_else_there_is_does_not_change_a_characters_split(change, tmp_path):
    make_omniglot(tmp_path, characters=13, images=1)
    before = splits(tmp_path)
    change(tmp_path)
    after = splits(tmp_path)
    common = before.keys() & after.keys()
    assert {name: before[name] for name in common} == {name: after[name] for name in common}
    assert (before == after) == (change in (clutter, move_to_the_other_part))
    assert len(common) == (7 if change is remove_half else 13)


def test_rotations_go_with_their_character(tmp_path):
    train = read_omniglot(make_omniglot(tmp_path), "train")
    assert len(train.counts) == 4 * len(train.names)
    assert set(map(split_of, train.names)) == {"train"}


def test_a_character_in_both_parts_is_refused(tmp_path):
    make_omniglot(tmp_path)
    path = next((tmp_path / "images_background").glob("*/*"))
    twin = tmp_path / "images_evaluation" / path.parent.name / path.name
    shutil.copytree(path, twin)
    with pytest.raises(UserError, match=f"{twin} is the same character as {path}; remove one"):
        read_omniglot(tmp_path, "test")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    make_omniglot(tmp_path)

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    with pytest.raises(UserError, match=rf"data.folder: cannot read {tmp_path}: .*Permission denied"):
        read_omniglot(tmp_path, "train")


def test_classes_in_two_splits_are_named():
    check_apart(["a", "b"], ["c"], "testing")
    with pytest.raises(UserError, match="2 of 3 classes for testing are trained on: a, c; take data"):
        check_apart(["a", "b", "c"], ["c", "d", "a"], "testing")
    assert listed("gfedcba") == "a, b, c, d, e and 2 more"


def test_the_helper_names_characters_as_it_says():
    assert [split_of(name_in(split, index)) for index, split in enumerate(SPLITS)] == list(SPLITS)
