"""What an experiment is: one dataclass for each kind of learner, read from YAML and the command line, and checked.

In: names of configs, files, options, or what a checkpoint holds. Out: an `experiment.Experiment` of its kind.
Contract: `experiment.Experiment`.
"""
