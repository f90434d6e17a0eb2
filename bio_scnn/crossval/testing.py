"""Checks as pytest tests: in a test module of yours, or straight from the command line.

In a test module::

    @parametrize_with_checks([MyLayer()])
    def test_my_layer(check):
        check()

From the command line, without any: ``pytest --check-lif my_package.layers:MyLayer``. Announced
failures are xfail, and xpass if they do not happen; what cannot be represented is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from bio_scnn.crossval.checks import check_names
from bio_scnn.crossval.resolve import as_adapter, resolve
from bio_scnn.crossval.results import UNEXPECTED, failure
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.suite import ConformanceError, prepared, run_check


def parametrize_with_checks(
    things: Iterable[Any],
    *,
    dt_ms: float | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrize a test, whose one argument is ``check``, with every check of every layer.

    Parameters
    ----------
    things : iterable
        Anything that `bio_scnn.crossval.as_adapter` takes. Nothing is built before a check runs.
    dt_ms : float, ms
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, with reasons.

    Returns
    -------
    pytest.MarkDecorator
        Its ids are ``layer-check``.

    Raises
    ------
    InputError
        If something cannot be checked, or there is no such check.
    """
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(check, id=f"{name}-{check_name}", marks=marks)
            for thing in things
            for name, check_name, check, marks in _cases(
                as_adapter(thing, dt_ms=dt_ms), dt_ms, expected_failures
            )
        ],
    )


def _cases(
    adapter: Any, dt_ms: float | None, expected_failures: Mapping[str, str] | None
) -> Iterator[tuple[str, str, Callable[[], None], list[pytest.MarkDecorator]]]:
    subject = prepared(adapter, dt_ms, None, expected_failures)
    for name in check_names():
        expected = subject.expected.get(name)
        marks = []
        if expected is not None and expected.certain:
            # Declared by whoever wrote the layer, with a reason. What may fail, but need not, is
            # marked when it has run.
            marks = [pytest.mark.xfail(reason=expected.reason)]  # the reason that was declared
        yield adapter.name, name, _Check(name, subject, bool(marks)), marks


class _Check:
    """One check of one layer, to be called."""

    def __init__(self, name: str, subject: Subject, marked: bool):
        self.name, self.subject, self.marked = name, subject, marked

    def __call__(self) -> None:
        __tracebackhide__ = True
        result = run_check(self.name, self.subject)
        if result.status == "skipped":
            pytest.skip(result.reason)  # there is no such neuron to check
        if result.status == "xfail" and not self.marked:
            pytest.xfail(result.reason)  # declared as possible, so not marked before
        if result.status in (*UNEXPECTED, "xfail"):
            raise ConformanceError(failure(self.subject.adapter.name, [result]))


class _Item(pytest.Item):
    """A check that ``--check-lif`` asked for."""

    def __init__(self, *, check: Callable[[], None], **kwargs: Any):
        super().__init__(**kwargs)
        self.check = check

    def runtest(self) -> None:
        self.check()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ConformanceError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, self.name


def command_line_items(session: pytest.Session, names: Iterable[str], dt_ms: float) -> list[_Item]:
    """Test items of the layers named with ``--check-lif``."""
    items = []
    for given in names:
        for name, check_name, check, marks in _cases(resolve(given, dt_ms), dt_ms, None):
            item = _Item.from_parent(session, name=f"{name}-{check_name}", check=check)
            for mark in marks:
                item.add_marker(mark)
            items.append(item)
    return items
