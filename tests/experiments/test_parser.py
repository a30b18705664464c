"""Parsers of experiments: options, help, and what they build."""

import dataclasses
from dataclasses import dataclass

import pytest
from jsonargparse import ArgumentParser

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.parser import build_experiment, experiment_parser, parse, parse_object, setting_names
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.outer.build import GRADIENT_OPTIMIZERS, OUTER_OPTIMIZERS

every_kind = pytest.mark.parametrize("kind", ["policy", "supervised"])


def built(kind, *arguments):
    parser = experiment_parser(kind)
    return build_experiment(parser, parse(parser, arguments))


@pytest.fixture
def search(monkeypatch):
    """A kind of somebody's own with a setting more, which derives from one of ours."""

    @dataclass(frozen=True)
    class Search(PolicyExperiment):
        """Search.

        Attributes:
            noise: Of candidates.
        """

        kind: str = "search"
        noise: float = 0.5

    monkeypatch.setattr(KINDS, "_entries", dict(KINDS))
    KINDS.register("search", Search)
    return Search


def help_of(key, parser):
    """The help of an option, on one line."""
    return next(" ".join(action.help.split()) for action in parser._actions if action.dest == key)


@every_kind
def test_without_arguments_a_kind_is_at_its_defaults(kind):
    assert built(kind) == KINDS[kind]() == parse_object(kind, {})


def test_every_option_sets_what_it_names():
    config = built("policy", "--seed=3", "--adaptation.loss=likelihood_ratio", "--policy.hidden_sizes=[3]")
    default = PolicyExperiment()
    assert config == dataclasses.replace(
        default,
        seed=3,
        adaptation=dataclasses.replace(default.adaptation, loss="likelihood_ratio"),
        policy=dataclasses.replace(default.policy, hidden_sizes=(3,)),
    )
    assert built("supervised", "--network.context_size=2").network.context_size == 2


def test_a_section_may_be_given_as_a_whole():
    config = built("supervised", '--data={"shots": 7, "ways": 2}', "--data.ways=3")
    assert config.data == dataclasses.replace(SupervisedExperiment().data, shots=7, ways=3)


def test_objects_hold_what_options_say():
    values = {"seed": 3, "env": {"kwargs": {"horizon": 5}}, "policy": {"hidden_sizes": [3, 4]}}
    config = built("policy", "--seed=3", "--env.kwargs.horizon=5", "--policy.hidden_sizes=[3, 4]")
    assert parse_object("policy", values) == config


@pytest.mark.parametrize("kind", ["nonsense", "", "no_such_module:kind"])
def test_an_unknown_kind_is_named(kind):
    said = "must be one of policy, supervised, classifier|no_such_module:kind cannot"
    with pytest.raises(UserError, match=f"^kind ({said})"):
        experiment_parser(kind)
    with pytest.raises(UserError, match=r"^kind "):
        setting_names(kind)


@every_kind
def test_settings_and_sections_have_names(kind):
    names = setting_names(kind)
    assert len(names) == len(set(names)) > 30
    assert {"kind", "seed", "adaptation", "adaptation.proximal", "adaptation.proximal.weight"} <= set(names)
    options = {name for action in experiment_parser(kind)._actions for name in action.option_strings}
    assert {f"--{name}" for name in names} <= options


def test_kinds_have_settings_of_their_own():
    policy, supervised = (set(setting_names(kind)) for kind in ("policy", "supervised"))
    assert {name.split(".")[0] for name in policy - supervised} == {
        "env", "policy", "sampling", "advantages", "trust_region", "promp", "adaptation", "evaluation",
        "exploration_weight",
    }  # fmt: skip
    assert {name for name in policy - supervised if name.startswith(("adaptation", "evaluation"))} == {
        "adaptation.loss",
        "evaluation.adaptation_episodes",
        "evaluation.deterministic",
        "evaluation.episodes_per_task",
        "evaluation.every",
        "evaluation.validation_tasks",
    }
    assert {name for name in supervised - policy if not name.startswith(("data", "network"))} == {
        "compile",
        "evaluation.shots",
        "evaluation.queries",
    }


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("policy", ["--data.shots=3"], "unrecognized arguments: --data.shots=3; data.shots is a setting of "
         "experiments of kind supervised or classifier, and this one is of kind policy"),
        ("policy", ["--network.hidden_sizes", "[3]"], "unrecognized arguments: --network.hidden_sizes [3]; "
         "network.hidden_sizes is a setting of experiments of kind supervised or classifier, and this one is of "
         "kind policy"),
        ("policy", ["--compile=true"], "unrecognized arguments: --compile=true; compile is a setting of "
         "experiments of kind supervised or classifier, and this one is of kind policy"),
        ("policy", ['--evaluation={"shots": 3}'], "Group 'evaluation' does not accept option 'shots'; "
         "evaluation.shots is a setting of experiments of kind supervised or classifier, and this one is of "
         "kind policy"),
        ("supervised", ["--env.id=x"], "unrecognized arguments: --env.id=x; env.id is a setting of "
         "experiments of kind policy, and this one is of kind supervised"),
        ("supervised", ["--env.kwargs.horizon=3"], "unrecognized arguments: --env.kwargs.horizon=3; env.kwargs "
         "is a setting of experiments of kind policy, and this one is of kind supervised"),
        ("supervised", ["--trust_region.max_k=3"], "unrecognized arguments: --trust_region.max_k=3; trust_region "
         "is a setting of experiments of kind policy, and this one is of kind supervised"),
        ("supervised", ["--adaptation.loss=reinforce"], "unrecognized arguments: --adaptation.loss=reinforce; "
         "adaptation.loss is a setting of experiments of kind policy, and this one is of kind supervised"),
        ("supervised", ["--adaptation.step=3"], "unrecognized arguments: --adaptation.step=3; did you mean "
         "adaptation.steps?"),
    ],
)  # fmt: skip
def test_a_key_of_another_kind_is_unknown_and_its_kind_is_named(kind, arguments, message):
    with pytest.raises(UserError) as raised:
        built(kind, *arguments)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("policy", {"data": {"shots": 3}}, ["'data.shots'", "kind supervised or classifier, and this one is of"]),
        (
            "policy",
            {"compile": False},
            ["'compile'", "kind supervised or classifier, and this one is of kind policy"],
        ),
        ("supervised", {"policy": {"min_std": 1.0}}, ["'policy.min_std'", "kind policy, and this one is"]),
        ("supervised", {"adaptation": {"loss": "x"}}, ["adaptation.loss is a setting", "of kind supervised"]),
        ("supervised", {"sampling": {"unit": "x"}}, ["'sampling.unit'", "kind policy"]),
    ],
    ids=str,
)
def test_so_it_is_in_objects(kind, values, words):
    with pytest.raises(UserError) as raised:
        parse_object(kind, values)
    assert all(word in str(raised.value) for word in words), raised.value


@pytest.mark.usefixtures("search")
def test_a_key_that_several_kinds_have_names_them_all():
    with pytest.raises(UserError, match=r"env\.id is a setting of experiments of kind policy or search, and this"):
        built("supervised", "--env.id=x")
    with pytest.raises(UserError, match="noise is a setting of experiments of kind search, and this one is of"):
        built("policy", "--noise=3")


def test_a_kind_of_one_s_own_is_built(search):
    assert built("search", "--noise=2", "--seed=3") == search(noise=2.0, seed=3)
    assert "noise" in setting_names("search")


@every_kind
def test_help_says_which_implementations_there_are(kind, search):
    parser = experiment_parser(kind)
    optimizers = OUTER_OPTIMIZERS if kind == "policy" else GRADIENT_OPTIMIZERS
    assert help_of("kind", parser).endswith("One of: policy, supervised, classifier, search.")
    assert help_of("adaptation.estimator", parser).endswith(f"One of: {', '.join(ESTIMATORS)}.")
    assert help_of("outer_optimizer", parser).endswith(f"One of: {', '.join(optimizers)}.")
    nested = help_of("adaptation.proximal.optimizer", parser)
    assert nested.endswith("One of: gradient_descent, line_search, adam, newton_cg.")


def test_help_says_which_implementations_a_list_may_hold(monkeypatch):
    monkeypatch.setattr(ESTIMATORS, "_entries", {**ESTIMATORS, "somebodys": None})
    parser = experiment_parser("policy")
    assert help_of("env.wrappers", parser).endswith("One of: task_observation.")
    assert help_of("adaptation.estimator", parser).endswith("somebodys.")


@pytest.mark.parametrize("key", ["policy.architecture", "adaptation.loss", "env.id"])
def test_null_is_refused_where_there_must_be_a_value(key):
    section, name = key.split(".")
    with pytest.raises(UserError, match=f"^{key} must (have a value, not null.*|be one of .*)$"):
        parse_object("policy", {section: {name: None}})


def test_an_option_that_is_wrong_is_not_blamed_on_the_config():
    for arguments in (['--trust_region={"max_kll": 1}', "--config=navigation2d"], ["--sed=1"]):
        with pytest.raises(UserError) as raised:
            parse(experiment_parser("policy"), [*arguments, "--config=navigation2d"])
        assert "config navigation2d" not in str(raised.value)


def test_any_parser_has_its_errors_explained():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--count", type=int)
    assert parse(parser, ["--count", "3"]).count == 3
    with pytest.raises(UserError, match=r"^unrecognized arguments: --cont 3; did you mean count\?$"):
        parse(parser, ["--cont", "3"])
    with pytest.raises(UserError, match="did you mean other_word"):
        parse(parser, ["--other.word=3"], ["other_word"])


def test_a_config_is_checked_before_it_is_laid_over_another(tmp_path):
    (tmp_path / "bad.yaml").write_text("adaptation: {steps: -1}\n")
    (tmp_path / "good.yaml").write_text("adaptation: {steps: 3}\n")
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    with pytest.raises(UserError, match=f"^config {bad}: adaptation.steps must be >= 0, got -1$"):
        load_config("navigation2d", [f"--config={bad}", f"--config={good}"])
