import errno
import os
import random

import numpy as np
import pytest
import torch

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.runs.checkpoints import FORMAT_VERSION, load_checkpoint, save_checkpoint

CONFIG = load_config("navigation2d", ["--seed=7", "--policy.hidden_sizes=[3]", "--evaluation.first_step_size=0.3"])


def some_state(value=1.0):
    return {
        "params": torch.full((5,), value),
        "rng": np.random.default_rng(3).bit_generator.state,
        "generator": torch.Generator().manual_seed(3).get_state(),
        "iteration": 4,
        "best_score": float("-inf"),
    }


def assert_holds(path, state):
    config, loaded = load_checkpoint(path)
    assert config == CONFIG
    assert loaded.keys() == state.keys()
    for name, value in state.items():
        same = torch.equal(loaded[name], value) if isinstance(value, torch.Tensor) else loaded[name] == value
        assert same, name


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latest.pt"


@pytest.fixture
def saved(path):
    save_checkpoint(path, CONFIG, some_state())
    return path


def change(path, **values):
    """Rewrites a checkpoint with some of its content changed, and what is None left out."""
    content = {**torch.load(path, weights_only=True), **values}
    torch.save({name: value for name, value in content.items() if value is not None}, path)


def test_round_trip_is_exact(saved):
    assert_holds(saved, some_state())


def test_random_generators_continue_where_they_were(saved):
    _, state = load_checkpoint(saved)
    rng = np.random.default_rng()
    rng.bit_generator.state = state["rng"]
    assert rng.random() == np.random.default_rng(3).random()
    generator = torch.Generator()
    generator.set_state(state["generator"])
    expected = torch.rand(4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.rand(4, generator=generator), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_keep_every_bit_and_their_type(path, dtype):
    params = torch.randn(100, dtype=dtype, generator=torch.Generator().manual_seed(0))
    save_checkpoint(path, CONFIG, {"params": params, "iteration": 4})
    _, state = load_checkpoint(path)
    assert state["params"].dtype == dtype
    assert torch.equal(state["params"], params)


def test_saving_again_replaces_and_leaves_nothing_else(saved):
    save_checkpoint(saved, CONFIG, some_state(2.0))
    assert_holds(saved, some_state(2.0))
    assert os.listdir(saved.parent) == [saved.name]


def test_a_crash_between_write_and_rename_leaves_the_old_one(saved, monkeypatch):
    class Crash(BaseException):
        """The process dies here."""

    def crash(*arguments):
        raise Crash

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(Crash):
        save_checkpoint(saved, CONFIG, some_state(2.0))
    monkeypatch.undo()
    assert_holds(saved, some_state())
    save_checkpoint(saved, CONFIG, some_state(3.0))
    assert_holds(saved, some_state(3.0))
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_failed_write_is_named_and_leaves_the_old_one_alone(saved, monkeypatch, call, code):
    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(UserError) as raised:
        save_checkpoint(saved, CONFIG, some_state(2.0))
    monkeypatch.undo()
    assert str(saved) in str(raised.value)
    assert os.strerror(code) in str(raised.value)
    assert_holds(saved, some_state())
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_device_leaves_the_old_one_alone(saved):
    saved.with_name("latest.pt.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match="No space left"):
        save_checkpoint(saved, CONFIG, some_state(2.0))
    assert_holds(saved, some_state())
    assert os.listdir(saved.parent) == [saved.name]


def test_the_error_of_the_file_is_told_rather_than_that_of_torch(saved, monkeypatch):
    def save(content, file):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598")  # noqa: B904

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(UserError) as raised:
        save_checkpoint(saved, CONFIG, some_state(2.0))
    monkeypatch.undo()
    reason = "[Errno 28] No space left on device; the last one written is kept"
    assert str(raised.value) == f"cannot write checkpoint {saved}: {reason}"
    assert_holds(saved, some_state())


@pytest.mark.parametrize("name", ["", "n" * 300])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^cannot write checkpoint") as raised:
        save_checkpoint(name, CONFIG, some_state())
    assert "kept" not in str(raised.value)


def test_a_folder_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(UserError, match="cannot write checkpoint"):
        save_checkpoint(tmp_path / "none" / "latest.pt", CONFIG, some_state())


def test_data_reach_the_disk_before_the_rename(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda old, new: (calls.append("replace"), replace(old, new)))
    save_checkpoint(path, CONFIG, some_state())
    assert calls == ["fsync", "replace"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": None}, "not a mamlrl checkpoint"),
        ({"format": "another"}, "not a mamlrl checkpoint"),
        ({"format_version": FORMAT_VERSION + 1, "mamlrl_version": "99.1"}, rf"{FORMAT_VERSION + 1}, .*99\.1;.*"),
        ({"format_version": None}, f"reads format {FORMAT_VERSION}"),
        ({"config": None}, "damaged"),
        ({"state": None}, "damaged"),
        ({"config": "text"}, "damaged"),
        ({"config": {"meta_batch_size": -3}}, "meta_batch_size"),
        ({"config": {"meta_batch_size": None}}, "meta_batch_size"),
        ({"config": {"nonsense": 3}}, "nonsense"),
        ({"config": {"trust_region": 3}}, "trust_region"),
    ],
)
def test_content_that_is_not_as_written_is_refused_by_name(saved, values, message):
    change(saved, **values)
    with pytest.raises(UserError, match=message) as raised:
        load_checkpoint(saved)
    assert str(saved) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(UserError, match=f"no checkpoint at {path}"):
            load_checkpoint(path)


def test_a_flipped_bit_in_a_parameter_is_noticed(saved):
    """Not by `torch.load`."""
    data = bytearray(saved.read_bytes())
    place = data.index(torch.full((5,), 1.0).numpy().tobytes())
    data[place + 2] ^= 1
    saved.write_bytes(data)
    assert not torch.equal(torch.load(saved, weights_only=True)["state"]["params"], torch.full((5,), 1.0))
    with pytest.raises(UserError, match=f"^{saved} is damaged: its checksum is wrong"):
        load_checkpoint(saved)


@pytest.mark.parametrize("kind", ["flipped", "cut", "zeroed", "random", "text"])
def test_damage_of_any_kind_gives_a_checkpoint_or_a_user_error(saved, kind):
    """Whatever bytes a file holds, nothing but what was saved or a UserError may come of loading it."""
    chance = random.Random(kind)
    whole = saved.read_bytes()
    for _ in range(60):
        place, data = chance.randrange(len(whole)), bytearray(whole)
        if kind == "flipped":
            data[place] ^= chance.randrange(1, 256)
        elif kind == "cut":
            data = data[: chance.randrange(len(data))]
        elif kind == "zeroed":
            data[place : place + 64] = bytes(64)
        elif kind == "random":
            data = chance.randbytes(chance.randrange(300))
        else:
            data = "".join(chance.choices("seed: 3{}[]()\n.N", k=20)).encode()
        saved.write_bytes(data)
        try:
            assert_holds(saved, some_state())
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 (no error is fine as well)
