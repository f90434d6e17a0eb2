"""The examples in the docstrings of the neuron wing print what they say."""

import doctest
import importlib
import pkgutil

import bio_scnn.neuron


def test_examples_run():
    examples = 0
    for module in pkgutil.iter_modules(bio_scnn.neuron.__path__, "bio_scnn.neuron."):
        result = doctest.testmod(importlib.import_module(module.name))
        assert result.failed == 0, module.name
        examples += result.attempted
    assert examples >= 12
