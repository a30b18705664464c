"""Plots and films.

In: metrics, evaluations, measurements. Out: Matplotlib figures, GIF and MP4 files.
Contract: one file a figure; `build.FILMS` has what can be filmed.
"""
