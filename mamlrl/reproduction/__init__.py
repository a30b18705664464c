"""A paper's comparison of methods on one task: what is to run, what has run, tables and figures.

In: the name of a recipe in `configs/reproduce/`. Out: runs, their evaluations on the same tasks, tables, figures.
Contract: `recipe.Recipe`.
"""
