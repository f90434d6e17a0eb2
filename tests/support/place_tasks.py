"""Tasks that tests give to a place, in a module that other processes can import."""

import os
import time

import numpy as np

from bio_scnn import InputError
from bio_scnn.runtime.processes import threads


def product(seed, size):
    """A matrix product that would show another summation order."""
    rng = np.random.default_rng(seed)
    return rng.random((size, size)) @ rng.random((size, size))


def sometimes(number, bad):
    """The square of a number, but for some."""
    if number == bad:
        raise InputError("this one\nis bad")
    if number == bad + 1:
        raise KeyError("and this")
    return number**2


def deadly(number, last):
    """The square of a number; one ends its process."""
    if number == last:
        os._exit(9)
    time.sleep(0.05)
    return number**2


def noted(number, folder, seconds):
    """The square of a number, after a while; who began it is noted in a folder."""
    (folder / f"{number}-{os.getpid()}-{time.monotonic_ns()}").touch()
    time.sleep(seconds)
    return number**2


def threads_of(number):
    """Number of threads that arithmetic has where a task is run."""
    return threads()
