"""Checkpoints of the wrong content are refused when they are read, by one line that names what is wrong."""

import math
import pickle
import resource
import sys
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
import torch
from damage import rewritten, with_config, with_state
from programs import TINY, run

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.training import train

RNG = np.random.default_rng(3).bit_generator.state
GENERATOR = torch.Generator().manual_seed(3).get_state()


@pytest.fixture(scope="module")
def state():
    config = load_config("navigation2d", [*TINY[1:], "--outer_optimizer=adam", "--iterations=4"])
    return config, make_learner(config).state_dict()


@pytest.fixture
def path(tmp_path, state):
    save_checkpoint(tmp_path / "latest.pt", *state)
    return tmp_path / "latest.pt"


def refusal(path):
    with pytest.raises(UserError) as raised:
        load_checkpoint(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 400
    return message


def moved(name, values):
    return {**RNG, name: values}


@pytest.mark.parametrize("iteration", [None, -1, 5, 10**12, 2**70, 1.0, math.nan, True, "1", [1], torch.tensor(1)])
def test_iterations(path, iteration):
    with_state(iteration=iteration)(path)
    assert "iteration" in refusal(path)


@pytest.mark.parametrize("steps", [-1, 2**70, 1.5, "1", True])
def test_environment_steps(path, steps):
    with_state(env_steps=steps)(path)
    assert "env_steps" in refusal(path)


@pytest.mark.parametrize("score", [math.nan, math.inf, "1", 1, [1.0], torch.tensor(1.0)])
def test_scores(path, score):
    with_state(best_score=score)(path)
    assert "best_score" in refusal(path)


@pytest.mark.parametrize("score", [-math.inf, 0.0, -3.5])
def test_scores_that_are_well(path, score):
    with_state(best_score=score)(path)
    assert load_checkpoint(path)[1]["best_score"] == score


@pytest.mark.parametrize(
    "rng",
    [
        3, "text", [], {}, {"bit_generator": "MT19937"}, moved("bit_generator", 3),
        moved("state", 3), moved("state", {"state": 1}), moved("state", {"state": -1, "inc": 1}),
        moved("state", {"state": 2**128, "inc": 1}), moved("state", {"state": 1.5, "inc": 1}),
        moved("has_uint32", "no"), moved("uinteger", 2**40), moved("uinteger", -1), torch.zeros(3),
    ],
)  # fmt: skip
def test_states_of_the_numpy_generator(path, rng):
    with_state(rng=rng)(path)
    assert "rng is not the state of a generator" in refusal(path)


@pytest.mark.parametrize(
    "generator",
    [
        3, "text", [1, 2], GENERATOR[:-1], GENERATOR[:10], GENERATOR[:0], GENERATOR.float(), GENERATOR.view(2, -1),
        torch.cat([GENERATOR, GENERATOR]), torch.full_like(GENERATOR, 255),
    ],
)  # fmt: skip
def test_states_of_the_torch_generator(path, generator):
    with_state(generator=generator)(path)
    assert "generator is not the state of a generator" in refusal(path)


@pytest.mark.parametrize(
    "params",
    [
        torch.zeros(44, dtype=torch.int64), torch.zeros(44, dtype=torch.float16), torch.zeros(44).bool(),
        torch.zeros(4, 11), torch.zeros(()), torch.full((44,), torch.nan), torch.zeros(1).expand(10**12),
        torch.tensor([0.0, torch.inf]), torch.zeros(44, dtype=torch.complex64), torch.zeros(44).to_sparse(),
        torch.zeros(44, dtype=torch.float8_e4m3fn), torch.zeros(10**9, device="meta"),
        torch.zeros(44, requires_grad=True),
    ],
)  # fmt: skip
def test_parameters(path, params):
    with_state(params=params)(path)
    refusal(path)


@pytest.mark.parametrize("name", ["step", "exp_avg", "exp_avg_sq"])
def test_moments_that_are_not_finite(path, state, name):
    moments = state[1]["optimizer"]
    with_state(optimizer={**moments, name: moments[name] + torch.nan})(path)
    assert f"optimizer.{name} are not finite" in refusal(path)
    with_state(optimizer=3)(path)
    assert "optimizer" in refusal(path)


@pytest.mark.parametrize(
    "change", [lambda moment: moment[:-1], torch.Tensor.double, torch.Tensor.int, lambda moment: None]
)
@pytest.mark.parametrize("name", ["exp_avg", "exp_avg_sq"])
def test_moments_of_other_parameters(state, name, change):
    config, content = state
    moments = {**content["optimizer"], name: change(content["optimizer"][name])}
    with pytest.raises(UserError, match="its state is damaged"):
        make_learner(config).load_state_dict({**content, "optimizer": moments})


@pytest.mark.parametrize("name", ["rng", "generator", "best_score", "env_steps", "optimizer"])
def test_what_is_needed_to_go_on_is_missed_before_anything_is_done(tmp_path, capsys, name):
    assert run("train", *TINY, "--iterations=1", "--output", tmp_path) == 0
    content = torch.load(latest_checkpoint(tmp_path), weights_only=True)
    content["state"] |= {"rng": RNG, "generator": GENERATOR}  # as earlier versions saved them
    del content["state"][name]
    torch.save(content, latest_checkpoint(tmp_path))
    before = (tmp_path / "metrics.csv").read_bytes()
    capsys.readouterr()
    assert run("train", "--output", tmp_path, "--resume", "--iterations=2") == 2
    error = capsys.readouterr().err
    assert error == f"mamlrl: {latest_checkpoint(tmp_path)}: its state is damaged: it lacks '{name}'\n"
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_parameters_of_double_precision_are_not_those_of_a_network(tmp_path, capsys):
    train(load_config("navigation2d", [*TINY[1:], "--iterations=1"]), tmp_path)
    params = load_checkpoint(latest_checkpoint(tmp_path))[1]["params"]
    with_state(params=params.double())(latest_checkpoint(tmp_path))
    for command in (["evaluate", tmp_path], ["train", "--resume", "--output", tmp_path]):
        assert run(*command) == 2
        assert "float64" in capsys.readouterr().err


@pytest.mark.parametrize(
    "value",
    [{1, 2}, 1j, bytearray(3), torch.float32, {(1, 2): 3}, {"a": {"b": [{3}]}}],
)
@pytest.mark.parametrize("part", ["state", "config", "more"])
def test_values_of_strange_types(path, part, value):
    {"state": with_state(more=value), "config": with_config(more=value), "more": rewritten(more=value)}[part](path)
    refusal(path)


def test_values_that_are_shared_a_thousand_million_times(path):
    value = "text"
    for _ in range(30):
        value = [value, value]
    rewritten(more=value)(path)
    refusal(path)
    for _ in range(60):
        value = [value]
    rewritten(more=value)(path)
    assert "nested" in refusal(path)


@pytest.mark.parametrize("value", ["1\n2", 3 * "long " * 100, [1], 2**70, None])
def test_versions_of_strange_kinds(path, value):
    rewritten(format_version=value, mamlrl_version=value)(path)
    refusal(path)


@pytest.mark.parametrize("size", [10**3, 2**30])
def test_compressed_entries_are_refused_unread(path, size):
    """Zeros, of which a gigabyte fits into a small file."""
    with (
        ZipFile(path, "a", ZIP_DEFLATED) as archive,
        archive.open("archive/data/9", "w", force_zip64=True) as entry,
    ):
        for _ in range(size // 1000 if size < 2**20 else 2**10):
            entry.write(bytes(1000 if size < 2**20 else 2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "compressed" in refusal(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # KiB


def test_entries_that_declare_more_than_the_file_holds(path):
    with ZipFile(path, "a", ZIP_STORED) as archive:
        archive.writestr("archive/data/9", b"text")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02")
    data[place + 20 : place + 28] = 2 * (2**31).to_bytes(4, "little")
    path.write_bytes(data)
    assert "larger than the file" in refusal(path)


@pytest.mark.parametrize(
    "key", ["kind", "adaptation.estimator", "policy.architecture", "env.id", "env.kwargs.more", "env.wrappers"]
)
def test_modules_are_not_imported_because_a_checkpoint_names_them(path, key, tmp_path, monkeypatch):
    (tmp_path / "unknown_rules.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    content = torch.load(path, weights_only=True)
    *sections, name = key.split(".")
    part = content["config"]
    for section in sections:
        part = part[section]
    part[name] = ["unknown_rules:ns/Name-v0"] if name == "wrappers" else "unknown_rules:ns/Name-v0"
    torch.save(content, path)
    assert f"{key} unknown_rules:ns/Name-v0 would import the module unknown_rules" in refusal(path)
    assert "--allow_import unknown_rules" in refusal(path)
    assert "unknown_rules" not in sys.modules


def test_a_module_in_a_package_is_not_imported_either(path):
    with_config(kind="wsgiref.simple_server:kind")(path)
    assert "would import the module wsgiref.simple_server" in refusal(path)
    assert "wsgiref" not in sys.modules


def test_a_module_that_is_imported_may_be_named(path):
    with_config(kind="json:policy")(path)
    assert load_checkpoint(path)[0].kind == "json:policy"


def test_pickles_without_an_archive(path):
    for value in ({"format": "mamlrl checkpoint"}, [1], None):
        path.write_bytes(pickle.dumps(value))
        refusal(path)
