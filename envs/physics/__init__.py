"""Many simulations of one model, advanced together.

In: controls of all simulations. Out: positions, velocities and derived fields of all of them.
Contract: `simulator.Simulator`.
"""
