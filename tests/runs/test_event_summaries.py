"""What TensorBoard shows of a run beside its charts, read by its own readers."""

import pytest
import yaml
from programs import ONE, TINY
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.plain import plain_experiment
from mamlrl.figures.run_picture import TAG, RunPicture
from mamlrl.runs.event_summaries import hyperparameters
from mamlrl.runs.training import train


@pytest.fixture
def events(tmp_path):
    """Trains, and returns the run's events."""

    def read(*options, **arguments):
        config = load_config("navigation2d", [*TINY[1:], *options])
        assert train(config, tmp_path / "run", callbacks=[RunPicture()], **arguments) == 0
        return EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()

    return read


def parsed(events, part):
    content = events.SummaryMetadata(f"_hparams_/{part}").plugin_data.content
    return getattr(metadata, f"parse_{part}_plugin_data")(content)


def test_events_hold_the_config(events):
    (event,) = events("--iterations=1", "--seed=7").Tensors("config/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert all(line.startswith("    ") for line in text.splitlines())  # verbatim in Markdown
    assert yaml.safe_load(text) == plain_experiment(load_config("navigation2d", [*ONE[1:], "--seed=7"]))


def test_events_hold_hyperparameters_and_which_metrics_are_their_scores(events):
    found = events("--iterations=2", "--adaptation.step_size=0.25", "--policy.hidden_sizes=[4,4]")
    settings = parsed(found, "session_start_info").hparams
    assert settings["adaptation.step_size"].number_value == 0.25
    assert settings["policy.hidden_sizes"].string_value == "[4, 4]"
    assert settings["env.id"].string_value == "mamlrl/Navigation2D-v0"
    assert "evaluation.first_step_size" not in settings  # null
    scores = [info.name.tag for info in parsed(found, "experiment").metric_infos]
    assert scores == ["return/step_0", "return/step_1"]
    assert [len(found.Scalars(tag)) for tag in scores] == [2, 2]


def test_events_hold_a_picture(events):
    (picture,) = events("--iterations=2").Images(TAG)
    assert picture.encoded_image_string.startswith(b"\x89PNG")
    assert picture.step == 2
    assert picture.width > picture.height > 100


def test_a_resumed_run_has_each_once(events):
    events("--iterations=1")
    found = events("--iterations=2", resume=True)
    assert len(found.Tensors("config/text_summary")) == 1
    assert [picture.step for picture in found.Images(TAG)] == [2]
    assert [event.step for event in found.Scalars("return/step_0")] == [1, 2]


def test_hyperparameters_are_numbers_and_text():
    values = hyperparameters(load_config("navigation2d", ["--policy.hidden_sizes=[3,4]", "--seed=5"]))
    assert values["policy.hidden_sizes"] == "[3, 4]"
    assert (values["seed"], values["env.kwargs.goal_range"], values["env.kwargs.distance"]) == (
        5,
        0.5,
        "euclidean",
    )
    assert values["sampling.rescale_actions"] is True
    assert "checkpoint_every" not in values
