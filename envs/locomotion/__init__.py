"""Bodies that move: what a family of papers defines of a body, and the tasks that a body is given.

In: actions of all simulations. Out: observations, rewards and ends of all of them.
Contract: `body.Body` and `task_distribution.TaskDistribution`.
"""
