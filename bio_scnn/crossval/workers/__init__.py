"""Layers under test in processes of their own, so that none can harm the others."""
