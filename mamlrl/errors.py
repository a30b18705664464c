"""Errors that a user can act on: programs print them as one line and exit with status 2."""


class UserError(Exception):
    """Input that cannot be used; the message names the culprit and the remedy."""


class NonFiniteError(UserError):
    """An environment returned an infinite or undefined number."""
