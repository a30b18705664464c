"""Modules that a user allows, for experiments from files to name."""

import sys

import pytest

from mamlrl.errors import UserError
from mamlrl.experiments.imports import import_allowed, named_modules


@pytest.mark.parametrize("modules", ["allowed_a,allowed_b", ["allowed_a", "allowed_b"]])
def test_all_of_them_are_imported(modules, tmp_path, monkeypatch):
    for name in ("allowed_a", "allowed_b"):
        (tmp_path / f"{name}.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    import_allowed(modules)
    for name in ("allowed_a", "allowed_b"):
        assert sys.modules.pop(name)


def test_none_is_allowed_by_default():
    import_allowed("")
    import_allowed(())


def test_one_that_there_is_not():
    with pytest.raises(UserError, match="allow_import: no_such_module cannot be imported"):
        import_allowed("no_such_module")


def test_modules_that_an_experiment_names_are_those_of_others(tmp_path, monkeypatch):
    (tmp_path / "my_envs.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    plain = {
        "env": {"id": "my_envs:Mine-v0", "wrappers": ["my_envs:wrap", "json:loads", "no_such_module:it"]},
        "policy": {"architecture": "mamlrl.networks.build:make_mlp", "hidden_sizes": [100, 100]},
        "device": "cuda:0",
    }
    assert named_modules(plain) == ["json", "my_envs"]
