"""The soak finds calls that leave memory or files behind, and accepts those that do not."""

import ctypes
import itertools
import os
import sys
import time

import numpy as np
import pytest

from tests.soak.calls import flat

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="a C library other than glibc"
)


def findings(call):
    (outcome,) = flat("calls", call, 2000, time.monotonic() + 60)
    assert outcome.done == 2000
    return " ".join(outcome.findings)


@pytest.mark.nightly
@pytest.mark.slow
def test_what_calls_leave_behind_is_found():
    kept, number = [], itertools.count()
    assert findings(lambda: None) == ""
    assert "kB in use" in findings(lambda: kept.append(np.ones(128)))  # 1 kB, of the C library
    assert "blocks of Python" in findings(lambda: kept.append([next(number) + 0.5]))


@pytest.mark.slow
def test_files_that_calls_leave_open_are_found():
    opened, number = [], itertools.count()

    def call():
        if next(number) % 100 == 0:
            opened.append(os.dup(0))

    assert "more files are open" in findings(call)
    for file in opened:
        os.close(file)


@pytest.mark.nightly
@pytest.mark.slow
def test_one_table_that_is_doubled_once_is_no_leak():
    table, number = {}, itertools.count()

    def call():
        if next(number) == 1000:
            table.update(dict.fromkeys(range(50_000)))

    assert findings(call) == ""
    assert sys.getsizeof(table) > 2**20
