"""Estimators and learners of one's own, from a module on PYTHONPATH, named on the command line."""

import os
import subprocess
import sys

import pytest
import yaml
from marks import slow
from programs import ONE, TESTS

MODULE = """
from dataclasses import dataclass

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.evaluation.build import EVALUATIONS
from mamlrl.evaluation.policy import evaluate_policy
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.learners.build import LEARNERS
from mamlrl.learners.policy import MetaLearner


def slower(config, network):
    rule = ESTIMATORS["first_order"](config, network)
    print("built by", __name__)
    return rule


@dataclass(frozen=True)
class Patient(PolicyExperiment):
    kind: str = "patient"
    patience: float = 0.5


class PatientLearner(MetaLearner):
    def __init__(self, config):
        super().__init__(config)
        print("patience", config.patience)


ESTIMATORS.register("slower", slower)
KINDS.register("patient", Patient)
LEARNERS.register("patient", PatientLearner)
EVALUATIONS.register("patient", evaluate_policy)
"""
ALLOW = "--allow_import=my_rules"
OPTIONS = [option for option in ONE if not option.startswith("--config")]


@pytest.fixture(scope="module")
def mamlrl(tmp_path_factory):
    """Runs a program in a process of its own, where the module can be imported or not."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "my_rules.py").write_text(MODULE)

    def start(*arguments, found=True):
        path = [os.environ.get("PYTHONPATH", ""), *([str(folder)] if found else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
        command = [sys.executable, "-m", "mamlrl.scripts.main", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=TESTS, check=False)

    return start


@pytest.fixture(scope="module")
def run_by_rule(mamlrl, tmp_path_factory):
    """A run with the estimator, and what it printed."""
    run = tmp_path_factory.mktemp("rule") / "run"
    trained = mamlrl("train", *ONE, "--adaptation.estimator=my_rules:slower", "--output", run)
    assert trained.returncode == 0, trained.stderr
    return run, trained.stdout


@pytest.fixture(scope="module")
def run_by_learner(mamlrl, tmp_path_factory):
    """A run of the kind of learner, and what it printed."""
    run = tmp_path_factory.mktemp("learner") / "run"
    trained = mamlrl("train", "--kind=my_rules:patient", "--patience", "0.25", *OPTIONS, "--output", run)
    assert trained.returncode == 0, trained.stderr
    return run, trained.stdout


def test_an_estimator_is_found_used_and_saved_by_its_module(mamlrl, run_by_rule):
    run, printed = run_by_rule
    assert printed == "built by my_rules\n"
    assert yaml.safe_load((run / "config.yaml").read_text())["adaptation"]["estimator"] == "my_rules:slower"
    evaluated = mamlrl("evaluate", run, ALLOW)
    assert evaluated.stdout.startswith("built by my_rules\n")
    resumed = mamlrl("train", "--resume", "--output", run, ALLOW)
    assert (resumed.returncode, resumed.stdout) == (0, "built by my_rules\n")


def test_a_config_may_name_it_too(mamlrl, tmp_path):
    (tmp_path / "mine.yaml").write_text("adaptation:\n  estimator: my_rules:slower\n")
    trained = mamlrl("train", *ONE, f"--config={tmp_path}/mine.yaml", "--output", tmp_path / "run")
    assert (trained.returncode, trained.stdout) == (0, "built by my_rules\n")


def test_a_module_that_is_not_found_gives_one_line(mamlrl, run_by_rule):
    run, _ = run_by_rule
    complaint = "adaptation.estimator my_rules:slower cannot be imported (No module named 'my_rules'); "
    remedy = "put its folder on PYTHONPATH\n"
    new = mamlrl("train", *ONE, "--adaptation.estimator=my_rules:slower", "--output=x", found=False)
    assert (new.returncode, new.stderr) == (2, f"mamlrl: {complaint}{remedy}")
    saved = mamlrl("evaluate", run, found=False)
    path = run / "checkpoints" / "latest.pt"
    assert saved.stderr == f"mamlrl: {path} holds an experiment that cannot be used: {complaint}{remedy}"
    assert saved.returncode == 2


@pytest.mark.parametrize(
    "program", [("evaluate",), *slow(("train", "--resume", "--output"), ("video", "--output=film.gif"))]
)
def test_a_checkpoint_does_not_decide_alone_what_is_imported(mamlrl, run_by_rule, program):
    refused = mamlrl(*program, run_by_rule[0])
    path = run_by_rule[0] / "checkpoints" / "latest.pt"
    assert refused.stderr == (
        f"mamlrl: {path} holds an experiment that cannot be used: adaptation.estimator my_rules:slower would "
        "import the module my_rules; if you trust it, say --allow_import my_rules "
        "(in Python: import my_rules first)\n"
    )
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_module_that_is_allowed_and_not_there_is_named(mamlrl, run_by_rule):
    refused = mamlrl("evaluate", run_by_rule[0], "--allow-import=my_rulez")
    assert refused.returncode == 2
    assert refused.stderr.startswith("mamlrl: allow_import: my_rulez cannot be imported")


def test_what_a_module_does_not_register_is_answered_with_what_there_is(mamlrl):
    refused = mamlrl("train", *ONE, "--adaptation.estimator=my_rules:slow", "--output=x")
    choices = "maml, first_order, imaml, linearized_imaml, slower"
    expected = f"adaptation.estimator must be one of {choices}, got my_rules:slow; did you mean slower?"
    assert (refused.returncode, refused.stderr) == (2, f"mamlrl: {expected}\n")


def test_a_kind_of_learner_has_settings_of_its_own(mamlrl, run_by_learner):
    run, printed = run_by_learner
    assert printed == "patience 0.25\n"
    assert "--patience" in mamlrl("train", "--kind=my_rules:patient", "--help-settings").stdout
    evaluated = mamlrl("evaluate", run, ALLOW, "--patience=3", "--evaluation.steps=0")
    assert evaluated.returncode == 0, evaluated.stderr
    assert "  step 0:" in evaluated.stdout


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("video", ["--output=film.gif"], "cannot be filmed: its kind must be one of policy, got my_rules:patient"),
        ("evaluate", ["--patients=3"], "unrecognized arguments: --patients=3; did you mean patience?"),
        ("evaluate", ["--data.shots=3"], "data.shots is a setting of experiments of kind supervised"),
    ],
)
def test_what_a_kind_does_not_have_gives_one_line(mamlrl, run_by_learner, program, arguments, message):
    refused = mamlrl(program, run_by_learner[0], ALLOW, *arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith("mamlrl: ")
    assert refused.stderr.count("\n") == 1
    assert message in refused.stderr


def test_a_kind_without_a_benchmark_gives_one_line(mamlrl):
    refused = mamlrl("benchmark", "--kind=my_rules:patient", *OPTIONS)
    assert refused.stderr == (
        "mamlrl: there is no benchmark of this experiment: its kind must be one of policy, supervised, "
        "got my_rules:patient\n"
    )
    assert (refused.returncode, refused.stdout) == (2, "")
