"""The one exception that means "the user's input is wrong"."""


class InputError(ValueError):
    """An input cannot be used; the message says which, why, and what would be right.

    The command lines print the message as one line and exit with code 2. Library users can
    catch it as the `ValueError` it is.
    """
