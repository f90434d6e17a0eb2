"""Check of a pasted layer, as the page runs it under Pyodide: NumPy and SciPy only, no Brian2."""

import traceback

from bio_scnn.crossval import check_lif

PASTED = "my_layer.py"


def check(source: str) -> str:
    """Report on the `layer` that a source defines, or on its `adapter`, as text.

    Parameters
    ----------
    source : str
        Python. It defines ``layer``, a function or class; or ``adapter``, made by ``as_adapter``.

    Raises
    ------
    ValueError
        If it cannot be run, or defines neither. The message is for the reader of the page.
    """
    names: dict[str, object] = {"__name__": "my_layer"}
    try:
        exec(compile(source, PASTED, "exec"), names)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is not in this page, which has NumPy and SciPy only; install bio_scnn "
            "beside it, and run: python -m bio_scnn.validate my_layer.py:layer"
        ) from None
    except Exception as error:
        raise ValueError(said(error)) from None
    thing = names.get("adapter", names.get("layer"))
    if thing is None:
        raise ValueError("the code defines no layer: call your function `layer`")
    return str(check_lif(thing, on_fail=None))


def said(error: Exception) -> str:
    """An exception in one line, with the line of the pasted code that raised it."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == PASTED]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    where = f"line {line}: " if line else ""
    return f"{where}{type(error).__name__}: {text}"
