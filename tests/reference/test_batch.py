"""Batches of games against solutions in 50 digits and against the single-game engine."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from tabular_marl.models.batch import solve_batch
from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import InputError

INF = float("inf")
ORDERS = {"agent first": (AGENT, OPPONENT), "opponent first": (OPPONENT, AGENT)}


def random_games(seed, count, states=3, agents=3, opponents=2, zeros=0.0):
    """Dense (or, with ``zeros``, sparse) transitions and normal rewards."""
    rng = np.random.default_rng(seed)
    transition = rng.random((count, states, agents, opponents, states))
    transition *= rng.random(transition.shape) >= zeros
    transition[..., 0] += transition.sum(axis=-1) == 0
    transition /= transition.sum(axis=-1, keepdims=True)
    return transition, rng.normal(size=(count, states, agents, opponents))


def mp_free_energy(x, beta, prior):
    """(F, tilt) in mpmath, over the support; the prior is normalised exactly."""
    mass = mpmath.fsum(prior)
    inside = [k for k in range(len(x)) if prior[k] > 0]
    if abs(beta) < 1e-100:  # differs by less than 1e-100 times a square
        return mpmath.fsum(prior[k] * x[k] for k in inside) / mass
    best = (max if beta > 0 else min)(x[k] for k in inside)
    if mpmath.isinf(beta):
        return best
    total = mpmath.fsum(prior[k] * mpmath.exp(beta * (x[k] - best)) for k in inside) / mass
    return best + mpmath.log(total) / beta


def mp_backup(value, transition, reward, discount, recipe, priors):
    """TV in mpmath for float data taken exactly; priors in full shape [s, a, b] per level."""
    states, agents, opponents = reward.shape
    first, second = recipe
    out = []
    for s in range(states):
        q = [
            [
                mpmath.mpf(float(reward[s, a, b]))
                + mpmath.mpf(discount)
                * mpmath.fsum(
                    mpmath.mpf(float(transition[s, a, b, t])) * value[t] for t in range(states)
                )
                for b in range(opponents)
            ]
            for a in range(agents)
        ]
        if first.axis == OPPONENT:
            rows = [(q[a], priors[0][s, a, :]) for a in range(agents)]
            last = priors[1][s, :, 0]
        else:
            columns = [[q[a][b] for a in range(agents)] for b in range(opponents)]
            rows = [(columns[b], priors[0][s, :, b]) for b in range(opponents)]
            last = priors[1][s, 0, :]
        inner = [
            mp_free_energy(x, mpmath.mpf(first.beta), [mpmath.mpf(float(k)) for k in p])
            for x, p in rows
        ]
        prior = [mpmath.mpf(float(k)) for k in last]
        out.append(mp_free_energy(inner, mpmath.mpf(second.beta), prior))
    return out


def mp_solution(start, discount, backup):
    """The fixed point to about 1e-30 from a start that is nearly there, by sweeps."""
    value = [mpmath.mpf(float(v)) for v in start]
    with mpmath.workdps(45):
        for _ in range(10_000):
            new = backup(value)
            low = min(b - a for a, b in zip(value, new, strict=True))
            high = max(b - a for a, b in zip(value, new, strict=True))
            shift = discount * (low + high) / 2 / (1 - mpmath.mpf(discount))
            value = [b + shift for b in new]
            if high - low < mpmath.mpf("1e-22") and abs(high + low) < mpmath.mpf("1e-22"):
                return value
    raise AssertionError("the reference did not converge")


def uniform_priors(states, agents, opponents, recipe):
    """The exact 1/n need not be a float; normalising equal weights gives it."""
    shape = (states, agents, opponents)
    return [
        np.ones(shape),
        np.ones((states, agents, 1) if recipe[1].axis == AGENT else (states, 1, opponents)),
    ]


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize(
    "betas",
    [
        (5, 3),
        (5, -3),
        (-40, 60),
        (1e-3, -1e-6),
        (0.0, 2.0),
        (INF, -INF),
        (INF, 0.0),
        (900, -900),
        (1e-250, -4.0),
    ],
)
def test_error_bound_holds_against_fifty_digits(order, betas):
    """|V − V*| ≤ error_bound, with V* of the stored games to 1e-19, uniform priors."""
    axes = ORDERS[order]
    recipe = (Aggregation(axes[0], betas[0]), Aggregation(axes[1], betas[1]))
    for discount in (0.0, 0.6, 0.9):
        transition, reward = random_games(3, 3)
        found = solve_batch(transition, reward, discount, recipe, tol=1e-13)
        assert (found.error_bound < 1e-11).all()
        for g in range(3):
            priors = uniform_priors(3, 3, 2, recipe)

            def backup(v, p=transition[g], r=reward[g], priors=priors, discount=discount):
                return mp_backup(v, p, r, discount, recipe, priors)

            want = mp_solution(found.value[g], discount, backup)
            off = max(
                abs(mpmath.mpf(float(a)) - b) for a, b in zip(found.value[g], want, strict=True)
            )
            assert off <= found.error_bound[g]


@pytest.mark.parametrize("order", list(ORDERS))
def test_priors_with_zeros_and_conditional_priors(order):
    """A prior over the inner action given the outer one, some of its outcomes impossible."""
    axes = ORDERS[order]
    rng = np.random.default_rng(5)
    inner = rng.random((3, 3, 2)) + 0.01
    inner[0, 0, 0] = inner[1, :, 1][0] = 0.0
    inner /= inner.sum(axis=axes[0] + 1, keepdims=True)
    count = 2 if axes[1] == OPPONENT else 3
    outer = rng.random((3, count))
    outer[2, 0] = 0.0
    outer /= outer.sum(axis=1, keepdims=True)
    transition, reward = random_games(11, 4)
    reward[:, 0, 0, 0] = 1e6  # what cannot be chosen does not count, however good
    for betas in ((4.0, -2.0), (INF, 7.0), (-30.0, INF)):
        recipe = (Aggregation(axes[0], betas[0], inner), Aggregation(axes[1], betas[1], outer))
        found = solve_batch(transition, reward, 0.7, recipe, tol=1e-9)
        full_outer = outer[:, :, None] if axes[1] == AGENT else outer[:, None, :]
        for g in range(4):

            def backup(v, g=g, recipe=recipe, full_outer=full_outer):
                return mp_backup(v, transition[g], reward[g], 0.7, recipe, [inner, full_outer])

            want = mp_solution(found.value[g], 0.7, backup)
            off = max(
                abs(mpmath.mpf(float(a)) - b) for a, b in zip(found.value[g], want, strict=True)
            )
            assert off <= found.error_bound[g]
        joint = found.joint_policy
        assert (joint[:, 0, 0, 0] == 0).all()
        np.testing.assert_allclose(joint.sum(axis=(2, 3)), 1, rtol=1e-14)


def test_rows_that_miss_one_by_rounding_near_discount_one():
    """The bound is about the stored game: at γ = 1 − 1e-6 Σ P − 1 = 1e-16 moves V by 1e-10 V."""
    transition, reward = random_games(1, 6)
    sums = [
        [sum(Fraction(float(p)) for p in row) for row in game.reshape(-1, 3)] for game in transition
    ]
    assert any(s != 1 for game in sums for s in game)
    recipe = (Aggregation(AGENT, 2.0), Aggregation(OPPONENT, 2.0))
    discount = 1 - 2.0**-20
    found = solve_batch(transition, reward, discount, recipe, tol=1e-6)
    for g in range(6):
        priors = uniform_priors(3, 3, 2, recipe)

        def backup(v, g=g, priors=priors):
            return mp_backup(v, transition[g], reward[g], discount, recipe, priors)

        want = mp_solution(found.value[g], discount, backup)
        off = max(abs(mpmath.mpf(float(a)) - b) for a, b in zip(found.value[g], want, strict=True))
        assert off <= found.error_bound[g]


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("betas", [(5, 3), (-50, 50), (INF, -INF), (0, -3)])
def test_equals_the_single_game_engine(order, betas):
    """Values, tilts and joint policies, game by game; 37 games leave a group incomplete."""
    axes = ORDERS[order]
    recipe = (Aggregation(axes[0], betas[0]), Aggregation(axes[1], betas[1]))
    transition, reward = random_games(2, 37, states=5, agents=2, opponents=4)
    found = solve_batch(transition, reward, 0.95, recipe)
    for g in range(37):
        one = Backup(reward[g], transition[g], 0.95, recipe)
        want = fixed_point(one, tol=1e-10)
        off = np.abs(found.value[g] - want.value).max()
        assert off <= found.error_bound[g] + want.error_bound
        at = one.linearise(found.value[g])
        np.testing.assert_allclose(found.joint_policy[g], at.weights, rtol=1e-9, atol=1e-12)
        tilts = (found.agent_policy[g], found.opponent_policy[g])
        for level, tilt in enumerate(at.tilts):
            np.testing.assert_allclose(
                tilts[axes[level]].reshape(-1), np.asarray(tilt).reshape(-1), rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize("zeros", [0.0, 0.7])
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("beta", [1.0, 100.0, 1000.0])
def test_every_random_game_converges(zeros, signs, beta):
    """Opposite signs make plain Newton cycle in up to 16 % of such games; none may fail here."""
    for seed, (states, agents, opponents) in enumerate([(2, 2, 2), (5, 3, 3), (3, 2, 5)]):
        transition, reward = random_games(seed, 2000, states, agents, opponents, zeros)
        recipe = (Aggregation(AGENT, signs[0] * beta), Aggregation(OPPONENT, signs[1] * beta))
        found = solve_batch(transition, reward, 0.99, recipe)
        assert (found.status == Status.CONVERGED).all()
        assert (found.error_bound <= 1e-10).all()
        np.testing.assert_allclose(found.joint_policy.sum(axis=(2, 3)), 1, rtol=1e-13)


def test_answers_do_not_depend_on_the_company():
    """A game's result is the same alone, in any lane, and beside games that need many steps."""
    transition, reward = random_games(9, 300, states=2, agents=2, opponents=2, zeros=0.7)
    recipe = (Aggregation(AGENT, 1000.0), Aggregation(OPPONENT, -1000.0))
    together = solve_batch(transition, reward, 0.99, recipe)
    assert together.iterations.max() > 3 * np.median(together.iterations)
    for g in (0, 7, 123, 299):
        alone = solve_batch(transition[g : g + 1], reward[g : g + 1], 0.99, recipe)
        np.testing.assert_array_equal(alone.value[0], together.value[g])
        assert alone.iterations[0] == together.iterations[g]
    backwards = solve_batch(transition[::-1], reward[::-1], 0.99, recipe)
    np.testing.assert_array_equal(backwards.value[::-1], together.value)


def test_one_action_and_one_state():
    recipe = (Aggregation(AGENT, 1.0), Aggregation(OPPONENT, 1.0))
    found = solve_batch(np.ones((3, 1, 1, 1, 1)), np.arange(3.0).reshape(3, 1, 1, 1), 0.5, recipe)
    np.testing.assert_allclose(found.value[:, 0], [0, 2, 4], atol=1e-12)


def test_no_games_is_an_empty_answer():
    recipe = (Aggregation(AGENT, 1.0), Aggregation(OPPONENT, 1.0))
    found = solve_batch(np.ones((0, 1, 1, 1, 1)), np.ones((0, 1, 1, 1)), 0.5, recipe)
    assert found.value.shape == (0, 1)


def test_floor_is_reported_with_its_bound():
    transition, reward = random_games(0, 20)
    recipe = (Aggregation(AGENT, 2.0), Aggregation(OPPONENT, 2.0))
    found = solve_batch(transition, reward, 0.9, recipe, tol=1e-300)
    assert (found.status == Status.FLOOR).all()
    assert (found.error_bound < 1e-11).all()
    assert (found.error_bound > 0).all()


def test_what_does_not_converge_is_loud_and_carries_the_rest():
    transition, reward = random_games(0, 20)
    recipe = (Aggregation(AGENT, 2.0), Aggregation(OPPONENT, 2.0))
    with pytest.raises(
        NotConverged, match=r"20 of 20 games did not converge.*game 0.*limit"
    ) as info:
        solve_batch(transition, reward, 0.9, recipe, max_iterations=2)
    partial = info.value.partial
    assert (partial.status == Status.ITERATION_LIMIT).all()
    exact = solve_batch(transition, reward, 0.9, recipe)
    off = np.abs(partial.value - exact.value).max(axis=1)
    assert (off <= partial.error_bound + exact.error_bound).all()
    quiet = solve_batch(transition, reward, 0.9, recipe, max_iterations=2, on_failure="return")
    np.testing.assert_array_equal(quiet.value, partial.value)
    reward[13] = 1e308
    with pytest.raises(NotConverged, match=r"1 of 20 games did not converge.*game 13"):
        solve_batch(transition, reward, 0.9, recipe)


def test_arrays_are_locked_and_inputs_untouched():
    transition, reward = random_games(0, 5)
    before = transition.copy(), reward.copy()
    recipe = (Aggregation(AGENT, 2.0), Aggregation(OPPONENT, 2.0))
    found = solve_batch(transition, reward, 0.9, recipe)
    for array in (found.value, found.agent_policy, found.opponent_policy, found.error_bound):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    np.testing.assert_array_equal(transition, before[0])
    np.testing.assert_array_equal(reward, before[1])
    assert transition.flags.writeable
    transition.flags.writeable = False
    np.testing.assert_array_equal(solve_batch(transition, reward, 0.9, recipe).value, found.value)


def spoiled(**changes):
    """Good arguments for five games, with some changed."""
    transition, reward = random_games(0, 5)
    arguments = {
        "transition": transition,
        "reward": reward,
        "discount": 0.9,
        "recipe": (Aggregation(AGENT, 1.0), Aggregation(OPPONENT, 1.0)),
    }
    for name, change in changes.items():
        arguments[name] = change(arguments[name]) if callable(change) else change
    return arguments


def with_entry(index, value):
    def change(array):
        array = array.copy()
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"reward": with_entry((3, 0, 1, 1), np.nan)},
            r"reward must hold finite numbers; entry \[3, 0, 1, 1\] was nan",
        ),
        ({"reward": with_entry((4, 0, 0, 0), -np.inf)}, "reward must hold finite numbers"),
        ({"transition": with_entry((2, 1, 0, 0, 0), np.nan)}, "transition must hold finite"),
        (
            {"transition": with_entry((2, 1, 0, 0), [1.5, -0.5, 0])},
            r"transition must hold probabilities >= 0; entry \[2, 1, 0, 0, 1\] was -0.5",
        ),
        (
            {"transition": with_entry((4, 1, 0, 0), [0.5, 0.4, 0])},
            r"transition must have rows that sum to 1; row \[4, 1, 0, 0\] summed to 0.9",
        ),
        (
            {"transition": lambda p: p[:, :, :, :, :2]},
            r"transition must have shape \(5, 3, 3, 2, 3",
        ),
        ({"reward": lambda r: r[0]}, r"reward must have shape \(games, states"),
        ({"reward": "none"}, "reward must be an array of numbers"),
        ({"discount": 1.0}, r"discount must be a number in \[0, 1\)"),
        ({"recipe": (Aggregation(AGENT, 1.0),)}, "recipe must aggregate each action axis"),
        (
            {"recipe": (Aggregation(AGENT, 1.0, [0.0, 0.0, 0.0]), Aggregation(OPPONENT, 1.0))},
            "prior must have rows that sum to 1",
        ),
        (
            {"recipe": (Aggregation(AGENT, 1.0, [1.0, 0.0, 1e-200]), Aggregation(OPPONENT, 1.0))},
            "prior must be 0 or at least 1e-100 in a batch",
        ),
        ({"tol": 0.0}, "tol must be a number > 0; it was 0.0"),
        ({"max_iterations": 0}, "max_iterations must be an integer >= 1; it was 0"),
        ({"on_failure": "rise"}, r"on_failure must be one of.*did you mean 'raise'"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        solve_batch(**spoiled(**changes))
