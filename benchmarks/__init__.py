"""Benchmarks of speed and memory, beside peers on the same work.

Every script has ``TITLE``, ``measure(quick)``, which returns plain numbers, ``table(data)`` and
``draw(data)``, which show them, and ``main()``. Where it has them, ``goals(data)`` are lines of
`_bench.goal`, and ``NEEDS`` the packages without which it can do nothing. A script runs this
project and its peers on the same work, in turns, so that whatever else the machine does slows all
alike. A peer that is not installed gets a row that says so. ``python -m benchmarks`` runs all
scripts, ``python -m benchmarks.start`` one, and ``python -m tools.docs.performance`` makes a page
of what they leave.
"""
