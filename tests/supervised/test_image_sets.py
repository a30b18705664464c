"""Data sets that are read from folders."""

import numpy as np
import pytest
from image_folders import make_mini_imagenet, make_omniglot, write_split
from PIL import Image

from mamlrl.errors import UserError
from mamlrl.supervised.build import DataConfig, make_supervised_tasks
from mamlrl.supervised.mini_imagenet import read_mini_imagenet
from mamlrl.supervised.omniglot import read_omniglot
from mamlrl.supervised.strokes import write_strokes


def test_omniglot_is_resized_and_inverted(tmp_path):
    read = read_omniglot(make_omniglot(tmp_path, characters=10), "test")
    assert read.images.shape == (3 * 4, 1, 28, 28)
    for index, name in enumerate(read.names):
        path = sorted(tmp_path.glob(f"*/{name}/*.png"))[1]
        with Image.open(path) as image:
            expected = 255 - np.asarray(image.convert("L").resize((28, 28), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(read.images[4 * index + 1, 0], expected)


def test_omniglots_rotations_are_classes_of_training(tmp_path):
    read = read_omniglot(make_omniglot(tmp_path, characters=10), "train")
    assert read.counts.tolist() == [4] * 20
    by_turn = read.images.reshape(4, 5 * 4, 28, 28)
    for turns in range(4):
        with_pillow = [Image.fromarray(image).rotate(90 * turns) for image in by_turn[0]]
        np.testing.assert_array_equal(by_turn[turns], np.stack(with_pillow))
    assert len({image.tobytes() for image in read.images}) == len(read.images)


def test_omniglots_splits_have_all_characters_and_are_disjoint(tmp_path):
    make_omniglot(tmp_path, characters=13, images=1)
    train, val, test = (read_omniglot(tmp_path, split) for split in ("train", "val", "test"))
    names = [*train.names, *val.names, *test.names]
    assert sorted(names) == sorted(str(path.relative_to(path.parents[1])) for path in tmp_path.glob("*/*/*"))
    assert len(set(names)) == 13
    assert (len(train.counts), len(val.counts), len(test.counts)) == (4 * 6, 3, 4)  # rotations for training only
    half = read_omniglot(make_omniglot(tmp_path / "half", 4, 1, parts=["images_background"]), "train")
    assert len(half.counts) == 4 * 2


def test_mini_imagenet_has_the_classes_of_each_csv(tmp_path):
    make_mini_imagenet(tmp_path)
    splits = {split: read_mini_imagenet(tmp_path, split) for split in ("train", "val", "test")}
    for split, read in splits.items():
        assert read.images.shape == (4 * 3, 3, 84, 84)
        assert [name.split()[0] for name in read.names] == [f"n{split}{label:04}" for label in range(4)]
        with Image.open(tmp_path / "images" / f"n{split}{2:04}{1:08}.jpg") as image:
            expected = np.asarray(image.resize((84, 84), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(read.images[2 * 3 + 1].transpose(1, 2, 0), expected)


def test_strokes_are_read_as_omniglot_is(tmp_path):
    config = DataConfig(dataset="strokes", folder=str(tmp_path), ways=2, shots=1, queries=2)
    write_strokes(tmp_path, seed=0, alphabets=2, characters=8, images=3)
    sizes = [len(make_supervised_tasks(config, split).images.counts) for split in ("train", "val", "test")]
    assert sizes == [4 * 11, 2, 3]


def config_for(dataset, folder, **settings):
    return DataConfig(dataset=dataset, folder=None if folder is None else str(folder), **settings)


def refused(message, dataset, folder, split="train", **settings):
    with pytest.raises(UserError, match=message) as error:
        make_supervised_tasks(config_for(dataset, folder, **settings), split)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dataset", ["omniglot", "strokes", "mini_imagenet"])
def test_a_folder_must_be_named_and_hold_the_data(dataset, tmp_path):
    refused(f"data.folder: name the folder of {dataset}, which holds images", dataset, None)
    refused(f"data.folder: there is no folder {tmp_path}/data; {dataset} needs", dataset, tmp_path / "data")
    refused(rf"data.folder: .*{tmp_path}.*must hold images", dataset, tmp_path)
    (tmp_path / "file").touch()
    refused(f"data.folder: there is no folder {tmp_path}/file", dataset, tmp_path / "file")


@pytest.mark.parametrize("content", [b"", b"not an image", "truncated"])
def test_an_unreadable_image_is_named(content, tmp_path):
    make_omniglot(tmp_path)
    path = next(tmp_path.glob(f"*/{read_omniglot(tmp_path, 'test').names[0]}/*.png"))
    path.write_bytes(path.read_bytes()[:200] if content == "truncated" else content)
    refused(rf"cannot read the image {path} .*; replace or remove it", "omniglot", tmp_path, "test")


def test_a_csv_that_does_not_fit_the_images(tmp_path):
    make_mini_imagenet(tmp_path)
    (tmp_path / "images" / "ntrain000000000001.jpg").unlink()
    (tmp_path / "images" / "ntrain000200000000.jpg").unlink()
    message = f"{tmp_path}/train.csv lists ntrain0000000000.*, one of 2 images that are not in {tmp_path}/images"
    refused(message, "mini_imagenet", tmp_path)
    (tmp_path / "test.csv").unlink()
    refused(f"cannot read {tmp_path}/test.csv.*No such file", "mini_imagenet", tmp_path, "test")


@pytest.mark.parametrize(
    ("rows", "header"),
    [([], ["filename", "label"]), ([["a.jpg", "a"]], ["file", "class"]), ([["a.jpg"]], ["filename", "label"])],
    ids=["empty", "other columns", "short row"],
)
def test_a_csv_that_is_not_one_of_mini_imagenet(rows, header, tmp_path):
    make_mini_imagenet(tmp_path)
    write_split(tmp_path / "train.csv", rows, header)
    refused(f"{tmp_path}/train.csv must be a CSV with the columns filename and label", "mini_imagenet", tmp_path)
    (tmp_path / "train.csv").write_bytes(b"\xff\xfe\x00")
    refused("train.csv must be a CSV", "mini_imagenet", tmp_path)


def test_too_few_classes_or_images_for_the_tasks(tmp_path):
    make_omniglot(tmp_path, characters=8, images=4)
    refused("data.ways: cannot draw 3 classes a task from 2; .*add classes", "omniglot", tmp_path, "test", ways=3)
    splits = r"split test of .* \(classes: 4 train, 2 val, 2 test\)"
    refused(f"data.ways: cannot draw 3 classes .* {splits}", "omniglot", tmp_path, "test", ways=3)
    refused("data.ways: cannot draw 1 classes .*at least 2", "omniglot", tmp_path, ways=1)
    message = f"{tmp_path}.*character.* has 4 images, but a task needs 2 shots and 3 queries.*lower data.shots"
    refused(message, "omniglot", tmp_path, shots=2, queries=3)
    name = read_omniglot(tmp_path, "train").names[0]
    for file in tmp_path.glob(f"*/{name}/*.png"):
        file.unlink()
    refused(f"{name} has 0 images", "omniglot", tmp_path, shots=1, queries=1)
