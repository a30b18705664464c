import pytest

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.messages import explain


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("meta_batch_size=0", "meta_batch_size must be > 0, got 0"),
        ("meta_batch_size=1.5", "meta_batch_size must be a whole number, got 1.5"),
        ("meta_batch_size=null", "meta_batch_size must have a value, not null"),
        ("trust_region.max_kl=inf", "trust_region.max_kl must be > 0 and < inf, got inf"),
        ("trust_region.max_kl=few", "trust_region.max_kl must be a number, got few"),
        ("trust_region.max_kl=null", "trust_region.max_kl must have a value, not null"),
        ("evaluation.first_step_size=-1", "evaluation.first_step_size must be >= 0 and < inf or null, got -1"),
        ("evaluation.first_step_size=few", "evaluation.first_step_size must be a number, got few"),
        ("policy.hidden_sizes=[2.5]", "policy.hidden_sizes must be a whole number, got 2.5"),
        ("policy.hidden_sizes=8", "policy.hidden_sizes must be a list, such as [1, 2], got 8"),
        ("policy.activation=sine", "policy.activation must be one of 'relu', 'tanh', got sine"),
        ("sampling.rescale_actions=maybe", "sampling.rescale_actions must be true or false, got maybe"),
        ("sampling=3", "sampling must have keys of its own, got 3"),
        ("env.kwargs=8", "env.kwargs must have keys of its own, got 8"),
    ],
)
def test_a_refused_value_is_told_in_plain_words(option, message):
    with pytest.raises(UserError) as raised:
        load_config("navigation2d", [f"--{option}"])
    assert str(raised.value) == message


def test_a_config_file_is_named_before_its_key(tmp_path):
    (tmp_path / "bad.yaml").write_text("sampling: {groups: 0}")
    with pytest.raises(UserError) as raised:
        load_config(str(tmp_path / "bad.yaml"))
    assert str(raised.value) == f"config {tmp_path}/bad.yaml: sampling.groups must be > 0, got 0"


def test_what_it_does_not_know_stays_as_it_is():
    assert explain("a message\n  of another\nkind", []) == "a message of another kind"


@pytest.mark.parametrize(
    "message",
    [
        "unrecognized arguments: --sampling.group=2",
        "Option 'sampling.group' is not accepted",
        "Group 'sampling' does not accept option 'group'",
    ],
)
def test_the_nearest_key_is_proposed(message):
    assert explain(message, ["sampling.groups", "seed"]) == f"{message}; did you mean sampling.groups?"
