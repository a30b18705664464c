"""Exported policies and networks, in processes without mamlrl, and with ONNX without PyTorch."""

import warnings

import numpy as np
import pytest
import torch
from deployed import METHODS, checkpoint, load_method
from elsewhere import run_without
from gymnasium.spaces import Box
from sinusoids import TINY_SINUSOID
from torch import nn

import mamlrl
from mamlrl.deployment.network import AdaptiveNetwork
from mamlrl.errors import UserError
from mamlrl.experiments.objects import with_settings
from mamlrl.networks.images import ImageInterface, NetworkConfig
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.sampling.actions import first_action, to_space

EXPORTED = {  # whether deterministic
    "tanh": False,
    "context": True,
    "normalized": True,
    "discrete": False,
    "shifted": True,
    "choices": False,
    "switches": False,
    "matrix": False,
    "unscaled": True,
    "module": True,
    "half_cheetah_direction": True,  # a published one, of large outputs
}
RUN_PT2 = """
import warnings
warnings.filterwarnings("ignore", module="torch")
import numpy, torch
for file in sys.argv[1:]:
    inputs = numpy.load(file + ".npz")
    tensors = [torch.from_numpy(inputs[name]) for name in inputs]
    outputs = torch.export.load(file).module()(*tensors)
    numpy.save(file + ".npy", outputs.detach().numpy())
"""
RUN_ONNX = """
import numpy, onnxruntime
for file in sys.argv[1:]:
    session = onnxruntime.InferenceSession(file)
    numpy.save(file + ".npy", session.run(None, dict(numpy.load(file + ".npz")))[0])
"""


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """Policies of every kind of network, one of them a module of somebody else's."""
    folder = tmp_path_factory.mktemp("policies")
    policies = {method: load_method(method, folder) for method in EXPORTED if method in METHODS}
    module = nn.Sequential(nn.Linear(2, 5), nn.LayerNorm(5), nn.SiLU(), nn.Linear(5, 2))
    objects = {"policy.architecture": module}
    config = with_settings(policies["tanh"].experiment, objects)
    save_checkpoint(folder / "module.pt", config, mamlrl.make_learner(config).state_dict())
    policies["module"] = mamlrl.load(folder / "module.pt", objects=objects)
    with warnings.catch_warnings(action="ignore"):  # it may be of an earlier version
        policies["half_cheetah_direction"] = mamlrl.load("half_cheetah_direction")
    return policies


def act(policy, observation, noise):
    """Actions by what the training code has for it, in double precision."""
    network, params = policy.network, policy.params.double()
    seen, normalizer = torch.from_numpy(observation).double(), policy.interface.normalizer
    outputs = network(params, seen if normalizer is None else normalizer(seen))
    if noise is None:
        noise = network.distribution.noise((5,), torch.Generator(), torch.float32).zero_().numpy()
    actions = network.distribution.sample(outputs, torch.from_numpy(noise).double()).numpy()
    scaling = policy.experiment.sampling.action_scaling(policy.action_space)
    scaled = to_space(actions, policy.action_space, scaling, first_action(policy.action_space))
    if not isinstance(policy.action_space, Box):
        return scaled
    clipped = np.clip(scaled, policy.action_space.low, policy.action_space.high)
    assert "unscaled" not in str(policy.saved.path) or (clipped != scaled).any()
    return clipped


def make_images(config):
    """A network for images, of random parameters."""
    network = ImageInterface((1, 14, 14), 3, "max_pool").make_network(config)
    params = network.init(torch.Generator().manual_seed(0))
    return AdaptiveNetwork(None, network, params, 0, (1, 14, 14))


IMAGES = {
    "images": NetworkConfig(hidden_sizes=(4, 4)),
    "dense": NetworkConfig(hidden_sizes=(4, 4), images="dense"),
}


def files_of(name, folder):
    return [folder / f"{name}.pt2", folder / f"{name}.onnx"]


@pytest.fixture(scope="module")
def exported(policies, tmp_path_factory):
    """Everything exported to a folder, run elsewhere on inputs, and the outputs that there are here, by name."""
    folder, rng, expected = tmp_path_factory.mktemp("exported"), np.random.default_rng(0), {}
    sine = mamlrl.load(checkpoint(folder / "sine.pt", "sinusoid", TINY_SINUSOID[1:]))
    networks = {name: make_images(config) for name, config in IMAGES.items()}
    networks["sine"] = sine.adapt([[0.0], [1.0]], [[0.5], [-0.5]], steps=2)
    for name, deterministic in EXPORTED.items():
        observation = rng.uniform(-1, 1, (5, *policies[name].observation_space.shape)).astype(np.float32)
        size = {"discrete": 3, "choices": 5}.get(name, 2)
        noise = rng.standard_normal((5, size)).astype(np.float32)
        inputs = {"observation": observation} | ({} if deterministic else {"noise": noise})
        expected[name] = act(policies[name], observation, None if deterministic else noise)
        for file in files_of(name, folder):
            policies[name].export(file, deterministic=deterministic)
            np.savez(f"{file}.npz", **inputs)
    for name, network in networks.items():
        inputs = rng.uniform(0, 1, (4, *network.input_shape)).astype(np.float32)
        expected[name] = network(inputs)
        for file in files_of(name, folder):
            network.export(file)
            np.savez(f"{file}.npz", inputs=inputs)
    pt2, onnx = zip(*[files_of(name, folder) for name in expected], strict=True)
    run_without({"mamlrl", "envs"}, RUN_PT2, *pt2)
    run_without({"mamlrl", "envs", "torch"}, RUN_ONNX, *onnx)
    return folder, expected


@pytest.mark.parametrize("name", [*EXPORTED, *IMAGES, "sine"])
def test_what_is_exported_does_elsewhere_what_it_does_here(exported, name):
    folder, expected = exported
    for file in files_of(name, folder):
        np.testing.assert_allclose(np.load(f"{file}.npy"), expected[name], rtol=0, atol=1e-6, err_msg=file.name)


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_exporters_tell_of_nothing(policies, tmp_path, recwarn, capfd, suffix):
    policies["tanh"].export(tmp_path / f"policy.{suffix}")
    assert [str(warning.message) for warning in recwarn] == []
    assert capfd.readouterr() == ("", "")


def test_another_suffix_is_refused(policies, tmp_path):
    with pytest.raises(UserError, match=r"suffix of .*policy\.pt must be one of \.pt2, \.onnx"):
        policies["tanh"].export(tmp_path / "policy.pt")


def test_without_the_extra_onnx_says_which_one_it_is(policies, tmp_path, monkeypatch):
    monkeypatch.setattr("mamlrl.deployment.export.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ONNX needs onnx, onnxscript: pip install 'mamlrl\[onnx\]'"):
        policies["tanh"].export(tmp_path / "policy.onnx")


class Interpreted(MlpPolicy):
    """A policy that decides in Python, by its data, and computes with NumPy."""

    def bind(self, params):
        evaluate = super().bind(params)
        return lambda x: evaluate(torch.from_numpy(np.sin(x.numpy()))) if float(x.sum()) > 0 else evaluate(x)


class Bessel(MlpPolicy):
    """A policy with an operation that ONNX has not."""

    def bind(self, params):
        evaluate = super().bind(params)
        return lambda x: torch.special.i1(evaluate(x))


@pytest.mark.parametrize(
    ("network", "suffix", "culprit"), [(Interpreted, "pt2", ""), (Interpreted, "onnx", ""), (Bessel, "onnx", "i1")]
)
def test_an_operation_that_cannot_be_exported_is_one_error_and_no_file(
    policies, tmp_path, network, suffix, culprit
):
    policy = policies["tanh"]
    layout = {name: getattr(policy.network, name) for name in policy.network.__dataclass_fields__}
    other = type(policy)(policy.saved, network(**layout), policy.params, 0, policy.interface)
    other([0.1, 0.1])  # it acts
    with pytest.raises(UserError, match=rf"cannot be exported to \.{suffix}: \w+: .*{culprit}") as raised:
        other.export(tmp_path / f"policy.{suffix}")
    assert str(raised.value).isprintable()  # one line without colours
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(policies, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        policies["tanh"].export(tmp_path / "file" / "policy.pt2")
