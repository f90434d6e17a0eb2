"""Exception for invalid input of the user."""


class InputError(ValueError):
    """Error: an input cannot be used. The message names the input, the reason and a valid choice.

    The command lines print the message as one line and exit with code 2. Library users can
    catch it as the `ValueError` it is.
    """
