"""Command lines: a program's own options and those of an experiment, in any order and form."""

from itertools import permutations
from pathlib import Path

import pytest
from command_lines import parsed, program, refused

from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.policy import PolicyExperiment

GROUPS = [
    ["--output", "out"],
    ["--resume"],
    ["--config=promp"],
    ["--seed", "3"],
    ["--adaptation.step_size=0.25"],
]


@pytest.mark.parametrize("order", list(permutations(range(5))), ids=lambda order: "".join(map(str, order)))
def test_options_may_come_in_any_order(order):
    options, config = parsed("in", *(argument for index in order for argument in GROUPS[index]))
    assert (options.inputs, options.output, options.resume) == ([Path("in")], Path("out"), True)
    assert (config.outer_optimizer, config.seed, config.adaptation.step_size) == ("promp", 3, 0.25)
    assert config.adaptation.loss == "likelihood_ratio"


def test_of_settings_the_last_counts():
    assert parsed("--output=x", "--seed=3", "--seed", "4")[1].seed == 4
    for last, other in (("maml", "first_order"), ("first_order", "maml")):
        estimator = load_config("navigation2d", [f"--config={last}"]).adaptation.estimator
        assert parsed("--output=x", f"--config={other}", f"--config={last}")[1].adaptation.estimator == estimator


@pytest.mark.parametrize("form", ["--config={0}", "--config {0}"])
def test_options_win_over_configs_wherever_they_stand(form):
    option, config = ["--adaptation.loss=reinforce"], form.format("promp").split()
    for arguments in ([*option, *config], [*config, *option], ["--seed", "3", *config, *option, "--config=maml"]):
        assert parsed("--output=x", *arguments)[1].adaptation.loss == "reinforce"
    assert load_config("navigation2d", [*option, *config]).adaptation.loss == "reinforce"
    assert load_config("navigation2d", [*option, *config]).outer_optimizer == "promp"


@pytest.mark.parametrize("form", ["--{0}={1}", "--{0} {1}"])
@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("offset", "-1", -1.0),
        ("offset", "-0.5", -0.5),
        ("offset", "2.5", 2.5),
        ("size", "3", 3),
        ("output", "a=b", Path("a=b")),
    ],
)
def test_own_options_take_either_form_and_negative_numbers(form, key, text, value):
    options, _ = parsed("--output=out", *form.format(key, text).split())
    assert options[key] == value


@pytest.mark.parametrize("form", ["--{0}={1}", "--{0} {1}"])
@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("env.kwargs.goal", "-1", -1),
        ("env.kwargs.goal", "-1.5e-3", -0.0015),
        ("env.kwargs.text", "a=b", "a=b"),
        ("env.kwargs", '{"a":-1}', {"a": -1}),
        ("policy.hidden_sizes", "[3,4]", (3, 4)),
        ("evaluation.first_step_size", "null", None),
        ("sampling.rescale_actions", "false", False),
        ("device", "-x", "-x"),
    ],
)
def test_settings_take_either_form_and_negative_numbers(form, key, text, value):
    options, config = parsed("--output=out", *form.format(key, text).split(), "in")
    for name in key.removesuffix(".goal").removesuffix(".text").split("."):
        config = getattr(config, name)
    assert (config[key.split(".")[-1]] if key.endswith(("goal", "text")) else config) == value
    assert options.inputs == [Path("in")]


@pytest.mark.parametrize(
    "arguments",
    [
        "a b --output out --seed 3",
        "a --seed 3 b --output out",
        "--seed 3 a b --output=out",
        "--seed=3 a b --output=out",
        "a --seed=3 b --output out",
        "--output=out --seed=3 a b",
        "--output out --seed 3 a b",
        "--output out --seed 3 a --device cpu b",
        "--output out a b --seed 3",
    ],
)
def test_positional_arguments_may_stand_anywhere_and_keep_their_order(arguments):
    options, config = parsed(*arguments.split())
    assert options.inputs == [Path("a"), Path("b")]
    assert (options.output, config.seed) == (Path("out"), 3)


def test_what_follows_a_setting_is_no_more_of_the_option_before_it():
    options, _ = parsed("--output=out", "--tasks", "0", "2", "--seed", "3", "in")
    assert (options.tasks, options.inputs) == ([0, 2], [Path("in")])


def test_own_options_have_defaults():
    options, config = parsed("--output=out")
    assert (options.inputs, options.resume, options.offset, options.tasks) == ([], False, 0.0, [0])
    assert (options.size, options.speed) == (64, 1.0)
    assert config == PolicyExperiment()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: output"),
        (["--output"], "argument --output: expected one argument"),
        (["--output", "--seed=3"], "argument --output: expected one argument"),
        (["--outptu=x"], "unrecognized arguments: --outptu=x; did you mean output?"),
        (["--outptu", "x"], "unrecognized arguments: --outptu=x; did you mean output?"),
        (["--meta_batch_sise=3"], "unrecognized arguments: --meta_batch_sise=3; did you mean meta_batch_size?"),
        (["--data.shot=3"], "the following arguments are required: output"),
        (["--seed=x"], "the following arguments are required: output"),
        (["--output=x", "--siz=3"], "unrecognized arguments: --siz=3; did you mean size?"),
        (["--output=x", "--resum"], "unrecognized arguments: --resum; did you mean resume?"),
        (["--output=x", "--sed=3"], "unrecognized arguments: --sed=3; did you mean seed?"),
        (["--output=x", "--conifg=sinusoid"], "unrecognized arguments: --conifg=sinusoid; did you mean config?"),
        (["--output=x", "--size=0"], "size must be > 0, got 0"),
        (["--output=x", "--speed=fast"], "speed must be a number, got fast"),
        (["--output=x", "--tasks", "1", "two"], "tasks element 2 must be a whole number, got two"),
        (["--output=x", "--seed"], "argument --seed: expected one argument"),
        (["--output=x", "--seed", "--device=cpu"], "argument --seed: expected one argument"),
        (["--output=x", "--config"], "argument --config: expected one argument"),
        (["--output=x", "--kind"], "argument --kind: expected one argument"),
        (["--output=x", "-x"], "unrecognized arguments: -x"),
        (["--output=x", "--seed=1.5"], "seed must be a whole number, got 1.5"),
        (["--output=x", "--kind=reinforcement"],
         "kind must be one of policy, supervised, classifier, got reinforcement"),
        (["--output=x", "--kind=supervised", "--env.id=x"],
         "unrecognized arguments: --env.id=x; env.id is a setting of experiments of kind policy, and this one is "
         "of kind supervised"),
        (["--output=x", "--config=sinusoid", "--env.id=x"],
         "unrecognized arguments: --env.id=x; env.id is a setting of experiments of kind policy, and this one is "
         "of kind supervised"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(arguments, message):
    assert refused(*arguments) == message


@pytest.mark.parametrize("flag", ["--help-settings", "--help_settings"])
@pytest.mark.parametrize(
    ("arguments", "present", "absent"),
    [
        ([], ["--env.id", "--trust_region.max_kl"], ["--data.shots", "--network.hidden_sizes"]),
        (["--kind=supervised"], ["--data.shots", "--network.hidden_sizes"], ["--env.id", "--trust_region"]),
        (["--config", "sinusoid"], ["--data.shots"], ["--env.id"]),
        (["--seed=x", "--nonsense"], ["--env.id"], ["--data.shots"]),
        (["--config=nonsense"], ["--env.id"], ["--data.shots"]),
    ],
)
def test_settings_are_listed_by_an_option_of_their_own(flag, arguments, present, absent, capsys):
    with pytest.raises(SystemExit) as left:
        program().parse([*arguments, flag])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: mamlrl test")
    assert "--config" in text
    assert "--seed" in text
    assert "What to write." not in text
    words = " ".join(text.split())
    assert "Kind of learner" in words
    assert f"One of: {', '.join(KINDS)}." in words
    assert "One of: maml, first_order, imaml, linearized_imaml." in words
    for word in present:
        assert word in text
    for word in absent:
        assert word not in text


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_shows_own_options_alone(flag, capsys):
    with pytest.raises(SystemExit) as left:
        program().parse(["--seed=x", "--nonsense", "--kind=none", flag])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: mamlrl test [INPUTS ...] [OPTIONS] [--SETTING VALUE ...]")
    for word in ("--output OUTPUT", "What to write. (required)", "--resume", "--tasks", "--size", "Which tasks."):
        assert word in text
    for word in ("--config", "--print_config", "--help-settings", "--help"):
        assert word in text
    assert "Kind of learner" not in text


def test_help_for_a_kind_that_there_is_not_is_refused():
    assert (
        refused("--help-settings", "--kind=nonsense")
        == "kind must be one of policy, supervised, classifier, got nonsense"
    )


def test_the_resolved_config_can_be_printed(capsys):
    with pytest.raises(SystemExit) as left:
        parsed("--output=x", "--config=sinusoid", "--data.shots=7", "--print_config")
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert "kind: supervised" in printed
    assert "shots: 7" in printed


def test_what_the_command_line_sets_can_be_asked():
    command_line = program()
    command_line.parse(["--output=x", "--config", "navigation2d", "--seed", "3", "--config=promp", "in"])
    assert command_line.configs() == ["navigation2d", "promp"]
    assert command_line.settings == ["--config=navigation2d", "--seed=3", "--config=promp"]
    assert [command_line.sets(key) for key in ("seed", "device", "config")] == [True, False, True]


def test_a_program_without_an_experiment_refuses_settings():
    command_line = program()
    command_line.parse(["--output=x", "in", "--size=3"])
    command_line.refuse_settings("pictures")
    for arguments, message in [
        (["--seed=3"], "pictures take no settings of an experiment, got --seed=3"),
        (
            ["--config", "promp", "--seed=3"],
            "pictures take no settings of an experiment, got --config=promp --seed=3",
        ),
        (["--siz=3", "--seed=3"], "unrecognized arguments: --siz=3; did you mean size?"),
    ]:
        command_line.parse(["--output=x", *arguments])
        with pytest.raises(UserError) as raised:
            command_line.refuse_settings("pictures")
        assert str(raised.value) == message
