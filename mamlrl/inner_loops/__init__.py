"""Adaptation to a batch of tasks with data of their own: what training, evaluation, films and benchmarks share.

In: meta-parameters and tasks. Out: the adaptation, and the data on which the adapted networks are judged.
Contract: one file for each kind of learning, with everything that it is assembled from.
"""
