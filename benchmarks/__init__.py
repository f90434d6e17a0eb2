"""Benchmarks of speed and memory, beside peers on the same work.

Every script has ``TITLE``, ``measure(quick)``, which returns plain numbers, ``table(data)`` and
``draw(data)``, which show them, and ``main()``. Where it has them, ``goals(data)`` are lines of
`_bench.goal`, and ``NEEDS`` the packages that it requires. A script runs this project and its
peers on identical work, interleaved, so that other work on the machine slows all of them alike. A
peer that is not installed gets a row that says so. ``python -m benchmarks`` runs all scripts,
``python -m benchmarks.start`` one, and ``python -m tools.docs.performance`` writes a page from
their results.
"""
