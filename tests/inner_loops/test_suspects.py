"""Messages on divergence name the setting that is furthest from what is usual, on the side that does harm."""

import pytest

from mamlrl.errors import DivergenceError, LearningError, NonFiniteError, TaskEnvError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import Experiment
from mamlrl.inner_loops.suspects import blamed


def message(config, error, **options):
    with pytest.raises(type(error)) as caught, blamed(config, "iteration 7: ", **options):
        raise error
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "options", "expected"),
    [
        ("navigation2d", ["--adaptation.step_size=1e30"], "adaptation.step_size 1e+30 is most likely too large"),
        ("navigation2d", ["--policy.initial_std=1e30"], "policy.initial_std 1e+30 is most likely too large"),
        ("navigation2d", ["--policy.initial_std=1e-30"], "policy.initial_std 1e-30 is most likely too small"),
        ("navigation2d", ["--policy.min_std=1e9"], "policy.min_std 1e+09 is most likely too large"),
        ("navigation2d", ["--trust_region.max_kl=1e20"], "trust_region.max_kl 1e+20 is most likely too large"),
        ("navigation2d", ["--trust_region.max_kl=1e-20"], "adaptation.step_size 0.5 may be too large"),
        ("navigation2d", ["--adam.learning_rate=10"], "adaptation.step_size 0.5 may be too large"),  # not in use
        (
            "half_cheetah_velocity",
            ["--outer_optimizer=promp", "--adam.learning_rate=10"],
            "adam.learning_rate 10 is most likely too large",
        ),
        ("sinusoid", ["--adam.learning_rate=1000"], "adam.learning_rate 1000 is most likely too large"),
        ("sinusoid", ["--adaptation.step_size=100"], "adaptation.step_size 100 is most likely too large"),
        (
            "sinusoid_imaml",
            ["--adaptation.proximal.weight=1e-20"],
            "adaptation.proximal.weight 1e-20 is most likely too small",
        ),
    ],
)
def test_the_setting_to_blame(config, options, expected):
    experiment = load_config(config, options)
    assert message(experiment, LearningError("x")) == f"iteration 7: x; {expected}"


def test_where_nothing_is_unusual_it_is_the_part_that_diverged():
    config = load_config("sinusoid", [])
    assert message(config, LearningError("x")).endswith("; adaptation.step_size 0.01 may be too large")
    assert message(config, LearningError("x", outer=True)).endswith("; adam.learning_rate 0.001 may be too large")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--evaluation.first_step_size=1e9"], "evaluation.first_step_size 1e+09"),
        (["--evaluation.later_step_factor=1e9"], "evaluation.later_step_factor 1e+09"),
        (["--adaptation.step_size=1e9"], "adaptation.step_size 1e+09"),
        (["--adaptation.step_size=1e9", "--evaluation.first_step_size=100"], "evaluation.first_step_size 100"),
        (["--adam.learning_rate=1e9", "--outer_optimizer=adam"], "adam.learning_rate 1e+09"),
    ],
)
def test_in_an_evaluation_its_settings_come_first(options, expected):
    config = load_config("navigation2d", options)
    assert f"; {expected} is most likely too large" in message(config, LearningError("x"), evaluating=True)


def test_settings_of_evaluations_are_not_to_blame_in_training():
    config = load_config("navigation2d", ["--evaluation.first_step_size=1e9"])
    assert "evaluation" not in message(config, LearningError("x"))


@pytest.mark.parametrize("error", [NonFiniteError("x"), TaskEnvError("x")])
def test_what_the_environment_did_is_not_blamed_on_settings(error):
    config = load_config("navigation2d", ["--adaptation.step_size=1e30"])
    assert message(config, error) == "iteration 7: x"


def test_simulations_that_diverged_are_blamed_on_unusual_settings_alone():
    config = load_config("half_cheetah_velocity", [])
    assert message(config, DivergenceError("x")) == "iteration 7: x"
    config = load_config("half_cheetah_velocity", ["--policy.initial_std=1e5"])
    assert message(config, DivergenceError("x")).endswith("; policy.initial_std 100000 is most likely too large")


def test_experiments_without_such_settings_have_no_suspects():
    assert message(Experiment(), LearningError("x")) == "iteration 7: x"
