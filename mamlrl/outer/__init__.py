"""The outer step: from the losses after adaptation to new meta-parameters theta.

In: an adaptation and the losses of the adapted networks. Out: theta after one step, with metrics.
Contract: `optimizer.OuterOptimizer`, which sees an `objective.MetaObjective` and nothing else.
"""
