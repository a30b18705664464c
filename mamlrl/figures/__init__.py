"""Plots and films.

In: metrics, paths and fits of evaluations, measurements. Out: Matplotlib figures, GIF and MP4 files.
Contract: one file per figure, whose function takes data and returns a Matplotlib figure; `image_file` and
`video_file` write. `build.FILMS` has what can be filmed.
"""
