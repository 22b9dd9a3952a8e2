"""Every example in a docstring of the deep code runs and gives what it shows."""

import doctest
import importlib
import pkgutil

import pytest

from tabular_marl import deep

MODULES = [m.name for m in pkgutil.walk_packages(deep.__path__, "tabular_marl.deep.")]


@pytest.mark.parametrize("name", [*MODULES, "tabular_marl.cli.deep"])
def test_the_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    found = doctest.DocTestFinder().find(
        importlib.import_module("tabular_marl.deep.training.statistics")
    )
    assert sum(len(test.examples) for test in found) >= 2
