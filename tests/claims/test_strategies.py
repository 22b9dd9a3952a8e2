"""Families: every way to an instance gives members, and the same seed gives the same instances."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabular_marl.validation import InputError
from tabular_marl.verification import (
    array,
    beta,
    choice,
    discount,
    distribution,
    general_sum_game,
    instances,
    number,
    option_policies,
    option_priors,
    policy,
    prior,
    stochastic_game,
)

FAMILY = instances(
    {"states": (1, 3), "actions": (1, 3), "opponent_actions": (2, 3)},
    **stochastic_game(),
    agent_prior=prior("states", "actions"),
    agent_policy=policy("states", "actions"),
    beta_agent=beta("+"),
    beta_opponent=beta("both", zero=True, limits=True),
    shift=number(-2, 2, nonzero=True),
    horizon=choice(1, 2, 5),
)


def check(instance):
    assert FAMILY.member(instance)
    for name in ("transition", "agent_prior", "agent_policy"):
        rows = np.array(instance[name], dtype=object)
        assert all(total == 1 for total in rows.sum(axis=-1).flat)
        assert all(p >= 0 for p in rows.flat)
    assert all(p > 0 for p in np.array(instance["agent_prior"], dtype=object).flat)
    assert instance["beta_agent"] > 0
    assert instance["shift"] != 0
    assert instance["horizon"] in (1, 2, 5)
    assert 0 <= instance["gamma"] < 1
    sizes = FAMILY.sizes_of(instance)
    assert 2 <= sizes["opponent_actions"] <= 3
    assert np.shape(np.array(instance["reward"], dtype=object)) == tuple(sizes.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FAMILY.strategy())
def test_hypothesis_gives_members_in_small_rationals(instance):
    check(instance)
    assert all(abs(r.denominator) <= 10 for r in np.array(instance["reward"], dtype=object).flat)


@pytest.mark.parametrize("denominator", [1, 3, 10, 1000, None])
def test_bulk_and_snapped_instances_are_members(denominator):
    for chunk in FAMILY.bulk(7, 200):
        for k in range(0, next(iter(chunk.values())).shape[-1], 5):
            check(FAMILY.snap({n: v[..., k] for n, v in chunk.items()}, denominator))


def test_bulk_repeats_with_its_seed_and_counts_exactly():
    one, two, other = (list(FAMILY.bulk(seed, 300)) for seed in (1, 1, 2))
    assert sum(chunk["gamma"].shape[-1] for chunk in one) == 300
    assert all(np.array_equal(a[n], b[n]) for a, b in zip(one, two, strict=True) for n in a)
    assert not np.array_equal(one[0]["gamma"], other[0]["gamma"])


def test_bulk_reaches_the_corners():
    seen = {name: [] for name in ("beta_opponent", "transition", "reward")}
    for chunk in FAMILY.bulk(3, 2000):
        for name, values in seen.items():
            values.append(chunk[name].ravel())
    betas, transition, reward = (np.concatenate(v) for v in seen.values())
    assert {-math.inf, 0.0, math.inf} <= set(betas)
    assert (betas < -4).any()
    assert ((betas > 0) & (betas < 0.2)).any()
    assert {0.0, 1.0} <= set(transition)
    assert (reward == 0).any()
    assert (np.abs(reward) > 3).any()


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_any_point_snaps_onto_a_distribution(weights):
    for field in (distribution(3), distribution(3, degenerate=True)):
        snapped = field.snap(np.array(weights), 10)
        assert sum(snapped) == 1
        assert all(isinstance(p, Fraction) and p >= 0 for p in snapped)


def test_the_scope_of_a_family_is_what_it_samples():
    about = FAMILY.scope().as_dict()
    assert about["opponent_actions"] == "[2, 3]"
    assert about["beta_opponent"] == "[-inf, -1/16] u 0 u [1/16, inf]"
    assert about["shift"] == "[-2, 0) u (0, 2]"
    assert about["horizon"] == "{1, 2, 5}"
    assert "reward" not in about


def test_bad_families_are_named():
    with pytest.raises(InputError, match="field x must use axes named in sizes; it used 'n'"):
        instances({"m": (1, 2)}, x=array("n"))
    family = instances({"n": (1, 2)}, x=array("n"), y=array("n"), g=discount())
    with pytest.raises(InputError, match="instance's y must agree in n"):
        family.sizes_of({"x": [0], "y": [0, 1], "g": 0})
    assert not family.member({"x": [0], "y": [0, 1], "g": 0})
    assert not family.member({"x": [0], "y": [0]})
    assert not family.member({"x": [0], "y": [9], "g": 0})
    assert family.member({"x": [0], "y": ["7/2"], "g": "9/10"})


THREE = instances(
    {"states": (1, 2), "a": (1, 2), "b": (1, 2), "c": (2, 2)}, **general_sum_game("a", "b", "c")
)
OPTIONS = instances(
    {"states": (1, 2), "actions": (1, 2), "options": (2, 3), "times": (1, 2)},
    **option_priors(initiation=True),
    **option_policies(times="times"),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(THREE.strategy())
def test_a_game_of_three_has_a_reward_each(game):
    assert THREE.member(game)
    sizes = THREE.sizes_of(game)
    assert np.shape(game["rewards"]) == (3, *(sizes[axis] for axis in ("states", "a", "b", "c")))
    assert np.shape(game["transition"])[-1] == sizes["states"]
    with pytest.raises(InputError, match="players must be at least two"):
        general_sum_game("a")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(OPTIONS.strategy())
def test_options_have_priors_and_policies_of_one_shape(instance):
    assert OPTIONS.member(instance)
    for name in ("low", "master", "stop"):
        steps, *shape = np.shape(instance[name])
        assert (*shape,) == np.shape(instance[f"{name}_prior"])
        assert 1 <= steps <= 2
        assert all(p > 0 for p in np.array(instance[f"{name}_prior"]).flat) or name == "master"
    assert np.shape(option_policies()["stop"].shape({"states": 2, "options": 3})) == (3,)


def test_some_options_cannot_begin_everywhere():
    chunk = next(OPTIONS.bulk(0, 200))
    assert (chunk["master_prior"] == 0).any()
    assert (chunk["low_prior"] > 0).all()
