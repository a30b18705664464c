"""Loading policies: from anywhere, of any version, with no environment; and what cannot be loaded."""

import sys

import gymnasium
import numpy as np
import pytest
import torch
from deployed import POLICY, checkpoint, load_method, make_single

import mamlrl
from mamlrl.errors import UserError
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.runs.published import published_checkpoint, published_names


@pytest.fixture
def policy(tmp_path):
    return load_method("maml", tmp_path)


def changed(policy, path, **state):
    """The checkpoint with another state; None leaves a key out."""
    kept = {name: value for name, value in (policy.saved.state | state).items() if value is not None}
    save_checkpoint(path, policy.experiment, kept)
    return path


def test_no_environment_is_made(tmp_path, monkeypatch):
    path = checkpoint(tmp_path / "policy.pt")

    def make(*args, **kwargs):
        raise AssertionError("an environment was made")

    monkeypatch.setattr(gymnasium, "make_vec", make)
    monkeypatch.setattr(gymnasium, "make", make)
    policy = mamlrl.load(str(path))
    assert isinstance(policy, mamlrl.AdaptivePolicy)
    assert repr(policy) == f"AdaptivePolicy({str(path)!r}, steps=0)"
    assert policy.action_space.contains(policy([0.0, 0.0]))


def test_an_old_checkpoint_takes_the_spaces_of_its_environment_and_says_so(policy, tmp_path):
    path = changed(policy, tmp_path / "old.pt", interface=None)
    with pytest.warns(UserWarning, match=r"old\.pt is of an earlier version.* mamlrl/Navigation2D-v0") as caught:
        old = mamlrl.load(path)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the line that loads is the one to show
    assert old.interface.plain == policy.interface.plain
    np.testing.assert_array_equal(old([0.3, -0.1]), policy([0.3, -0.1]))
    old.save(tmp_path / "new.pt")
    assert mamlrl.load(tmp_path / "new.pt").action_space == policy.action_space  # with no warning


def test_an_old_checkpoint_whose_environment_is_gone_says_what_to_do(tmp_path, monkeypatch):
    policy = load_method("discrete", tmp_path)
    path = changed(policy, tmp_path / "old.pt", interface=None)
    monkeypatch.delitem(gymnasium.registry, "deployed/Push-v0")
    assert mamlrl.load(tmp_path / "discrete.pt").action_space.n == 3  # one of today needs it not
    with pytest.raises(
        UserError, match=r"environment cannot be made \(env\.id.*load it once where .* is installed"
    ):
        mamlrl.load(path)


BOX = {"kind": "box", "low": [0.0], "high": [1.0], "dtype": "float32"}


@pytest.mark.parametrize(
    "interface",
    [
        {},
        "text",
        {"observation_space": BOX, "action_space": BOX},
        {"observation_space": {**BOX, "dtype": "nothing"}, "action_space": BOX, "action_scaling": None},
        {"observation_space": {**BOX, "low": [2.0]}, "action_space": BOX, "action_scaling": None},
        {
            "observation_space": BOX,
            "action_space": {"kind": "discrete", "n": 0, "start": 0},
            "action_scaling": None,
        },
        {"observation_space": BOX, "action_space": BOX, "action_scaling": {"scale": [1.0, 1.0], "centre": [0.0]}},
        {"observation_space": BOX, "action_space": BOX, "action_scaling": {"scale": [0.0], "centre": [0.0]}},
        {"observation_space": BOX, "action_space": BOX, "action_scaling": {"scale": [1.0], "centre": [np.inf]}},
    ],
)
def test_a_damaged_interface_is_refused(policy, tmp_path, interface):
    path = changed(policy, tmp_path / "bad.pt", interface=interface)
    with pytest.raises(
        UserError, match=r"bad\.pt is a damaged checkpoint: its interface cannot be read"
    ) as raised:
        mamlrl.load(path)
    assert "\n" not in str(raised.value)


def test_an_interface_of_another_policy_is_refused(policy, tmp_path):
    other = {**policy.interface.plain, "observation_space": {**BOX, "low": [0.0] * 3, "high": [1.0] * 3}}
    path = changed(policy, tmp_path / "bad.pt", interface=other)
    with pytest.raises(UserError, match=r"bad\.pt: the checkpoint holds .* parameters, but"):
        mamlrl.load(path)


@pytest.mark.parametrize(
    "adapted",
    [
        {},
        "text",
        {"params": torch.zeros(3), "steps": 1},
        {"params": None, "steps": 1},
        {"params": "own", "steps": -1},
        {"params": "own", "steps": 1.0},
        {"params": "nan", "steps": 1},
        {"params": "double", "steps": 1},
    ],
)
def test_damaged_adapted_parameters_are_refused(policy, tmp_path, adapted):
    if isinstance(adapted, dict) and isinstance(adapted.get("params"), str):
        made = {"own": policy.params, "nan": policy.params * np.nan, "double": policy.params.double()}
        adapted = {**adapted, "params": made[adapted["params"]]}
    path = changed(policy, tmp_path / "bad.pt", adapted=adapted)
    with pytest.raises(UserError, match=r"bad\.pt is a damaged checkpoint: its adapted parameters"):
        mamlrl.load(path)


def test_a_checkpoint_of_a_newer_version_is_refused(policy, tmp_path):
    content = torch.load(policy.saved.path, weights_only=True)
    torch.save({**content, "format_version": 99, "mamlrl_version": "9.0"}, tmp_path / "new.pt")
    with pytest.raises(UserError, match=r"checkpoint format 99, written by mamlrl 9\.0"):
        mamlrl.load(tmp_path / "new.pt")


@pytest.mark.parametrize("where", ["nothing.pt", "", "navigation3d"])
def test_what_there_is_not(where):
    with pytest.raises(UserError, match="no checkpoint at") as raised:
        mamlrl.load(where)
    assert "navigation2d" in str(raised.value) or where != "navigation3d"


@pytest.mark.filterwarnings("ignore:.*earlier version")
def test_a_name_means_a_published_policy():
    assert mamlrl.load("navigation2d").saved.path == published_checkpoint("navigation2d")


@pytest.mark.filterwarnings("ignore:.*earlier version")
@pytest.mark.parametrize("name", [name for name in published_names() if not name.startswith("strokes")])
def test_every_published_policy_acts_or_predicts(name):
    loaded = mamlrl.load(name)
    if isinstance(loaded, mamlrl.AdaptiveNetwork):
        assert np.isfinite(loaded(np.zeros((2, *loaded.input_shape)))).all()
    else:
        assert loaded.action_space.contains(loaded(np.zeros(loaded.observation_space.shape)))


MODULE = """
from mamlrl.networks.build import ARCHITECTURES
from mamlrl.networks.mlp import MlpPolicy
ARCHITECTURES.register("own", lambda size, distribution, config: MlpPolicy(size, distribution, (7,)))
"""


def test_a_module_is_imported_only_if_it_is_allowed(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    path = checkpoint(tmp_path / "own.pt", options=[*POLICY, "--policy.architecture=own_networks:own"])
    from mamlrl.networks.build import ARCHITECTURES  # noqa: PLC0415

    try:
        sys.modules.pop("own_networks")
        ARCHITECTURES._entries.pop("own")
        with pytest.raises(UserError, match="would import the module own_networks"):
            mamlrl.load(path)
        assert "own_networks" not in sys.modules
        policy = mamlrl.load(path, allow_import=["own_networks"])
        assert policy.network.hidden_sizes == (7,)
        env = make_single(policy)
        assert policy.adapt(env, episodes=2, seed=0).steps == 1
    finally:
        sys.modules.pop("own_networks", None)
        ARCHITECTURES._entries.pop("own", None)
