"""What a setting may be: ranges of numbers, and choices by name.

In: what a config or a command line gives as one value. Out: the value, or an error that says what it must be.
Contract: `choices.Registry`, which every `build.py` fills with its implementations by name.
"""
