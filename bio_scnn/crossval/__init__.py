"""Check any LIF layer against eq. 1: how far it is off, why, and what that does to its rates."""
