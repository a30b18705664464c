"""Gymnasium environments as task families: what a task is, how it is set, and processes to step them in.

In comes what makes an ordinary environment; `gymnasium_adapter`, beside this folder, makes a `TaskEnv` of many. A
`TaskSource` says what tasks are: numbers for attributes and arguments (`varied_tasks`), or the environment's own
tasks, and tasks of Python functions (`own_tasks`). `SubEnv` runs one environment, `Batch` several in one process,
and `Workers` all of them, in one process or in several.
"""
