"""Image files: pixel formats that are read right or refused, damage, what is no image, and the same one twice."""

import os
from io import BytesIO

import numpy as np
import pytest
from image_folders import make_omniglot
from PIL import Image, ImageOps

from mamlrl.errors import UserError
from mamlrl.supervised.image_files import ImageFormat, check_distinct, opaque, visible
from mamlrl.supervised.omniglot import read_omniglot

SIZE = 16
GREY, COLOUR = ImageFormat(SIZE, "L"), ImageFormat(SIZE, "RGB")
LEVELS = np.arange(SIZE * SIZE, dtype=np.uint8).reshape(SIZE, SIZE)  # every grey once
INK = np.where(LEVELS % 3 == 0, 0, 255).astype(np.uint8)  # black on white


def saved(image, path, **options):
    image.save(path, **options)
    return path


def on_transparent(mode):
    """Black strokes on nothing, whose colour below it is black, too."""
    alpha = Image.fromarray(255 - INK)
    black = Image.new("L" if mode == "LA" else "RGB", alpha.size, 0)
    black.putalpha(alpha)
    return black.convert(mode)


def palette(transparent=False, ink=7):
    """Colour 0 is white, or nothing over black; others are black."""
    image = Image.fromarray(np.where(INK == 255, 0, ink).astype(np.uint8), "P")
    paper = [0, 0, 0] if transparent else [255, 255, 255]
    image.putpalette([*paper, *[0, 0, 0] * 255])
    return image


INK_IMAGES = {
    "1 bit": (Image.fromarray(INK).convert("1"), {}),
    "8 bits": (Image.fromarray(INK), {}),
    "16 bits": (Image.fromarray(INK.astype(np.uint16) * 257), {}),
    "palette": (palette(), {}),
    "palette of 1 bit": (palette(ink=1), {"bits": 1}),
    "palette with a transparent colour": (palette(transparent=True), {"transparency": 0}),
    "palette with opacities": (palette(transparent=True), {"transparency": bytes([0, *[255] * 255])}),
    "grey with a transparent level": (Image.fromarray(INK // 255 * 9), {"transparency": 9}),
    "grey and alpha": (on_transparent("LA"), {}),
    "colour": (Image.fromarray(INK).convert("RGB"), {}),
    "colour and alpha": (on_transparent("RGBA"), {}),
}


@pytest.mark.parametrize("pixel_format", INK_IMAGES)
def test_ink_on_paper_is_the_same_in_every_pixel_format(pixel_format, tmp_path):
    image, options = INK_IMAGES[pixel_format]
    path = saved(image, tmp_path / "image.png", **options)
    np.testing.assert_array_equal(GREY.decode(path)[0], INK)
    np.testing.assert_array_equal(COLOUR.decode(path), np.stack([INK] * 3))


@pytest.mark.parametrize("name", ["image.png", "image.tif", "image.pgm"])
def test_grey_of_16_bits_is_scaled_and_not_cut(name, tmp_path):
    path = saved(Image.fromarray(LEVELS.astype(np.uint16) * 257), tmp_path / name)
    np.testing.assert_array_equal(GREY.decode(path)[0], LEVELS)


def test_half_transparent_ink_is_grey(tmp_path):
    path = saved(Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 128)), tmp_path / "image.png")
    assert (np.abs(GREY.decode(path).astype(int) - 127) <= 1).all()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
@pytest.mark.parametrize("name", ["image.jpg", "image.tif"])
def test_colours_of_printers_and_cameras(mode, name, tmp_path):
    for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 100, 30)]:
        path = saved(Image.new("RGB", (SIZE, SIZE), colour).convert(mode), tmp_path / name)
        assert np.abs(COLOUR.decode(path)[:, 3, 5].astype(int) - colour).max() <= 3


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (Image.fromarray(LEVELS.astype(np.float32)), "F"),
        (Image.fromarray(LEVELS.astype(np.int32) * 100000), "I"),
        (Image.merge("LAB", [Image.fromarray(LEVELS)] * 3), "LAB"),
    ],
)
def test_other_pixel_formats_are_refused_by_name(image, mode, tmp_path):
    path = saved(image, tmp_path / "image.tif")
    message = rf"cannot read the image {path} \(its pixels are {mode}, of which only .*\); replace or remove it"
    with pytest.raises(UserError, match=message):
        GREY.decode(path)


def test_a_transparent_level_of_16_bits_is_refused(tmp_path):
    image = Image.fromarray(LEVELS.astype(np.uint16) * 257)
    path = saved(image, tmp_path / "image.png")
    with Image.open(path) as read:
        read.info["transparency"] = 9
        with pytest.raises(ValueError, match="its pixels are I"):
            opaque(read)


@pytest.mark.parametrize("name", ["image.png", "image.jpg"])
def test_an_image_cut_short_anywhere_is_named(name, tmp_path):
    path = saved(ImageOps.expand(Image.fromarray(LEVELS), 20), tmp_path / name)
    data = path.read_bytes()
    for length in range(0, len(data) - 2, 7):
        path.write_bytes(data[:length])
        with pytest.raises(UserError, match=f"cannot read the image {path}"):
            GREY.decode(path)


def test_a_flipped_bit_of_a_png_is_found_or_changes_nothing(tmp_path):
    path = saved(Image.fromarray(INK), tmp_path / "image.png")
    data = path.read_bytes()
    expected = GREY.decode(path)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = GREY.decode(path)
        except UserError:
            continue
        np.testing.assert_array_equal(found, expected)


def test_hidden_files_and_what_systems_leave_are_not_seen(tmp_path):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "._b.png", ".b.png", "b.png", "a.PNG"):
        (tmp_path / name).touch()
    for name in ("__MACOSX", ".git", "@eaDir", "c"):
        (tmp_path / name).mkdir()
    assert [path.name for path in visible(tmp_path)] == ["a.PNG", "b.png", "c"]


def test_every_visible_file_of_a_character_is_an_image_or_refused(tmp_path):
    make_omniglot(tmp_path)
    name = read_omniglot(tmp_path, "test").names[0]
    folder = next(tmp_path.glob(f"*/{name}"))
    content = BytesIO()
    Image.fromarray(INK).save(content, "PNG")
    (folder / "9.PNG").write_bytes(content.getvalue())
    assert read_omniglot(tmp_path, "test").counts[0] == 5
    (folder / "notes.txt").write_text("notes")
    with pytest.raises(UserError, match=f"cannot read the image {folder / 'notes.txt'}"):
        read_omniglot(tmp_path, "test")


def link(path, other):
    os.link(other, path)


def symlink(path, other):
    path.symlink_to(other)


@pytest.mark.parametrize("make", [link, symlink])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_same_file_in_two_characters_is_refused_whatever_is_read(make, split, tmp_path):
    make_omniglot(tmp_path)
    train, test = (next(tmp_path.glob(f"*/{read_omniglot(tmp_path, s).names[0]}")) for s in ("train", "test"))
    make(test / "copy.png", next(train.glob("*.png")))
    with pytest.raises(
        UserError, match=r"the image .* of .* \(\w+\) is already an image of .*, as .*; remove one"
    ):
        read_omniglot(tmp_path, split)


def test_images_are_distinct_by_file_where_there_is_one_and_by_path_elsewhere(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    check_distinct([("x", tmp_path / "a"), ("y", tmp_path / "b"), ("y", tmp_path / "c")])
    for twin in (tmp_path / "a", tmp_path / ".." / tmp_path.name / "a"):
        with pytest.raises(UserError, match="of y is already an image of x"):
            check_distinct([("x", tmp_path / "a"), ("y", twin)])
    with pytest.raises(UserError, match="none of y is already an image of x"):
        check_distinct([("x", tmp_path / "none"), ("y", tmp_path / "none")])
