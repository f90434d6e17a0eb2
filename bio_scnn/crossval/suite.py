"""Conformance suite: run the checks on an implementation and report what was found."""

from __future__ import annotations

import inspect
import math
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from bio_scnn.crossval.checks import CHECKS, check_names
from bio_scnn.crossval.checks.needs import unmet
from bio_scnn.crossval.declared_bits import cost_in_words
from bio_scnn.crossval.judgement import found_out
from bio_scnn.crossval.likeness import behaves_like, explanation, identity_of
from bio_scnn.crossval.oracles.declared import does_not_show
from bio_scnn.crossval.oracles.right import order_in_words
from bio_scnn.crossval.protocol import Adapter, CannotRepresent, family_of, whole_steps
from bio_scnn.crossval.report import portrait
from bio_scnn.crossval.resolve import as_adapter
from bio_scnn.crossval.results import CONDUCT, UNEXPECTED, CheckResult, Report, failure
from bio_scnn.crossval.subject import Skip, Subject
from bio_scnn.errors import InputError
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.runtime.files import encodable

OnFail = Literal["raise", "warn"] | None
Listener = Callable[[str, Any], None]


class ConformanceError(AssertionError):
    """Error: a check failed unexpectedly."""


class ConformanceWarning(UserWarning):
    """Warning: a check failed unexpectedly, with ``on_fail="warn"``."""


def check_lif(
    thing: Any,
    *,
    dt_ms: float | None = None,
    params: NeuronParameters | None = None,
    checks: Iterable[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    on_fail: OnFail = "raise",
    on_event: Listener | None = None,
    explain: bool = True,
) -> Report:
    """Check one implementation of a neuron against its equation; by default eq. 1 and eq. 2.

    The `params` of an IF, LI, CubaLIF or adaptive LIF select the equation of that neuron and the
    checks that apply to it. ``reset="subtract"`` and impulses (`Capabilities.drive`) select their
    equations as well.

    Parameters
    ----------
    thing : Adapter, torch.nn.Module or callable
        As `bio_scnn.crossval.as_adapter` takes it.
    dt_ms : float, ms, optional
        Time step of all checks that use one. Default: the adapter's own, or 0.1 ms. For a layer
        without a declaration that is not Table 1's neuron, a step of 1.
    params : LIFParameters or those of another family, optional
        Neuron to be checked (default: the adapter's own, which is Table 1's as a rule).
    checks : iterable of str, optional
        Names of the checks to run, out of `check_names` (default: all).
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, with reasons; they add to the adapter's.
    on_fail : {"raise", "warn", None}
        Action after all checks have run, if one failed unexpectedly or if all were skipped.
    on_event : callable, optional
        Called as ``on_event("start", name)`` and ``on_event("result", CheckResult)``.
    explain : bool
        Search for the causes of failures; this takes longer than the checks.

    Returns
    -------
    Report

    Raises
    ------
    ConformanceError
        If a check failed unexpectedly, or none could be run, and ``on_fail="raise"``; its message
        names them all.
    InputError
        If there is no such check, `thing` cannot be checked, or an argument cannot be used.

    Examples
    --------
    >>> from bio_scnn.crossval.adapters import ENTRIES
    >>> check_lif(ENTRIES["closed-form"].load(), checks=["fi_curve"]).ok
    True
    """
    if on_fail not in ("raise", "warn", None):
        raise InputError(f"on_fail (={on_fail!r}) must be 'raise', 'warn' or None")
    names = chosen(checks)
    if params is not None:
        family_of(params)
    adapter = as_adapter(thing, params=params, dt_ms=dt_ms)
    subject = prepared(adapter, dt_ms, params, expected_failures)
    subject.explained = explain
    began = time.monotonic()
    results: list[CheckResult] = []
    for name in () if adapter.trouble else names:
        if on_event:
            on_event("start", name)
        results.append(run_check(name, subject))
        if on_event:
            on_event("result", results[-1])
    report = header(subject)
    if not report.error:
        after = identity_of(subject, results)
        report = replace(
            report,
            behaves_like=behaves_like(subject),
            results=tuple(results),
            portrait=portrait.portray(subject),
            rate_at_150_hz=portrait.target_rate(subject),
            seconds=time.monotonic() - began,
        ).identified(after)
    if not report.ok and on_fail is not None:
        failed = [r for r in results if r.status in UNEXPECTED]
        why = report.error or report.nothing
        message = failure(report.name, failed) if failed else f"{report.name}: {why}"
        if on_fail == "raise":
            raise ConformanceError(message)
        warnings.warn(message, ConformanceWarning, stacklevel=2)
    return report


def prepared(
    adapter: Adapter,
    dt_ms: float | None = None,
    params: NeuronParameters | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Subject:
    """Subject that can be checked as asked; a layer that declares nothing is identified.

    Raises
    ------
    InputError
        If failures are announced for checks that there are not, or the refractory period of a
        clock-driven neuron does not fit the time step.
    """
    if not isinstance(expected_failures, Mapping | None):
        raise InputError(
            f"expected_failures (={expected_failures!r}) must be a mapping of checks to reasons"
        )
    known = None
    if not (adapter.declared or adapter.trouble or params is not None):
        adapter, known = found_out(adapter, dt_ms)
    dt_ms = (adapter.fixed_dt_ms or 0.1) if dt_ms is None else dt_ms
    subject = Subject(adapter, dt_ms, params, expected_failures)
    subject.identity = known
    for name in (*adapter.expected_failures, *(expected_failures or {})):
        _known(name)
    t_ref = subject.neuron.t_ref_ms
    on_grid = whole_steps(t_ref, subject.dt_ms) is not None
    if not (subject.claims.precise or on_grid):
        raise InputError(
            f"t_ref_ms (={t_ref:g} ms) must be a whole multiple of dt_ms "
            f"(={subject.dt_ms:g} ms): on a time grid there is no other"
        )
    return subject


def header(subject: Subject) -> Report:
    """Report on an implementation before its first check: name, versions, claims, neuron."""
    adapter = subject.adapter
    # Without a docstring of its own it would have the one of `Adapter`.
    said = inspect.getdoc(type(adapter)) or ""
    summary = "" if said == inspect.getdoc(Adapter) else said.partition("\n\n")[0]
    try:
        versions = {str(name): str(version) for name, version in adapter.versions().items()}
    except (Exception, SystemExit):  # of a framework that is not there, mostly
        versions = {}
    cannot = adapter.cannot
    return Report(
        name=str(adapter.name),
        summary=summary.replace("\n", " ").replace("`", ""),
        versions=versions,
        capabilities=adapter.capabilities,
        cannot=(cannot,) if isinstance(cannot, str) else tuple(map(str, cannot)),
        remarks=(
            *map(str, adapter.remarks),
            *subject.remarks,
            *order_in_words(subject),
            *_word(subject),
        ),
        error=adapter.trouble,
        params=subject.params,
        dt_ms=subject.dt_ms,
        dtype=subject.dtype,
        target_rate_hz=subject.target_rate_hz,
        identity=subject.identity,
    )


def _word(subject: Subject) -> tuple[str, ...]:
    """Remark on what the declared word costs, if there is one."""
    if subject.claims.fixed_point is None:
        return ()
    said = subject.once(cost_in_words)
    return (said,) * bool(said)


def chosen(checks: Iterable[str] | None) -> tuple[str, ...]:
    """The checks named, in the order in which they run; all of them for None.

    Raises
    ------
    InputError
        If there is no such check, or none is named.
    """
    if checks is None:
        return check_names()
    if isinstance(checks, str):
        raise InputError(f"checks (={checks!r}) must be a list of names: [{checks!r}]")
    wanted = list(checks)
    if not wanted:
        raise InputError("checks (=[]) must name at least one check, or be None for all")
    for name in wanted:
        _known(name)
    return tuple(name for name in CHECKS if name in wanted)


def _known(name: str) -> None:
    if name not in CHECKS:
        raise InputError(f"there is no check {name!r}; known are {', '.join(CHECKS)}")


def run_check(name: str, subject: Subject) -> CheckResult:
    """Run one check; whatever the implementation raises becomes part of the result."""
    began = time.monotonic()
    return replace(_outcome(name, subject), seconds=time.monotonic() - began)


def _outcome(name: str, subject: Subject) -> CheckResult:
    announced = subject.expected.get(name)
    certain = announced is not None and announced.certain
    why = "" if announced is None else announced.reason
    if subject.adapter.off_equation and name not in (*CONDUCT, "causality"):
        reason = f"it needs the neuron of eq. 1 and 2; the layer is {subject.adapter.off_equation}"
        return CheckResult(name, "skipped", reason=reason)
    if need := unmet(CHECKS[name], subject):
        return CheckResult(name, "skipped", reason=need)
    try:
        finding = CHECKS[name](subject)
    except (Skip, CannotRepresent) as skipped:
        return CheckResult(name, "skipped", reason=str(skipped))
    except (Exception, SystemExit) as error:
        raised = _raised(error)
        # Of a failure that is only possible, an exception is not the way to show.
        if certain:
            return CheckResult(name, "xfail", observed=raised, reason=why)
        return CheckResult(name, "error", reason=raised)
    result = CheckResult(
        name,
        "passed",
        observed=finding.observed,
        expected=finding.expected,
        values={k: float(v) for k, v in finding.values.items() if math.isfinite(v)},
    )
    if finding.ok and certain and does_not_show(name, CHECKS[name], subject):
        return CheckResult(name, "skipped", reason=f"{why}: it does not show here")
    if finding.ok:
        return replace(result, status="xpass", reason=why) if certain else result
    cause = finding.cause
    if cause is None and (found := explanation(subject)):
        cause = found.cause
    return replace(
        result,
        status="failed" if announced is None else "xfail",
        cause=cause.text if cause else "",
        cause_code=cause.code if cause else "",
        effect=portrait.effect(subject),
        reason=why,
    )


def _raised(error: BaseException) -> str:
    """An exception in words."""
    reason = f"{type(error).__name__}: {encodable(str(error).strip()) or 'no message'}"
    if isinstance(error, SystemExit):  # says nothing, as a rule
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reason += f", raised in {frame.filename}:{frame.lineno} ({frame.name})"
    return reason
