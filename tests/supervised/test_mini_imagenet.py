"""MiniImagenet's three CSVs: all are read, and none has what another has."""

import csv

import numpy as np
import pytest
from image_folders import make_mini_imagenet, write_split

from mamlrl.errors import UserError
from mamlrl.supervised.mini_imagenet import read_mini_imagenet


def rows(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))[1:]


def refused(folder, message, split="train"):
    with pytest.raises(UserError, match=message) as error:
        read_mini_imagenet(folder, split)
    assert "\n" not in str(error.value)


@pytest.fixture
def folder(tmp_path):
    return make_mini_imagenet(tmp_path)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_classes_go_by_their_labels(split, folder):
    assert read_mini_imagenet(folder, split).names == tuple(f"n{split}{label:04}" for label in range(4))


def test_a_row_that_is_there_twice(folder):
    table = rows(folder / "train.csv")
    write_split(folder / "train.csv", [*table, table[2]])
    refused(folder, rf"the image .*{table[2][0]} of ntrain0002 in train.csv is already an image of .* remove one")


def test_an_image_with_two_labels(folder):
    table = rows(folder / "val.csv")
    write_split(folder / "val.csv", [*table, (table[0][0], table[1][1])])
    refused(folder, rf"{table[0][0]} of nval0001 in val.csv is already an image of nval0000 in val.csv")


@pytest.mark.parametrize("spelling", ["{}", "./{}", "../images/{}"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_image_in_two_splits(spelling, split, folder):
    image = rows(folder / "train.csv")[0][0]
    write_split(folder / "test.csv", [*rows(folder / "test.csv"), (spelling.format(image), "other")])
    refused(folder, rf"{image} of other in test.csv is already an image of ntrain0000 in train.csv", split)


def test_an_image_in_two_splits_that_is_not_there(folder):
    image = rows(folder / "val.csv")[0][0]
    (folder / "images" / image).unlink()
    write_split(folder / "test.csv", [*rows(folder / "test.csv"), (image, "other")])
    refused(folder, rf"{image} of other in test.csv is already an image of nval0000 in val.csv")


def test_a_copy_by_another_name_that_is_a_link(folder):
    image = rows(folder / "train.csv")[0][0]
    (folder / "images" / "link.jpg").hardlink_to(folder / "images" / image)
    write_split(folder / "val.csv", [*rows(folder / "val.csv"), ("link.jpg", "nval0000")])
    refused(
        folder, rf"link.jpg of nval0000 in val.csv is already an image of ntrain0000 in train.csv, as .*{image}"
    )


@pytest.mark.parametrize("other", ["val", "test"])
def test_a_class_in_two_splits(other, folder):
    table = rows(folder / f"{other}.csv")
    write_split(folder / f"{other}.csv", [(table[0][0], "ntrain0001"), *table[1:]])
    refused(
        folder, rf"{other}.csv has the class ntrain0001, which is in train.csv, too; every class must be in one"
    )


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_garbage_in_any_csv_is_found_whatever_is_read(split, folder):
    (folder / "val.csv").write_text("garbage\n")
    refused(folder, "val.csv must be a CSV with the columns filename and label", split)


def test_a_csv_that_is_missing_is_needed_for_its_own_split_only(folder):
    (folder / "val.csv").unlink()
    assert len(read_mini_imagenet(folder, "test").counts) == 4
    refused(folder, rf"data.folder: cannot read {folder}/val.csv .*train.csv, val.csv and test.csv", "val")


@pytest.mark.parametrize(
    ("row", "line"), [("only_a_file.jpg", 14), (",label", 14), ("a,b.jpg,label", 14), ("\n x.jpg, ", 15)]
)
def test_a_row_of_another_form_is_named(row, line, folder):
    with open(folder / "train.csv", "a") as file:
        file.write(f"{row}\n")
    refused(folder, f"train.csv must be a CSV .*; line {line} is none")


def test_marks_and_blanks_of_editors_change_nothing(folder):
    expected = read_mini_imagenet(folder, "val")
    text = (
        (folder / "val.csv")
        .read_text()
        .replace(",", " , ")
        .replace("filename ", "filename")
        .replace(" label", "label")
    )
    (folder / "val.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_mini_imagenet(folder, "val")
    assert found.names == expected.names
    np.testing.assert_array_equal(found.images, expected.images)
