"""Wrappers around task environments: what is observed, rewarded, or counted as an episode.

In: a task environment. Out: another one.
Contract: `wrapper.TaskWrapper`.
"""
