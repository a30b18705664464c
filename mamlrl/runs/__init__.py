"""A run on disk: a folder with config, metrics and checkpoints that survives any interruption.

In: an experiment and a folder. Out: checkpoints, `metrics.csv`, TensorBoard events, and what was saved for use.
Contract: `training.train`, and `saved.SavedRun` for what it left.
"""
