"""What the command lines share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from bio_scnn.errors import InputError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a command line: bad input is one line and exit code 2, Ctrl-C exit code 130."""
    try:
        main()
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        print(f"error: {what}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
