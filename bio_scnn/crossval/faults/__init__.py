"""Faults of declared neurons: machines that do one or two things wrong, and their search."""
