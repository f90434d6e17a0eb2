"""Words and numbers that the reports share."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

from bio_scnn.crossval.protocol import family_of
from bio_scnn.crossval.results import CheckResult, Report, Status
from bio_scnn.neuron.parameters import LIFParameters

STATUSES: tuple[Status, ...] = ("passed", "failed", "xfail", "xpass", "skipped", "error")


def title(report: Report) -> str:
    """Name of an implementation with the version of what carries it."""
    # Of test vectors it says in words what the versions belong to.
    version = next((v for name, v in report.versions.items() if " " not in name), "")
    return f"{report.name} {version}".strip()


def problem(report: Report) -> str:
    """Reason that an implementation, or every check of it, could not be run; empty without."""
    return report.error or report.nothing


def first_line(text: str) -> str:
    """The first of several lines."""
    return text.partition("\n")[0]


def headline(result: CheckResult) -> str:
    """Observation of a check, or the reason that there is none, in one line."""
    return first_line(result.observed or result.reason)


def details(result: CheckResult) -> dict[str, str]:
    """All that a result says in words, by the name of the field."""
    fields = ("observed", "expected", "cause", "effect", "reason")
    return {name: text for name in fields if (text := getattr(result, name))}


def plural(number: int, what: str) -> str:
    """A number of things: ``1 check``, ``2 checks``."""
    return f"{number} {what}{'s' * (number != 1)}"


def decimal(value: float, digits: int) -> str:
    """A number with so many significant digits, and a minus sign that is one."""
    return f"{value:.{digits}g}".replace("-", "−")


def terminal_width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def neuron(params: Any) -> str:
    """Family and parameters of a neuron, in a line."""
    units = {"tau": " ms", "t_ref": " ms", "tau_syn": " ms", "tau_w": " ms"}
    names: tuple[str, ...] = ("tau", "R", "V_th", "V_reset", "t_ref")
    if not isinstance(params, LIFParameters):
        names = tuple(field.name.removesuffix("_ms") for field in dataclasses.fields(params))
    values = {
        name: getattr(params, name + "_ms" * (name in units)) for name in names if name != "reset"
    }
    said = [f"{name} = {value:g}{units.get(name, '')}" for name, value in values.items()]
    soft = [" reset by subtraction"] if getattr(params, "reset", "value") == "subtract" else []
    family = [] if isinstance(params, LIFParameters) else [family_of(params)]
    return ", ".join([*family, *said, *soft])
