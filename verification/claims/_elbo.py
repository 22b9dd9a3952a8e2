"""Lower bounds as numbers, over any arithmetic: the vocabulary of the ``elbo_*`` claims.

A :class:`Walk` is a graph laid out over its trajectories: draws (p, q) in order, each a table with
one axis for every variable (length 1 where it does not depend on it), and the weight of every step:

    P(τ, O=1) = Π p · exp Σ_t w_t          q(τ) = Π q
    objective = E_q Σ_t γ^t (w_t − Σ log q/p)      the lower bound for γ = 1

Units are the report's: w = βR or a Q. In an instance the last axis of a distribution sums to one.
BATCH adds one last axis. The same graphs on floats, with their solvers: tabular_marl.inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add, mul

import numpy as np

from tabular_marl.inference.trajectories import lay
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._rommeo import log_ratio

#: A draw: (variable's prior p, its variational q, the step it belongs to)
Draw = tuple[Numbers, Numbers, int]
#: The same before it is laid out: the axes of p and q come first
Named = tuple[tuple[str, ...], Numbers, Numbers, int]


@dataclass(frozen=True)
class Walk:
    """Draws and weights over the variables ``names``; see the module's docstring."""

    arithmetic: Arithmetic
    names: tuple[str, ...]
    draws: tuple[Draw, ...]
    weights: tuple[Numbers, ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of a trajectory."""
        return tuple(range(len(self.names)))

    @property
    def joint(self) -> Numbers:
        """P(τ, O=1)."""
        prior = reduce(mul, (p for p, _, _ in self.draws))
        return prior * self.arithmetic.exp(reduce(add, self.weights))

    @property
    def q(self) -> Numbers:
        """q(τ)."""
        return reduce(mul, (q for _, q, _ in self.draws))

    @property
    def log_evidence(self) -> Numbers:
        """log P(O=1)."""
        return self.arithmetic.log(self.joint.sum(axis=self.axes))

    @property
    def divergence(self) -> Numbers:
        """KL(q ‖ P(τ|O=1))."""
        joint = self.joint
        posterior = joint / joint.sum(axis=self.axes)
        return (self.q * log_ratio(self.q, posterior, self.arithmetic)).sum(axis=self.axes)

    def objective(self, gamma: Numbers = 1, start: int = 0) -> Numbers:
        """E_q Σ_{t >= start} γ^t (w_t − Σ log q/p)."""
        total, factor = 0 * self.q, self.arithmetic.number(1)
        for t, weight in enumerate(self.weights):
            if t >= start:
                cost = [log_ratio(q, p, self.arithmetic) for p, q, at in self.draws if at == t]
                total = total + factor * (weight - reduce(add, cost))
            factor = factor * gamma
        return (self.q * total).sum(axis=self.axes)


def walk(
    arithmetic: Arithmetic,
    names: Sequence[str],
    draws: Sequence[Named],
    weights: Sequence[tuple[Sequence[str], Numbers]],
) -> Walk:
    """From tables with the axes that they name."""
    laid = tuple((lay(p, axes, names), lay(q, axes, names), t) for axes, p, q, t in draws)
    return Walk(arithmetic, tuple(names), laid, tuple(lay(w, axes, names) for axes, w in weights))


def surviving(of: Walk, gamma: Numbers) -> Walk:
    """The walk that goes on with probability γ after each step; once over, w = 0 and q = p."""
    steps, first = len(of.weights), len(of.names)

    def wide(table: Numbers) -> Numbers:
        for _ in range(steps - 1):
            table = np.expand_dims(table, first)
        return table

    def along(values: Sequence[Numbers], t: int) -> Numbers:
        """[over, on] of step t >= 1 along its own axis."""
        pair = np.stack([np.asarray(v) for v in values])
        return lay(pair, [f"on{t}"], names)

    names = (*of.names, *(f"on{t}" for t in range(1, steps)))
    zero = 0 * gamma
    one = zero + 1
    on = [one, *(along([zero, one], t) for t in range(1, steps))]
    draws = [(wide(p), on[t] * wide(q) + (1 - on[t]) * wide(p), t) for p, q, t in of.draws]
    for t in range(1, steps):
        goes = on[t - 1] * along([1 - gamma, gamma], t) + (1 - on[t - 1]) * along([one, zero], t)
        draws.append((goes, goes, t - 1))
    weights = tuple(on[t] * wide(w) for t, w in enumerate(of.weights))
    return Walk(of.arithmetic, names, tuple(draws), weights)


# -- the report's graphs ------------------------------------------------------------------------


def em_walk(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    agent: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Walk:
    """(88), (94), (98): s uniform, b, a; q [S, A, B] or [S, 1, B], policies [S, B, A] and [S, B].
    Whoever is kept has his prior for policy."""
    even = opponent_prior[:, 0] * 0 + arithmetic.number(Fraction(1, len(opponent_prior)))
    draws: list[Named] = [
        (("s",), even, even, 0),
        (("s", "b"), opponent_prior, opponent, 0),
        (("s", "b", "a"), agent_prior, agent, 0),
    ]
    return walk(arithmetic, ("s", "b", "a"), draws, [(("s", "a", "b"), q)])


def options_walk(
    arithmetic: Arithmetic,
    initial: Numbers,
    first: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    priors: Sequence[Numbers],
    policies: Sequence[Sequence[Numbers]],
) -> Walk:
    """(69), (70), (71): ``initial`` P(s_0), ``first`` P(z_{-1}); reward [S, A], transition
    [S, A, S]; priors (low [S, M, A], master [S, M], stop [S, M, 2]), policies the same a step."""
    names, weights = ["s0", "z-1"], []
    draws: list[Named] = [(("s0",), initial, initial, 0), (("z-1",), first, first, 0)]
    low, choose, stop = priors
    for t, (pi, pi_h, pi_t) in enumerate(zip(*policies, strict=True)):
        s, z, old, b, a = f"s{t}", f"z{t}", f"z{t - 1}", f"b{t}", f"a{t}"
        if t:
            names.append(s)
            draws.append(((f"s{t - 1}", f"a{t - 1}", s), transition, transition, t - 1))
        names += [b, z, a]
        draws.append(((s, old, b), stop, pi_t, t))
        draws.append(((s, old, b, z), master(choose), master(pi_h), t))
        draws.append(((s, z, a), low, pi, t))
        weights.append(((s, a), beta * reward))
    return walk(arithmetic, names, draws, weights)


def options_solution(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    priors: Sequence[Numbers],
    steps: int,
) -> list[list[Numbers]]:
    """(73)-(75) with 1/m inside the logarithm, by backward induction: three policies a step."""
    low, choose, stop = priors
    found: list[tuple[Numbers, Numbers, Numbers]] = []
    ahead: Numbers = None
    for _ in range(steps):
        q = beta * reward[:, None] + 0 * low  # [S, M, A]
        if ahead is not None:  # E[U(s', z)]
            moved = transition[:, None] * np.swapaxes(ahead, 0, 1)[None, :, None]
            q = q + moved.sum(axis=3)
        value = free_energy(q, low, 1, 2, arithmetic)
        chosen = free_energy(value, choose, 1, 1, arithmetic)
        both = np.stack([value, chosen[:, None] + 0 * value], axis=2)
        ahead = free_energy(both, stop, 1, 2, arithmetic)
        found.append(
            (
                tilt(q, low, 1, 2, arithmetic),
                tilt(value, choose, 1, 1, arithmetic),
                tilt(both, stop, 1, 2, arithmetic),
            )
        )
    return [list(policy) for policy in zip(*found[::-1], strict=True)]


TWO = ("stop_y", "y", "b", "stop", "z", "a")
#: the axes of the six policies of (82)-(85), each along its own variable last
SIX = {
    "stop_y": ("s", "z_", "y_", "stop_y"),
    "y": ("s", "z_", "y"),
    "b": ("s", "z_", "y", "b"),
    "stop": ("s", "z_", "b", "y", "stop"),
    "z": ("s", "b", "y", "z"),
    "a": ("s", "b", "z", "y", "a"),
}


def two_agents_walk(
    arithmetic: Arithmetic,
    starts: Sequence[Numbers],
    reward: Numbers,
    beta: Numbers,
    priors: Sequence[Numbers],
    policies: Sequence[Numbers],
) -> Walk:
    """One step of (77), (79), (81): starts P(s_0), P(z_{-1}), P(y_{-1}); reward [S, A, B]; priors
    and policies in the order TWO, with the axes SIX."""
    names = ("s", "z_", "y_", *TWO)
    draws: list[Named] = [((name,), p, p, 0) for name, p in zip(names, starts, strict=False)]
    for name, p, q in zip(TWO, priors, policies, strict=True):
        axes = SIX[name]
        if name == "y":  # [S, M, N] -> [s, z_, y_, stop_y, y]
            axes, p, q = ("s", "z_", "y_", "stop_y", "y"), master(p, 2), master(q, 2)
        if name == "z":  # [S, B, N, M] -> [s, b, y, z_, stop, z]
            axes, p, q = ("s", "b", "y", "z_", "stop", "z"), master(p, 3), master(q, 3)
        draws.append((axes, p, q, 0))
    return walk(arithmetic, names, draws, [(("s", "a", "b"), beta * reward)])


def two_agents_solution(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, priors: Sequence[Numbers]
) -> list[Numbers]:
    """(82)-(85) at the last step, with their logarithms: six policies in the order TWO."""
    stop_y, y, b, stop, z, a = priors

    def soft(x: Numbers, prior: Numbers, axis: int) -> tuple[Numbers, Numbers]:
        x = x + 0 * prior
        return free_energy(x, prior, 1, axis, arithmetic), tilt(x, prior, 1, axis, arithmetic)

    q = np.swapaxes(beta * reward, 1, 2)[:, :, None, None]  # [s, b, z, y, a]
    q_h, pi = soft(q, a, 4)
    q_h = np.swapaxes(q_h, 2, 3)  # [s, b, y, z]
    chosen, pi_h = soft(q_h, z, 3)
    kept = np.moveaxis(q_h, 3, 1)  # [s, z_, b, y]
    after, pi_t = soft(np.stack([kept, chosen[:, None] + 0 * kept], axis=4), stop, 4)
    ahead, rho = soft(np.swapaxes(after, 2, 3), b, 3)  # [s, z_, y]
    switched, rho_h = soft(ahead, y, 2)
    _, rho_t = soft(np.stack([ahead, switched[:, :, None] + 0 * ahead], axis=3), stop_y, 3)
    return [rho_t, rho_h, rho, pi_t, pi_h, pi]


def master(choose: Numbers, own: int = 1) -> Numbers:
    """(71): (1 − b) δ(z, z_) + b q(z): the axes z_, b are put before z, which is ``own``."""
    choose = np.moveaxis(choose, own, 0)  # [z, …]
    zero, one = 0 * choose[0], 0 * choose[0] + 1
    size = len(choose)
    rows = [
        np.stack([np.stack([one if z == old else zero for z in range(size)]), choose])
        for old in range(size)
    ]
    table = np.stack(rows)  # [z_, b, z, …]
    return np.moveaxis(table, (0, 1, 2), (own, own + 1, own + 2))


def cyclic(arithmetic: Arithmetic, reward: Numbers) -> Numbers:
    """Deterministic transitions [S, A, S] to the state s + a + 1 mod S, like reward [S, A]."""
    states, actions = reward.shape[:2]
    zero, one = 0 * reward[0, 0], 0 * reward[0, 0] + 1
    rows = [
        [
            [one if (s + a + 1) % states == t else zero for t in range(states)]
            for a in range(actions)
        ]
        for s in range(states)
    ]
    return np.stack([np.stack([np.stack(row) for row in of]) for of in rows])


def first_only(like: Numbers) -> Numbers:
    """The sure start in the first state (or option) of ``like``."""
    return np.concatenate([0 * like[:1] + 1, 0 * like[1:]], axis=0)
