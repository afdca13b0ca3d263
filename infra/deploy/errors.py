"""The one error of the deploy command."""


class DeployError(Exception):
    """Something a person has to decide or fix. The text is one line: what is wrong and how to fix it.

    The command prints it after `warren:` and exits with 1. Raise it only for causes that the reader can act
    on; anything else is a bug and may show its trace.
    """
