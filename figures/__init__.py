"""Figures and tables of the paper, and measurements of its claims.

Every script measures first and draws then: ``measure()`` returns plain numbers, which tests hold
to the physics, and ``draw(data)`` makes the picture of them. ``python -m figures`` runs all of
them, ``python -m figures.table1`` one.
"""
