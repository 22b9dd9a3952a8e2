"""Joint processes against a slow construction with dictionaries; learners against hand counts."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active.joint_chain import explore
from tabular_marl.active.joint_step import state_bytes
from tabular_marl.active.learners import (
    Annealed,
    FictitiousPlay,
    FunctionLearner,
    Grid,
    QLearning,
    Replicator,
    Schedule,
    WinStayLoseShift,
    best_response,
    logit_response,
)
from tabular_marl.active.learners.replicator import kuhn, largest_remainders
from tabular_marl.games import (
    StochasticGame,
    bach_or_stravinsky,
    coordination,
    iterated_prisoners_dilemma,
    matching_pennies,
    prisoners_dilemma,
    three_player_pennies,
)
from tabular_marl.validation import InputError


def general_sum(rng, states=3, actions=(2, 3)):
    rows = rng.dirichlet(np.ones(states), states * int(np.prod(actions)))
    rows[rows < 0.15] = 0
    rows /= rows.sum(axis=1, keepdims=True)
    rewards = rng.integers(-3, 4, (len(actions), states, *actions)).astype(float)
    return StochasticGame(rows.reshape(states, *actions, states), rewards)


def by_hand(game, policies, updates, starts, free):
    """{(s, θ…): [own action] → ({next: probability}, expected rewards)} from plain functions.

    ``policies[j](θ, s)`` with exploration, ``updates[j](θ, s, a, r, t)`` → list of pairs.
    """
    counts = game.action_counts
    seats = sorted(policies)
    rewards = [game.player_reward(j) for j in range(game.num_players)]
    found, queue = {}, list(starts)
    while queue:
        x = queue.pop(0)
        if x in found:
            continue
        s, thetas = x[0], dict(zip(seats, x[1:], strict=True))
        found[x] = []
        own = [()] if free is None else [(a,) for a in range(counts[free])]
        for mine in own:
            law, paid = {}, np.zeros(game.num_players)
            for others in itertools.product(*(range(counts[j]) for j in seats)):
                a = dict(zip(seats, others, strict=True))
                if free is not None:
                    a[free] = mine[0]
                a = tuple(a[j] for j in range(game.num_players))
                p = np.prod([policies[j](thetas[j], s)[a[j]] for j in seats])
                if p == 0:
                    continue
                r = [float(rewards[j][(s, *a)]) for j in range(game.num_players)]
                paid += p * np.array(r)
                for t in np.flatnonzero(game.transition[(s, *a)]):
                    q = p * game.transition[(s, *a)][t]
                    ways = [updates[j](thetas[j], s, a, r[j], int(t)) for j in seats]
                    for combo in itertools.product(*ways):
                        y = (int(t), *(theta for theta, _ in combo))
                        chance = q * np.prod([c for _, c in combo])
                        law[y] = law.get(y, 0.0) + chance
            found[x].append((law, paid))
            queue += law
    return found


def agree(process, found, key):
    """``key(x)`` turns a joint state of ``process`` into the key of ``found``."""
    keys = [key(x) for x in range(process.num_states)]
    assert sorted(keys) == sorted(found)
    number = {k: x for x, k in enumerate(keys)}
    dense = process.transition.toarray()
    for x, k in enumerate(keys):
        for a, (law, paid) in enumerate(found[k]):
            row = np.zeros(process.num_states)
            for y, p in law.items():
                row[number[y]] += p
            np.testing.assert_allclose(dense[x * process.num_actions + a], row, atol=1e-14)
            np.testing.assert_allclose(process.rewards[:, x, a], paid, atol=1e-13)


def soft(base, epsilon):
    base = np.asarray(base, dtype=float)
    return (1 - epsilon) * base + epsilon / base.size


def greedy(row):
    best = [q == max(row) for q in row]
    return np.array(best) / sum(best)


@pytest.mark.parametrize("per_state", [False, True])
def test_exact_q_learner_of_gamma_zero(per_state):
    """α = 1, γ = 0: Q holds the last payoffs, finitely many; the rationals close up."""
    game = general_sum(np.random.default_rng(0), states=2, actions=(2, 2))
    width = 4 if per_state else 2
    initial = np.zeros((2, 2)) if per_state else np.zeros(2)
    learner = QLearning(initial, step_size=1, discount=0, epsilon=0.1, per_state=per_state)
    process = explore(game, {1: learner})

    def row(q, s):
        return q[2 * s : 2 * s + 2] if per_state else q

    def update(q, s, a, r, t):
        entry = a[1] + (2 * s if per_state else 0)
        return [((*q[:entry], Fraction(r), *q[entry + 1 :]), 1.0)]

    found = by_hand(
        game,
        {1: lambda q, s: soft(greedy(row(q, s)), 0.1)},
        {1: update},
        [(s, (Fraction(0),) * width) for s in range(2)],
        0,
    )
    agree(
        process,
        found,
        lambda x: (int(process.state[x]), process.rules[1].describe(process.parameters[x])),
    )


@pytest.mark.parametrize("projection", ["nearest", "linear"])
@pytest.mark.parametrize("per_state", [False, True])
def test_grid_q_learner(projection, per_state):
    game = general_sum(np.random.default_rng(1), states=2, actions=(2, 2))
    grid = Grid(-3, 3, 7, projection)
    initial = np.zeros((2, 2)) if per_state else np.zeros(2)
    learner = QLearning(initial, 0.5, 0.5, 0.2, per_state, "first", grid)
    process = explore(game, {1: learner}, states=[0])

    def row(q, s):
        return q[2 * s : 2 * s + 2] if per_state else q

    def update(q, s, a, r, t):
        entry = a[1] + (2 * s if per_state else 0)
        new = q[entry] + Fraction(1, 2) * (Fraction(r) + Fraction(1, 2) * max(row(q, t)) - q[entry])
        new = min(max(new, Fraction(-3)), Fraction(3))
        if projection == "nearest":
            ways = [((new + Fraction(1, 2)).__floor__(), 1.0)]
        else:
            low = new.__floor__()
            ways = [(low, float(low + 1 - new)), (low + 1, float(new - low))]
        return [((*q[:entry], Fraction(v), *q[entry + 1 :]), p) for v, p in ways if p > 0]

    found = by_hand(
        game,
        {1: lambda q, s: soft(np.eye(2)[row(q, s).index(max(row(q, s)))], 0.2)},
        {1: update},
        [(0, (Fraction(0),) * (4 if per_state else 2))],
        0,
    )
    agree(
        process,
        found,
        lambda x: (
            int(process.state[x]),
            tuple(Fraction(v) for v in process.rules[1].describe(process.parameters[x]).ravel()),
        ),
    )


def test_two_learners_and_an_agent():
    """Player 1 decides; player 0 remembers two actions, player 2 wins, stays, loses, shifts."""
    game = three_player_pennies().as_stochastic()
    process = explore(
        game,
        {0: FictitiousPlay(2, epsilon=0.1), 2: WinStayLoseShift(0.5, epsilon=0.2)},
    )
    payoff = game.player_reward(0)[0]

    def respond(window, s):
        worth = np.mean([payoff[:, o // 2, o % 2] for o in window], axis=0)
        return (
            soft(worth == worth.max(), 0.1) / 1
            if (worth == worth.max()).sum() == 1
            else soft(np.full(2, 0.5), 0.1)
        )

    found = by_hand(
        game,
        {0: respond, 2: lambda a, s: soft(np.eye(2)[a], 0.2)},
        {
            0: lambda w, s, a, r, t: [((*w[1:], 2 * a[1] + a[2]), 1.0)],
            2: lambda w, s, a, r, t: [(a[2] if r >= 0.5 else 1 - a[2], 1.0)],
        },
        [(0, w, a) for w in itertools.product(range(4), repeat=2) for a in range(2)],
        1,
    )
    agree(
        process,
        found,
        lambda x: (int(process.state[x]), *(v for _, v in sorted(process.describe(x)[1].items()))),
    )


def test_everybody_learns():
    game = coordination().as_stochastic()
    process = explore(game, {0: logit_response(0.5), 1: best_response(epsilon=0.1)})
    assert process.player is None
    found = by_hand(
        game,
        {
            0: lambda w, s: (
                np.exp([2.0, 0]) / np.exp([2.0, 0]).sum()
                if w == (0,)
                else np.exp([0, 4.0]) / np.exp([0, 4.0]).sum()
            ),
            1: lambda w, s: soft(np.eye(2)[w[0]], 0.1),
        },
        {0: lambda w, s, a, r, t: [((a[1],), 1.0)], 1: lambda w, s, a, r, t: [((a[0],), 1.0)]},
        [(0, (v,), (w,)) for v in range(2) for w in range(2)],
        None,
    )
    agree(process, found, lambda x: (0, *(v for _, v in sorted(process.describe(x)[1].items()))))
    with pytest.raises(InputError, match="every seat has one"):
        _ = process.reward


@pytest.mark.parametrize(("step_size", "flips"), [(1.0, 7), (0.5, 14)])
def test_mismatches_until_the_q_learner_gives_in(step_size, flips):
    """Q from [10, 20], γ = 0.9, greedy play: 7 mismatches at step 1, 14 at step 0.5 (exactly)."""
    learner = QLearning([10, 20], step_size, Fraction(9, 10), 0.0)
    rule = learner.bind(bach_or_stravinsky().as_stochastic(), 1)
    q = rule.values[0]
    count = 0
    while rule.respond(q, 0)[0] == 0:  # it still plays its own favourite
        ((q, _),) = rule.revise(q, 0, (0, 1), 0.0, 0)
        count += 1
    assert count == flips


def test_wsls_with_three_actions_and_cyclic_shift():
    rewards = np.zeros((2, 1, 2, 3))
    rewards[1, 0, 0] = [1, 0, 0]
    game = StochasticGame(np.ones((1, 2, 3, 1)), rewards)
    anyone = explore(game, {1: WinStayLoseShift(0.5, shift="any")})
    np.testing.assert_allclose(anyone.transition.toarray()[anyone.find(0, [1]) * 2], [0.5, 0, 0.5])
    cyclic = explore(game, {1: WinStayLoseShift(0.5, initial=[0])})
    assert cyclic.num_states == 3
    assert cyclic.transition.toarray()[cyclic.find(0, [0]) * 2, cyclic.find(0, [0])] == 1
    assert cyclic.transition.toarray()[cyclic.find(0, [2]) * 2, cyclic.find(0, [0])] == 1


def test_replicator_projections_keep_the_simplex_and_the_mean():
    rng = np.random.default_rng(3)
    target = 7 * rng.dirichlet(np.ones(4), 200)
    points, odds = kuhn(target, 7)
    assert points.min() >= 0
    assert (points.sum(axis=2) == 7).all()
    assert odds.min() >= 0
    np.testing.assert_allclose(np.einsum("mc,mca->ma", odds, points), target, atol=1e-12)
    near = largest_remainders(target, 7)
    assert (near.sum(axis=1) == 7).all()
    assert np.abs(near - target).max() < 1


def test_replicator_moves_as_the_formula_says():
    game = coordination().as_stochastic()
    process = explore(game, {1: Replicator(10, background=1.0, projection="linear")})
    x = process.find(0, [6, 4])  # against action 1: fitness (1, 9), image (6, 36)/42 · 10
    row = process.transition.toarray()[x * 2 + 1]
    mean = row @ process.parameters
    np.testing.assert_allclose(mean, [60 / 42, 360 / 42], rtol=1e-12)
    with pytest.raises(InputError, match="background"):
        explore(prisoners_dilemma(), {1: Replicator(4, background=1.0)})


def test_schedule_and_annealing():
    game = matching_pennies().as_stochastic()
    process = explore(game, {1: Schedule([[[1, 0]], [[0.5, 0.5]], [[0, 1]]])})
    assert process.num_states == 3
    np.testing.assert_allclose(process.reward, [[1, -1], [0, 0], [-1, 1]])
    again = explore(game, {1: Schedule([[[1, 0]], [[0, 1]]], after="again")})
    assert list(again.chain(np.zeros(2, dtype=int)).periods) == [2]

    rates = [0.5, 0.2, 0.0]
    annealed = explore(game, {1: Annealed(best_response(), rates)})
    for x in range(annealed.num_states):
        clock, window = annealed.describe(x)[1][1]
        steady = explore(game, {1: best_response(epsilon=rates[clock])})
        np.testing.assert_allclose(annealed.reward[x], steady.reward[steady.find(0, window)])


def test_updates_see_the_whole_transition():
    game = general_sum(np.random.default_rng(4))
    seen = set()

    def update(theta, s, actions, reward, t):
        assert reward == game.player_reward(1)[(s, *actions)]
        seen.add((s, *actions, t))
        return [((theta + actions[0] + t) % 3, 0.25), (theta, 0.75)]

    explore(game, {1: FunctionLearner(lambda theta, s: [0.5, 0.5, 0], update, [0])})
    possible = {tuple(i.tolist()) for i in np.argwhere(game.transition) if i[2] < 2}
    assert seen == possible


def test_policies_make_chains():
    process = explore(iterated_prisoners_dilemma(), {1: best_response(epsilon=0.1)})
    rng = np.random.default_rng(5)
    policy = rng.dirichlet(np.ones(2), process.num_states)
    dense = process.transition.toarray().reshape(process.num_states, 2, -1)
    np.testing.assert_allclose(
        process.chain(policy).transition.toarray(), np.einsum("xa,xay->xy", policy, dense)
    )
    act = rng.integers(0, 2, process.num_states)
    np.testing.assert_allclose(
        process.chain(act).transition.toarray(), dense[np.arange(process.num_states), act]
    )


def test_what_is_refused():
    pennies = matching_pennies()
    with pytest.raises(InputError, match="at most one seat free"):
        explore(three_player_pennies(), {0: best_response()})
    with pytest.raises(InputError, match="stay in the set of parameters; from 2 in state 0"):
        explore(
            pennies,
            {
                1: FunctionLearner(
                    lambda th, s: [0.5, 0.5],
                    lambda th, s, a, r, t: th + 1,
                    [0],
                    parameters=range(3),
                )
            },
        )
    with pytest.raises(InputError, match="distribution over 2 actions; in state 0"):
        explore(
            pennies, {1: FunctionLearner(lambda th, s: [0.5, 0.6], lambda th, s, a, r, t: th, [0])}
        )
    with pytest.raises(InputError, match="probabilities that sum to 1; from 0 in state 0"):
        explore(
            pennies,
            {1: FunctionLearner(lambda th, s: [0.5, 0.5], lambda th, s, a, r, t: [(th, 0.5)], [0])},
        )
    with pytest.raises(InputError, match=r"max_states must allow all joint states.*more than 100"):
        explore(
            pennies,
            {1: FunctionLearner(lambda th, s: [0.5, 0.5], lambda th, s, a, r, t: th + 1, [0])},
            max_states=100,
        )
    thirds = QLearning([1, 0], step_size=Fraction(1, 3), epsilon=0.0)
    with pytest.raises(InputError, match="more than 5000"):
        explore(pennies, {1: thirds}, max_states=5000)
    lonely = StochasticGame(np.ones((1, 1, 2, 1)), np.ones((2, 1, 1, 2)))
    with pytest.raises(InputError, match="do not close up"):
        explore(lonely, {1: thirds})
    with pytest.raises(InputError, match="lie on the grid"):
        explore(pennies, {1: QLearning([0.5, 0], grid=Grid(0, 10, 11))})


TOO_MANY = {
    "9006001 starts, which need about 4.0. GB": QLearning("every", grid=Grid(-30, 0, 3001)),
    "1e.20 starts": QLearning("every", per_state=True, grid=Grid(0, 1, 100)),
    "2.59e.30 starts": Annealed(
        QLearning("every", per_state=True, grid=Grid(0, 1, 1100)), [0.5, 0.0]
    ),
    "1099511627776 starts|1.1e.12 starts": FictitiousPlay(memory=40),
    "100000001 starts": Replicator(resolution=10**8, background=10.0),
}


@pytest.mark.parametrize("said", TOO_MANY)
def test_a_start_set_that_does_not_fit_is_refused_before_it_is_built(said, monkeypatch):
    learner, game = TOO_MANY[said], iterated_prisoners_dilemma()
    rule = learner.bind(game, 1)

    def built(self):
        raise AssertionError("the start set was built")

    monkeypatch.setattr(type(rule), "start", built)
    game = game if "e.20" in said or "e.30" in said else prisoners_dilemma()
    with pytest.raises(InputError, match=f"max_states must allow the ({said}).*coarser grid"):
        explore(game, {1: learner})


def test_a_start_set_larger_than_the_machine_is_refused_whatever_the_limit(monkeypatch):
    learner = QLearning("every", grid=Grid(-30, 0, 300_001))
    with pytest.raises(InputError, match=r"the 90000600001 starts need about .* this machine has"):
        explore(prisoners_dilemma(), {1: learner}, max_states=10**12)
    monkeypatch.setattr("os.sysconf", lambda name: 1)  # a machine with one byte
    with pytest.raises(InputError, match=r"max_states must be what fits.* has 1e-09 GB"):
        explore(matching_pennies(), {1: best_response()})


LEARNERS = [
    QLearning("every", grid=Grid(-3, 0, 4), per_state=True),
    QLearning([[-1, -2], [-2, -1]], grid=Grid(-3, 0, 4)),
    QLearning([[-1, -2], [-2, -1], [0, 0]]),
    FictitiousPlay(3),
    FictitiousPlay(2, initial=[(0, 1), (1, 1)]),
    Replicator(5, 10.0),
    Replicator(5, 10.0, initial=[[0.2, 0.8]]),
    WinStayLoseShift(-1),
    WinStayLoseShift(-1, initial=[0]),
    Schedule([[[1, 0]]]),
    Annealed(FictitiousPlay(2), [0.1, 0.0]),
    FunctionLearner(lambda th, s: [0.5, 0.5], lambda th, s, a, r, t: th, [0, 1, 2]),
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
def test_rules_know_how_many_starts_they_have(learner):
    rule = learner.bind(prisoners_dilemma().as_stochastic(), 1)
    assert rule.start().shape == (rule.num_starts, rule.width)


def test_the_estimate_is_about_what_a_joint_state_takes():
    """What stays after exploring is at least a quarter of it; the rest is scratch."""
    learner = {1: QLearning("every", epsilon=0.0, tie="first", grid=Grid(-30, 0, 61))}
    process = explore(prisoners_dilemma(), learner)
    arrays = (process.transition.data, process.transition.indices, process.transition.indptr)
    kept = sum(array.nbytes for array in (*arrays, process.rewards, process.keys, process.table))
    each = state_bytes(process.game, 0, process.rules)
    assert each / 4 < kept / process.num_states < each


@pytest.mark.parametrize("points", [101, 151, 301])
def test_halves_go_upwards_whatever_rounding_does(points):
    """q + α (r + γ q − q) in floats, against rationals, where it falls between two points."""
    grid, step = Grid(-30, 0, points), Fraction(30, points - 1)
    k = np.arange(points)
    v = grid.values(k)
    halves = 0
    for alpha, reward in itertools.product((0.5, 1.0), (-1, -3, 0, -2)):
        found = grid.project(v + alpha * (reward + 0.5 * v - v))[0][:, 0]
        places = [
            (q + Fraction(alpha) * (reward - q / 2) + 30) / step
            for q in (-30 + j * step for j in k)
        ]
        halves += sum(place.denominator == 2 for place in places)
        wanted = [min(max((p + Fraction(1, 2)).__floor__(), 0), points - 1) for p in places]
        assert found.tolist() == wanted
    assert halves > 50


@pytest.mark.parametrize(
    ("update", "starts", "says"),
    [
        (lambda th, *event: np.zeros(2), [0], "hashable"),
        (lambda th, *event: ([0],), [0], "hashable parameters .* after actions"),
        (lambda th, *event: [0, 1], [0], r"list of pairs .* it returned \[0, 1\]"),
        (lambda th, *event: [(0, np.nan)], [0], "sum to 1"),
        (lambda th, *event: th, [[0]], "starts must give hashable"),
        (lambda th, *event: th, 0, "starts must be a list of at least one parameter; it was 0"),
        (lambda th, *event: th, np.arange(2), "starts must be a list"),
    ],
)
def test_functions_that_return_no_parameters(update, starts, says):
    learner = FunctionLearner(lambda th, s: [0.5, 0.5], update, starts)
    with pytest.raises(InputError, match=says):
        explore(matching_pennies(), {1: learner})


@pytest.mark.parametrize(
    ("game", "learners", "says"),
    [
        (
            None,
            {1: best_response()},
            "game must be a StochasticGame or a MatrixGame; it was a NoneT",
        ),
        (matching_pennies(), [best_response()], "learners must be a dict"),
        (matching_pennies(), {1: "q-learning"}, "seat 1 had 'q-learning'"),
        (matching_pennies(), {1: QLearning}, "hold learners, such as"),
    ],
)
def test_what_is_no_game_and_no_learner(game, learners, says):
    with pytest.raises(InputError, match=says):
        explore(game, learners)
