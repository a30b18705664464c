"""Ordinary environments that are registered for a test."""

import gymnasium
import pytest


@pytest.fixture
def registered():
    """Registers an ordinary environment; returns its id."""
    names = []

    def add(env_class):
        names.append(f"ordinary/Env{len(names)}-v0")
        gymnasium.register(id=names[-1], entry_point=env_class)
        return names[-1]

    yield add
    for name in names:
        del gymnasium.registry[name]
