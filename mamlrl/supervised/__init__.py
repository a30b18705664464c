"""Distributions of few-shot learning tasks, with labels.

In: a random generator and numbers of tasks and examples. Out: support and query examples of each task.
Contract: `tasks.SupervisedTasks`.
"""
