"""Trained policies and networks in other programs: load, adapt, act, export.

In: a checkpoint, and episodes or examples of a new task. Out: actions, or predictions.
Contract: `adaptive.Adaptive`, what was meta-trained with the inner steps taken so far.
"""
