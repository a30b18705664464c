import errno
import os
import threading
from pathlib import Path

import pytest

from mamlrl.errors import UserError
from mamlrl.files import os_errors_as, replaced, write_text, written

needs_a_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.txt"


def snapshot(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["file.txt", "new/folder/file.txt"])
def test_a_file_is_written_in_a_new_folder_or_over_an_earlier_one(tmp_path, name):
    for text in ("first\n", "second, of another length: ä\n"):
        write_text(tmp_path / name, text)
        assert (tmp_path / name).read_bytes() == text.encode()
        assert os.listdir((tmp_path / name).parent) == ["file.txt"]


def test_nothing_is_there_until_all_is_written(path):
    with written(path) as file:
        file.write(b"first half, ")
        file.flush()
        assert not path.exists()
        file.write(b"second half")
    assert path.read_bytes() == b"first half, second half"


@pytest.mark.parametrize("opened", [replaced, written])
@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", [None, b"earlier"])
def test_an_error_within_leaves_things_as_they_were(path, opened, error, earlier):
    if earlier is not None:
        path.write_bytes(earlier)
    before = snapshot(path.parent)

    def fail():
        with opened(path) as file:
            file.write(b"half of it")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert snapshot(path.parent) == before


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("earlier", [None, b"earlier"])
def test_a_failed_write_leaves_things_as_they_were(path, monkeypatch, call, code, earlier):
    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    if earlier is not None:
        path.write_bytes(earlier)
    before = snapshot(path.parent)
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(UserError) as raised:
        write_text(path, "text")
    monkeypatch.undo()
    assert str(raised.value) == f"cannot write {path}: [Errno {code}] {os.strerror(code)}"
    assert isinstance(raised.value.__cause__, OSError)
    assert snapshot(path.parent) == before


@needs_a_full_device
@pytest.mark.parametrize("size", [10, 10**6])
def test_a_full_disk_leaves_an_earlier_file_alone(path, size):
    path.write_text("earlier")
    path.with_name("file.txt.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match=rf"cannot write {path}: .*No space left"):
        write_text(path, size * "x")
    assert snapshot(path.parent) == {path: b"earlier"}


@pytest.mark.parametrize("name", ["file.txt/below", "file.txt/far/below", ".", 300 * "a", "/proc/none/file.txt"])
def test_a_place_that_cannot_be_written_is_named_and_stays(tmp_path, path, name):
    path.write_text("in the way")
    with pytest.raises(UserError) as raised:
        write_text(tmp_path / name, "text")
    assert str(raised.value).startswith(f"cannot write {tmp_path / name}: ")
    assert snapshot(tmp_path) == {path: b"in the way"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_stays_as_it_is(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        write_text(tmp_path / "file.txt", "text")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_one(tmp_path, path):
    for target in (tmp_path / "there.txt", tmp_path / "not_there.txt"):
        (tmp_path / "there.txt").write_text("earlier")
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        write_text(path, "text")
        assert path.is_symlink()
        assert target.read_text() == "text"


def test_a_pipe_is_written_to_and_stays_one(path):
    os.mkfifo(path)
    received = []
    reader = threading.Thread(target=lambda: received.append(path.read_text()))
    reader.start()
    write_text(path, "text")
    reader.join()
    assert received == ["text"]
    assert path.is_fifo()


@needs_a_full_device
def test_a_device_is_written_to_and_stays_one():
    with pytest.raises(UserError, match=r"cannot write /dev/full: .*No space left"):
        write_text(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()


def test_only_os_errors_become_errors_of_the_user():
    with pytest.raises(UserError) as raised, os_errors_as("cannot do it", "; all is kept"):
        raise OSError(28, "full")
    assert str(raised.value) == "cannot do it: [Errno 28] full; all is kept"
    with pytest.raises(ValueError, match=r"^no$"), os_errors_as("cannot do it"):
        raise ValueError("no")


@pytest.mark.parametrize("name", ["", "n" * 300])
def test_names_that_no_file_can_have_are_os_errors(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError), replaced(Path(name)):  # noqa: PT011 (which one, the system decides)
        pass
    assert os.listdir(tmp_path) == []
