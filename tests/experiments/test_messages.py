"""What is wrong with a config, in plain words."""

import pytest

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.messages import explain

OTHERS = {"policy": ["env", "env.kwargs", "sampling"], "bandit": ["sampling", "arms"]}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("meta_batch_size=0", "meta_batch_size must be > 0, got 0"),
        ("meta_batch_size=1.5", "meta_batch_size must be a whole number, got 1.5"),
        ("meta_batch_size='x'", "meta_batch_size must be a whole number, got 'x'"),
        ("meta_batch_size=[3]", "meta_batch_size must be a whole number, not a list"),
        ("meta_batch_size=null", "meta_batch_size must have a value, not null"),
        ("trust_region.max_kl=inf", "trust_region.max_kl must be > 0 and < inf, got inf"),
        ("trust_region.max_kl=few", "trust_region.max_kl must be a number, got few"),
        ("trust_region.max_kl={a: 3}", "trust_region.max_kl must be a number, not a dict"),
        ("trust_region.max_kl=null", "trust_region.max_kl must have a value, not null"),
        ("evaluation.first_step_size=-1", "evaluation.first_step_size must be >= 0 and < inf or null, got -1"),
        ("evaluation.first_step_size=few", "evaluation.first_step_size must be a number, got few"),
        ("evaluation.first_step_size='x'", "evaluation.first_step_size must be a number, got 'x'"),
        ("evaluation.first_step_size=[3]", "evaluation.first_step_size must be a number, not a list"),
        ("evaluation.first_step_size=", "evaluation.first_step_size must be a number, got "),
        ("checkpoint_every=0", "checkpoint_every must be > 0 or null, got 0"),
        ("checkpoint_every=1.5", "checkpoint_every must be a whole number, got 1.5"),
        ("checkpoint_every=few", "checkpoint_every must be a whole number, got few"),
        ("checkpoint_every=", "checkpoint_every must be a whole number, got "),
        ("policy.hidden_sizes=[2.5]", "policy.hidden_sizes must be a whole number, got 2.5"),
        ("policy.hidden_sizes=8", "policy.hidden_sizes must be a list, such as [1, 2], got 8"),
        ("policy.activation=sine", "policy.activation must be one of 'relu', 'tanh', got sine"),
        ("policy.activation=null", "policy.activation must be one of 'relu', 'tanh', got null"),
        ("outer_optimizer=sgd", "outer_optimizer must be one of trust_region, adam, promp, got sgd"),
        ("outer_optimizer=prompt", "outer_optimizer must be one of trust_region, adam, promp, got prompt; "
         "did you mean promp?"),
        ("outer_optimizer=none:x", "outer_optimizer none:x cannot be imported (No module named 'none'); "
         "put its folder on PYTHONPATH"),
        ("sampling.rescale_actions=maybe", "sampling.rescale_actions must be true or false, got maybe"),
        ("sampling=3", "sampling must have keys of its own, got 3"),
        ("sampling='x'", "sampling must have keys of its own, got 'x'"),
        ("env.kwargs=8", "env.kwargs must have keys of its own, got 8"),
        ("kind=polisy", "kind must be one of policy, supervised, classifier, got polisy; did you mean policy?"),
    ],
)  # fmt: skip
def test_a_refused_value_is_told_in_plain_words(option, message):
    with pytest.raises(UserError) as raised:
        load_config("navigation2d", [f"--{option}"])
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sampling: {groups: 0}", "sampling.groups must be > 0, got 0"),
        ("device: [cpu]", "device must be text, got ['cpu']"),
        ("3: 4", "a key must be text, got 3"),
        ("seed: true", "seed must be a number, got True"),
        ("outer_optimizer: sgd", "outer_optimizer must be one of trust_region, adam, promp, got sgd"),
        ("kind: polisy", "kind must be one of policy, supervised, classifier, got polisy; did you mean policy?"),
        ("kind: [policy]", "kind must be text, got ['policy']"),
    ],
)
def test_a_config_file_is_named_before_its_key(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError) as raised:
        load_config(str(tmp_path / "bad.yaml"))
    assert str(raised.value) == f"config {tmp_path}/bad.yaml: {message}"


def test_what_it_does_not_know_stays_as_it_is():
    assert explain("a message\n  of another\nkind", []) == "a message of another kind"


UNKNOWN = [
    "unrecognized arguments: --sampling.group=2",
    "Option 'sampling.group' is not accepted",
    "Group 'sampling' does not accept option 'group'",
]


@pytest.mark.parametrize("message", UNKNOWN)
def test_the_nearest_key_is_proposed(message):
    keys = ["sampling", "sampling.groups", "seed"]
    assert explain(message, keys) == f"{message}; did you mean sampling.groups?"
    assert explain(message, keys, "policy", OTHERS) == f"{message}; did you mean sampling.groups?"


@pytest.mark.parametrize("message", UNKNOWN)
def test_the_kinds_that_have_a_key_or_its_section_are_named(message):
    hint = "; sampling is a setting of experiments of kind policy or bandit, and this one is of kind supervised"
    assert explain(message, ["seed"], "supervised", OTHERS) == f"{message}{hint}"


def test_the_longest_part_of_a_key_that_another_kind_has_is_named():
    message = "unrecognized arguments: --env.kwargs.horizon=3 --arms=3"
    hint = "; env.kwargs is a setting of experiments of kind policy, and this one is of kind supervised"
    assert explain(message, ["seed"], "supervised", OTHERS) == f"{message}{hint}"


def test_a_key_that_no_kind_has_is_proposed_among_those_of_its_own():
    assert explain("Option 'sed' is not accepted", ["seed"], "policy", OTHERS).endswith("; did you mean seed?")
    assert explain("Option 'xyz' is not accepted", ["seed"], "policy", OTHERS) == "Option 'xyz' is not accepted"
