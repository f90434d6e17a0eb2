"""Run the checks on an implementation and say what was found."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from bio_scnn.crossval import diagnosis, probes
from bio_scnn.crossval.checks import CHECKS
from bio_scnn.crossval.events import exact_trace
from bio_scnn.crossval.expectations import Expectation, expectations
from bio_scnn.crossval.grid import PERFECT
from bio_scnn.crossval.protocol import CannotRepresent
from bio_scnn.crossval.results import UNEXPECTED, CheckResult, Portrait, Report
from bio_scnn.crossval.subject import Finding, Skip, Subject, mean_rate_hz
from bio_scnn.crossval.wrap import as_adapter
from bio_scnn.errors import InputError
from bio_scnn.fi_curve import current_for_rate, firing_rate
from bio_scnn.table1 import LIFParameters

OnFail = Literal["raise", "warn"] | None
Listener = Callable[[str, Any], None]


class ConformanceError(AssertionError):
    """A check failed that was not expected to."""


class ConformanceWarning(UserWarning):
    """The same, with ``on_fail="warn"``."""


def check_names() -> tuple[str, ...]:
    """Names of all checks, in the order in which they run."""
    return tuple(CHECKS)


def describe(name: str) -> str:
    """What a check states, in one sentence."""
    return (inspect.getdoc(CHECKS[name]) or "").split("\n\n")[0].replace("\n", " ")


def check_lif(
    thing: Any,
    *,
    dt_ms: float = 0.1,
    params: LIFParameters | None = None,
    checks: Iterable[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    on_fail: OnFail = "raise",
    on_event: Listener | None = None,
) -> Report:
    """Check one implementation of the LIF neuron against eq. 1 and eq. 2.

    Parameters
    ----------
    thing : Adapter, torch.nn.Module or callable
        As `bio_scnn.crossval.as_adapter` takes it.
    dt_ms : float, ms
        Time step of those checks that do not try several.
    params : LIFParameters, optional
        Neuron to be checked (default: the adapter's own, which is Table 1's as a rule).
    checks : iterable of str, optional
        Names of the checks to run, out of `check_names` (default: all).
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, with reasons; they add to the adapter's.
    on_fail : {"raise", "warn", None}
        What an unexpected failure does, after all checks have run.
    on_event : callable, optional
        Called as ``on_event("start", name)`` and ``on_event("result", CheckResult)``.

    Returns
    -------
    Report

    Raises
    ------
    ConformanceError
        If a check failed unexpectedly and ``on_fail="raise"``; its message names them all.
    InputError
        If there is no such check, or `thing` cannot be checked.

    Examples
    --------
    >>> from bio_scnn.crossval.adapters import ENTRIES
    >>> check_lif(ENTRIES["closed-form"].load(), checks=["fi_curve"]).ok
    True
    """
    adapter = as_adapter(thing, params=params, dt_ms=dt_ms)
    names = chosen(checks)
    for name in expected_failures or {}:
        _known(name)
    began = time.monotonic()
    subject = Subject(adapter, dt_ms, params)
    results = []
    for name in names:
        if on_event:
            on_event("start", name)
        results.append(run_check(name, subject, expected_failures))
        if on_event:
            on_event("result", results[-1])
    report = Report(
        name=adapter.name,
        versions=adapter.versions(),
        capabilities=adapter.capabilities,
        cannot=adapter.cannot,
        params=subject.params,
        dt_ms=dt_ms,
        dtype=subject.dtype,
        behaves_like=behaves_like(subject),
        results=tuple(results),
        portrait=portray(subject),
        rate_at_150_hz=rate_at_150_hz(subject),
        seconds=time.monotonic() - began,
    )
    failed = [r for r in results if r.status in UNEXPECTED]
    if failed and on_fail is not None:
        message = "\n".join([f"{adapter.name} fails:", *map(sentence, failed)])
        if on_fail == "raise":
            raise ConformanceError(message)
        warnings.warn(message, ConformanceWarning, stacklevel=2)
    return report


def chosen(checks: Iterable[str] | None) -> tuple[str, ...]:
    """The checks named, in the order in which they run; all of them for None."""
    if checks is None:
        return check_names()
    wanted = set(checks)
    for name in wanted:
        _known(name)
    return tuple(name for name in CHECKS if name in wanted)


def _known(name: str) -> None:
    if name not in CHECKS:
        raise InputError(f"there is no check {name!r}; known are {', '.join(CHECKS)}")


def run_check(
    name: str, subject: Subject, expected_failures: Mapping[str, str] | None = None
) -> CheckResult:
    """Run one check; whatever the implementation raises becomes part of the result."""
    began = time.monotonic()
    expected = expectations(subject.adapter) | {
        check: Expectation(reason, True) for check, reason in (expected_failures or {}).items()
    }
    announced = expected.get(name)
    try:
        finding = CHECKS[name](subject)
    except (Skip, CannotRepresent) as skipped:
        return CheckResult(name, "skipped", reason=str(skipped), seconds=time.monotonic() - began)
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
        result = CheckResult(name, "error", reason=reason)
        # Of a failure that is only possible, an exception is not the way to show.
        if announced is not None and announced.certain:
            result = replace(result, status="xfail", observed=reason, reason=announced.reason)
        return replace(result, seconds=time.monotonic() - began)
    result = CheckResult(
        name,
        "passed",
        observed=finding.observed,
        expected=finding.expected,
        values={k: float(v) for k, v in finding.values.items() if math.isfinite(v)},
    )
    if not finding.ok:
        result = replace(
            result,
            status="failed" if announced is None else "xfail",
            cause=_cause(finding, subject),
            effect=_effect(subject),
            reason="" if announced is None else announced.reason,
        )
    elif announced is not None and announced.certain:
        result = replace(result, status="xpass", reason=announced.reason)
    return replace(result, seconds=time.monotonic() - began)


def sentence(result: CheckResult) -> str:
    """A failure in one line."""
    if result.status == "error":
        return f"  {result.check}: {result.reason}"
    parts = [f"observed {result.observed}", f"expected {result.expected}"]
    if result.cause:
        parts.append(f"likely cause: {result.cause}")
    return f"  {result.check}: {'; '.join(parts)}; {result.effect}"


def behaves_like(subject: Subject) -> str:
    """The simplest neuron on a grid with the same spikes, in words; empty if there is none."""
    if subject.claims.precise:
        return ""
    try:
        found = diagnosis.explain(subject)
    except Exception:  # whatever a broken implementation raises, checks have reported it
        return ""
    if found is None:
        return ""
    return diagnosis.describe(found[0], PERFECT) or "the on-grid oracle"


def _cause(finding: Finding, subject: Subject) -> str:
    """What the check itself could tell, or else what explains all spikes."""
    if finding.cause or subject.claims.precise:
        return finding.cause
    try:
        found = diagnosis.explain(subject)
    except Exception:
        return ""
    return found[1] if found else ""


def _effect(subject: Subject) -> str:
    """What the implementation makes of a 150 Hz neuron."""
    if "effect" not in subject.shared:
        p = subject.adapter.params
        floor = float(probes.rate_floor(current_for_rate(150.0, p), subject.dt_ms, p))
        try:
            rate = subject.rate_at_150_hz()
            text = f"a 150 Hz neuron fires at {rate:.2f} Hz (grid floor {floor:.2f} Hz)"
        except Exception as error:
            text = f"a 150 Hz neuron cannot be run ({type(error).__name__})"
        subject.shared["effect"] = text
    return str(subject.shared["effect"])


def portray(subject: Subject) -> Portrait | None:
    """The curves of an implementation, for drawing; None if it cannot be run."""
    p, dt = subject.params, subject.dt_ms
    current = np.concatenate(
        [
            p.V_th / p.R * np.array([0.5, 0.9, 0.99]),
            current_for_rate(np.linspace(20, min(240, 0.8 * p.rate_limit_hz), 33), p),
        ]
    )
    shown = np.array([current_for_rate(150.0, p)])
    steps = round(40 / dt)
    try:
        rate = mean_rate_hz(subject.run(probes.held(current, round(200 / dt))))
        trace = subject.run(probes.held(shown, steps))
    except Exception:
        return None
    exact = exact_trace(probes.held(shown, steps), dt, p)
    assert exact.membrane is not None
    V = np.empty(0) if trace.membrane is None else np.asarray(trace.membrane, float)[:, 0]
    return Portrait(
        current=_floats(current),
        rate_hz=_floats(rate),
        exact_rate_hz=_floats(firing_rate(current, p)),
        floor_rate_hz=_floats(probes.rate_floor(current, dt, p)),
        t_ms=_floats(dt * np.arange(1, steps + 1)),
        membrane=_floats(np.nan_to_num(V)),
        exact_membrane=_floats(exact.membrane[:, 0]),
        spikes_ms=_floats(trace.spike_times_ms[0]),
        exact_spikes_ms=_floats(exact.spike_times_ms[0]),
    )


def rate_at_150_hz(subject: Subject) -> float | None:
    """What a neuron fires at that eq. 1 makes fire at 150 Hz; None if it cannot be run."""
    try:
        return float(subject.rate_at_150_hz())
    except Exception:
        return None


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values)
