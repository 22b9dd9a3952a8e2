"""Scopes: reading, writing, covering, representing."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_marl.verification import scope

WRITTEN = [
    "(0, inf]",
    "(-inf, 0) u (0, inf)",
    ">= 1",
    "3",
    "{1, 2, 5}",
    "any",
    "[0, 1)",
    "[-inf, 0)",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_written_scopes_are_read_back(text):
    about = scope(x=text)
    assert scope(**about.as_dict()) == about
    assert about.covers(about)


@pytest.mark.parametrize("text", ["(0; 1)", "positive", "[0, x]", "", "{0..x}"])
def test_a_badly_written_scope_is_refused(text):
    with pytest.raises(ValueError, match="scope must be written like"):
        scope(x=text)


bounds = st.fractions(-3, 3, max_denominator=2)


@st.composite
def intervals(draw):
    low, high = sorted([draw(bounds), draw(bounds)])
    if low == high:
        return f"{low}"
    return f"{draw(st.sampled_from('[('))}{low}, {high}{draw(st.sampled_from('])'))}"


sets = st.lists(intervals(), min_size=1, max_size=3).map(" u ".join)
POINTS = [Fraction(k, 4) for k in range(-13, 14)]


@given(sets, sets)
def test_covers_agrees_with_membership(one, two):
    a, b = scope(x=one), scope(x=two)
    inside = all(a.contains("x", p) for p in POINTS if b.contains("x", p))
    # quarter points decide inclusion for sets whose bounds are halves
    assert a.covers(b) == inside


def test_a_sample_must_meet_each_piece_and_stay_inside():
    both = scope(beta="(-inf, 0) u (0, inf)")
    assert scope(beta="[-2, -1] u [1, 2]").represents(both)
    assert not scope(beta="[1, 2]").represents(both)
    assert not scope(beta="[-1, 1]").represents(both)
    assert scope(states=(1, 3)).represents(scope(states=">= 1"))
    assert not scope().represents(both)


def test_a_dimension_that_is_not_named_is_unrestricted():
    assert scope().covers(scope(beta="(0, inf)"))
    assert not scope(beta="(0, inf)").covers(scope())
    assert scope(gamma="any").contains("beta", -math.inf)
