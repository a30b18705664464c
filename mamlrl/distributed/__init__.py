"""Processes that share the tasks of a meta-batch and do everything else alike; one alone shares them with nobody.

In: a program that was started several times, with environment variables that say so. Out: sums over all processes.
Contract: all processes call the same functions of `exchange` in the same order.
"""
