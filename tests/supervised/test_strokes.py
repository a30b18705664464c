import numpy as np
import pytest
from PIL import Image
from programs import run

from mamlrl.errors import UserError
from mamlrl.supervised.strokes import write_strokes


def read(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_the_layout_is_omniglots(tmp_path):
    write_strokes(tmp_path, seed=0, alphabets=5, characters=2, images=3)
    names = list(read(tmp_path))
    assert names[0] == "README.txt"
    assert "not Omniglot" in (tmp_path / "README.txt").read_text()
    assert names[1] == "images_background/Generated_00/character01/0001_01.png"
    assert names[-1] == "images_evaluation/Generated_04/character02/0010_03.png"
    assert len(names) == 1 + 5 * 2 * 3
    assert sum(name.startswith("images_background") for name in names) == 3 * 2 * 3
    with Image.open(tmp_path / names[1]) as image:
        assert (image.mode, image.size) == ("1", (105, 105))
        assert 0.5 < np.asarray(image).mean() < 0.99  # dark strokes on white


def test_the_seed_decides_the_drawings(tmp_path):
    for name, seed in [("first", 0), ("again", 0), ("other", 1)]:
        write_strokes(tmp_path / name, seed, alphabets=1, characters=1, images=2)
    first, again, other = (read(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


def test_the_program_writes_the_data_set(tmp_path, capsys):
    folder = tmp_path / "data" / "strokes"
    small = ["--alphabets=1", "--characters=2", "--images=2"]
    assert run("strokes", "--output", folder, "--seed=3", *small) == 0
    write_strokes(tmp_path / "same", 3, alphabets=1, characters=2, images=2)
    assert read(folder) == read(tmp_path / "same")
    capsys.readouterr()
    assert run("strokes", "--output", folder, *small) == 2
    assert capsys.readouterr().err == f"mamlrl: {folder} is not empty; choose another --output\n"


@pytest.mark.parametrize("arguments", [["--images=0"], ["--seed=-1"], ["--alphabet=3"]])
def test_options_that_cannot_be_used(arguments, tmp_path, capsys):
    assert run("strokes", "--output", tmp_path / "data", *arguments) == 2
    assert arguments[0].split("=")[0].strip("-") in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_what_systems_leave_in_a_folder_does_not_make_it_full(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"junk")
    write_strokes(tmp_path, seed=0, alphabets=1, characters=1, images=1)
    assert (tmp_path / ".DS_Store").read_bytes() == b"junk"
    with pytest.raises(UserError, match="is not empty"):
        write_strokes(tmp_path, seed=0)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"cannot write to {tmp_path}/file"):
        write_strokes(tmp_path / "file" / "data", seed=0)
