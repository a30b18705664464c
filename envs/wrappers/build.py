"""Wrappers by name."""

from mamlrl.envs.wrappers.task_observation import TaskObservation
from mamlrl.envs.wrappers.wrapper import TaskWrapper
from mamlrl.settings.choices import Registry

WRAPPERS: Registry[type[TaskWrapper]] = Registry("wrapper", {"task_observation": TaskObservation})
