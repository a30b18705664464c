"""Adaptation to held-out tasks: metrics after 0, 1, 2, ... steps.

In: an experiment and meta-parameters. Out: an `evaluation.Evaluation`, with what programs print, plot and film.
Contract: `evaluation.Evaluation`.
"""
