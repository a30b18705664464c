"""A run on disk: a folder with config, metrics and checkpoints that survives any interruption.

In: an experiment and a folder. Out: checkpoints, `metrics.csv`, TensorBoard events, and saved parameters to use again.
Contract: `training.train`, and `saved.SavedRun` for what it left.
"""
