"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """A mistake in what was asked for, told in one line that names the thing and the remedy.

    Commands print it as ``error: <message>`` and leave with exit status 2.
    """
