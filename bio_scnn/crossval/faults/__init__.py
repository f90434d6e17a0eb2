"""Faults of declared neurons: machines that do one thing wrong, or two, and the search among them."""
