"""Tools of the checkout: they write pages of docs/, and serve figures and benchmarks alike.

Not part of the installed package. Run them from the checkout: ``python -m tools.docs.claims``.
"""
