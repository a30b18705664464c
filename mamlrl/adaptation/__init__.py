"""The inner loop: theta -> phi_i, the parameters adapted to each task, and the Jacobian of that map.

In: meta-parameters and a source of losses. Out: adapted parameters, and products with their Jacobian.
Contract: `update_rule.UpdateRule`, which `estimator.Estimator` repeats.
"""
