"""Checks of any LIF layer against eq. 1: deviations, their causes, and effects on firing rates.

::

    adapter       build, run, reset, declared properties       protocol, resolve, adapters/
      -> subject  run on test inputs                           subject, oracles/drives
      -> checks   closed form, exact events, on-grid oracle    checks/, oracles/
      -> causes   the simplest neuron with the same spikes     diagnosis, causes
      -> report   passed, failed, xfail, xpass, skipped        suite, results, report/

`check_lif` does all of this. ``python -m bio_scnn.validate`` runs it on installed frameworks, each
in a process of its own; `bio_scnn.crossval.testing` runs it under pytest.
"""

from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Capabilities, Setup
from bio_scnn.crossval.q_format import FixedPointNeuron
from bio_scnn.crossval.resolve import as_adapter
from bio_scnn.crossval.results import CheckResult, Report
from bio_scnn.crossval.suite import ConformanceError, ConformanceWarning, check_lif
from bio_scnn.neuron.trace import Trace

__all__ = [
    "Adapter",
    "CannotRepresent",
    "Capabilities",
    "CheckResult",
    "ConformanceError",
    "ConformanceWarning",
    "FixedPointNeuron",
    "Report",
    "Setup",
    "Trace",
    "as_adapter",
    "check_lif",
]
