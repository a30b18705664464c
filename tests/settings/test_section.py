"""Settings that are made in Python: checked and made plain as those of a command line are."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mamlrl.adaptation.build import ESTIMATORS, AdaptationConfig, PolicyAdaptationConfig
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import EvaluationConfig
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.figures.film import VideoConfig
from mamlrl.learners.build import make_learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.networks.build import PolicyConfig
from mamlrl.networks.images import NetworkConfig
from mamlrl.runs.training import train
from mamlrl.sampling.build import EnvConfig
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.settings.section import Section, hints
from mamlrl.supervised.build import DataConfig


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (PolicyConfig, {"activation": "gelu"}, "activation must be one of relu, tanh, got 'gelu'"),
        (PolicyConfig, {"activation": None}, "activation must be one of relu, tanh, got None"),
        (PolicyConfig, {"initial_std": 1e300}, "initial_std must be of a size from 1.2e-38 to 3.4e+38, got"),
        (PolicyConfig, {"initial_std": 10**400}, "initial_std must be"),
        (PolicyConfig, {"initial_std": float("nan")}, "initial_std must be a number > 0, got nan"),
        (PolicyConfig, {"min_std": "1"}, "min_std must be a number > 0, got '1'"),
        (PolicyConfig, {"hidden_sizes": 8}, "hidden_sizes must be a list, such as [1, 2], got 8"),
        (PolicyConfig, {"hidden_sizes": "88"}, "hidden_sizes must be a list"),
        (PolicyConfig, {"hidden_sizes": (8, 0)}, "hidden_sizes must be a whole number > 0, got 0"),
        (PolicyConfig, {"hidden_sizes": (8.5,)}, "hidden_sizes must be a whole number > 0, got 8.5"),
        (NetworkConfig, {"context_size": True}, "context_size must be a whole number >= 0, got True"),
        (NetworkConfig, {"context_size": 10**12}, "context_size must be at most 1000000000"),
        (PolicyExperiment, {"meta_batch_size": 0}, "meta_batch_size must be a whole number > 0, got 0"),
        (PolicyExperiment, {"seed": 2**63}, "seed must be a whole number >= 0 and < 9223372036854775808"),
        (PolicyExperiment, {"device": None}, "device must be text, got None"),
        (PolicyExperiment, {"env": {"id": "x"}}, "env must be of class EnvConfig, got {'id': 'x'}"),
        (PolicyExperiment, {"evaluation": EvaluationConfig()}, "evaluation must be of class PolicyEval"),
        (SupervisedExperiment, {"network": PolicyConfig()}, "network must be of class NetworkConfig, got PolicyC"),
        (SupervisedExperiment, {"adaptation": PolicyAdaptationConfig()}, "adaptation must be of class Adapt"),
        (PolicyExperiment, {"outer_optimizer": "sgd"}, "outer_optimizer must be one of trust_region, adam, promp"),
        (SupervisedExperiment, {"outer_optimizer": "promp"}, "outer_optimizer must be one of adam, got promp"),
        (SupervisedExperiment, {"compile": 1}, "compile must be true or false, got 1"),
        (AdaptationConfig, {"estimator": "x"}, f"estimator must be one of {', '.join(ESTIMATORS)}, got x"),
        (AdaptationConfig, {"estimator": 3}, f"estimator must be one of {', '.join(ESTIMATORS)}, got 3"),
        (PolicyAdaptationConfig, {"loss": "mine"}, "loss must be one of reinforce, likelihood_ratio, got mine"),
        (ProximalConfig, {"weight": -1}, "weight must be a number >= 0, got -1"),
        (EvaluationConfig, {"first_step_size": -1.0}, "first_step_size must be a number >= 0, got -1.0"),
        (EnvConfig, {"kwargs": [1]}, "kwargs must be a dict, got [1]"),
        (EnvConfig, {"kwargs": {3: 4}}, "kwargs must have keys of text, got 3"),
        (EnvConfig, {"kwargs": {"task": object()}}, "kwargs must hold numbers, text, lists and keys alone"),
        (EnvConfig, {"wrappers": ("x",)}, "wrappers must be one of task_observation, got x"),
        (EnvConfig, {"wrappers": "task_observation"}, "wrappers must be a list"),
        (SamplingConfig, {"unit": "steps"}, "unit must be one of episodes, transitions, got 'steps'"),
        (DataConfig, {"dataset": "mnist"}, "dataset must be one of sinusoid"),
        (VideoConfig, {"speed": 0.0}, "speed must be a number >= 0.01 and <= 100, got 0.0"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named_with_its_section(section, values, message):
    with pytest.raises(UserError) as raised:
        section(**values)
    assert str(raised.value).startswith(f"{section.__name__}: {message}")
    assert "\n" not in str(raised.value)
    with pytest.raises(UserError):
        dataclasses.replace(section(), **values)


def test_what_is_almost_plain_becomes_so():
    config = PolicyConfig(hidden_sizes=[8, np.int64(9)], initial_std=np.float32(0.5), min_std=1)
    assert config == PolicyConfig(hidden_sizes=(8, 9), initial_std=0.5, min_std=1.0)
    assert [type(value) for value in (*config.hidden_sizes, config.initial_std, config.min_std)] == [
        int, int, float, float,
    ]  # fmt: skip
    assert SupervisedExperiment(compile=np.bool_(True)).compile is True
    assert DataConfig(folder=Path("data")).folder == "data"
    assert EvaluationConfig(first_step_size=None).first_step_size is None


def test_keyword_arguments_are_copied_and_are_as_a_file_gives_them_back():
    given = {"velocity_range": (0, np.float64(2)), "inner": {"a": np.int64(1)}}
    config = PolicyExperiment(env=EnvConfig(kwargs=given))
    given["surplus"] = 1
    assert config.env.kwargs == {"velocity_range": [0, 2.0], "inner": {"a": 1}}
    assert restore_experiment(plain_experiment(config)) == config


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(UserError) as raised:
        EnvConfig(kwargs=list(range(10000)))
    assert len(str(raised.value)) < 150


@pytest.mark.parametrize("experiment", KINDS.values(), ids=KINDS)
def test_every_section_of_every_kind_is_checked(experiment):
    def sections(part):
        yield part
        for hint in hints(part).values():
            if dataclasses.is_dataclass(hint):
                yield from sections(hint)

    for section in sections(experiment):
        assert issubclass(section, Section)
        for name in hints(section):
            with pytest.raises(UserError, match=f"^{section.__name__}: {name} "):
                section(**{name: object()})


def test_fields_of_one_s_own_sections_are_checked():
    @dataclass(frozen=True)
    class Mine(Section):
        count: int = 0
        anything: object = None

    assert Mine(3, anything=[1]).anything == [1]
    with pytest.raises(UserError, match=r"^Mine: count must be a whole number, got 1\.5$"):
        Mine(1.5)


@pytest.mark.parametrize("config", [{"kind": "policy"}, None, "navigation2d", SupervisedExperiment])
def test_what_is_no_experiment_is_refused_before_anything_is_done(config, tmp_path):
    for use in (make_learner, lambda given: evaluate(given, None), lambda given: train(given, tmp_path / "run")):
        with pytest.raises(UserError, match=r"^config must be an experiment, such as load_config returns, got "):
            use(config)
    assert not (tmp_path / "run").exists()


def test_a_learner_takes_experiments_of_its_kind_alone():
    with pytest.raises(UserError, match=r"^config must be of class PolicyExperiment, got SupervisedExperiment"):
        MetaLearner(SupervisedExperiment())
    with pytest.raises(UserError, match=r"^config must be of class SupervisedExperiment, got PolicyExperiment"):
        SupervisedLearner(PolicyExperiment())


def test_what_is_not_text_among_overrides_or_a_path_is_refused(tmp_path):
    for overrides in ("--seed=3", ["--seed", 3]):
        with pytest.raises(UserError, match=r"^overrides must be a list of options, each of them text, got "):
            load_config("navigation2d", overrides)
    with pytest.raises(UserError, match=r"^output: the folder of a run must be a path, got None"):
        train(PolicyExperiment(), None)
    with pytest.raises(UserError, match=r"^params must be a tensor of shape \(P \+ R,\), got a list"):
        evaluate(load_config("navigation2d", ["--evaluation.tasks=2"]), [1.0])


def test_keyword_arguments_that_are_changed_afterwards_are_not_saved_as_what_they_are_not():
    config = PolicyExperiment(env=EnvConfig(kwargs={"horizon": 5}))
    config.env.kwargs["task"] = object()
    with pytest.raises(UserError, match="must hold numbers, text, lists and keys alone, got <object"):
        plain_experiment(config)


def test_an_experiment_is_of_the_class_of_its_kind():
    for config in (PolicyExperiment(kind="supervised"), PolicyExperiment(kind="nonsense")):
        with pytest.raises(UserError, match=r"^kind"):
            make_learner(config)
        with pytest.raises(UserError, match=r"^kind"):
            evaluate(config, None)
