"""Error, memory and time of meta-gradients and meta-iterations.

In: an experiment. Out: measurements, printed by `mamlrl benchmark` and `mamlrl compare`.
Contract: one function for each kind of learner, in `build.BENCHMARKS`.
"""
