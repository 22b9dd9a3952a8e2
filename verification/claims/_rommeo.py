"""ROMMEO's formulas over any arithmetic: the vocabulary of the ``rommeo_*`` claims.

    Q(s,b) = log Σ_a P_prior(a|s,b) exp Q(s,a,b)        V(s) = log Σ_b P_prior(b|s) exp Q(s,b)
    π(a|s,b) = P_prior(a|s,b) exp(Q(s,a,b) − Q(s,b))    ρ(b|s) = P_prior(b|s) exp(Q(s,b) − V(s))

and their values under policies that are not optimal,

    Q^π(s,b) = Σ_a π(a|s,b) (Q(s,a,b) − log π/P_prior)
    V^ρ(s) = Σ_b ρ(b|s) (Q(s,b) − log ρ/P_prior)

Units are the report's: u = βR is the reward, Q and V carry the factor β. Shapes: reward, u, Q
[S, A, B]; transition [S, A, B, S]; Q(s,b) [S, B]; V [S]. In an instance the last axis of a
distribution sums to one: agent_prior [S, B, A], opponent_prior [S, B], agent [T+1, S, B, A],
opponent [T+1, S, B], t = 0 … T. Inside :class:`Game` policies lie along Q's axes. BATCH adds one
last axis. Sources: report (1)-(14), (26)-(32), A.1, A.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt


def log_ratio(p: Numbers, q: Numbers, arithmetic: Arithmetic) -> Numbers:
    """log(p/q), and 0 where p = 0 (it only appears multiplied by p)."""
    p, q = np.broadcast_arrays(p, q)
    off, one = arithmetic.zeros(p), arithmetic.number(1)
    return arithmetic.log(np.where(off, one, p) / np.where(off, one, q))  # type: ignore[operator]


def laid(agent: Numbers) -> Numbers:
    """π [S, B, A] of an instance along Q's axes: [S, A, B]."""
    return np.swapaxes(agent, 1, 2)


def laid_stage(agent: Numbers) -> Numbers:
    """π [B, A] of an instance along Q's axes, with the one state: [1, A, B]."""
    return laid(agent[None])


@dataclass(frozen=True)
class Game:
    """A game in the report's units; ``agent_prior`` [S, A, B], ``opponent_prior`` [S, B]."""

    arithmetic: Arithmetic
    u: Numbers
    transition: Numbers
    gamma: Numbers
    agent_prior: Numbers
    opponent_prior: Numbers

    @classmethod
    def of(
        cls,
        arithmetic: Arithmetic,
        reward: Numbers,
        beta: Numbers,
        transition: Numbers = None,
        gamma: Numbers = None,
        agent_prior: Numbers = None,
        opponent_prior: Numbers = None,
    ) -> Game:
        """From an instance; a prior left out is uniform."""
        mu = laid(agent_prior) if agent_prior is not None else uniform(arithmetic, reward, 1)
        nu = opponent_prior
        if nu is None:
            nu = uniform(arithmetic, reward[:, 0], 1)
        return cls(arithmetic, beta * reward, transition, gamma, mu, nu)

    @classmethod
    def stage(
        cls,
        arithmetic: Arithmetic,
        q: Numbers,
        agent_prior: Numbers = None,
        opponent_prior: Numbers = None,
    ) -> Game:
        """One state, one time: q [A, B] already in the report's units, priors [B, A] and [B]."""
        mu = None if agent_prior is None else agent_prior[None]
        nu = None if opponent_prior is None else opponent_prior[None]
        return cls.of(arithmetic, q[None], 1, agent_prior=mu, opponent_prior=nu)

    # -- soft values and the policies that attain them ------------------------------------------

    def agent_soft(self, q: Numbers) -> Numbers:
        """Q(s,b): report (8), (14), (30)."""
        return free_energy(q, self.agent_prior, 1, 1, self.arithmetic)

    def soft(self, q: Numbers) -> Numbers:
        """V(s): report (9), (14), (26)."""
        return free_energy(self.agent_soft(q), self.opponent_prior, 1, 1, self.arithmetic)

    def agent_tilt(self, q: Numbers) -> Numbers:
        """π of report (8), (13), (29)."""
        return tilt(q, self.agent_prior, 1, 1, self.arithmetic)

    def opponent_tilt(self, q_sb: Numbers) -> Numbers:
        """ρ of report (9), (13), (31), from a table over (s, b)."""
        return tilt(q_sb, self.opponent_prior, 1, 1, self.arithmetic)

    # -- values of given policies ---------------------------------------------------------------

    def agent_cost(self, agent: Numbers) -> Numbers:
        """log π/P_prior."""
        return log_ratio(agent, self.agent_prior, self.arithmetic)

    def opponent_cost(self, opponent: Numbers) -> Numbers:
        """log ρ/P_prior."""
        return log_ratio(opponent, self.opponent_prior, self.arithmetic)

    def agent_value(self, q: Numbers, agent: Numbers) -> Numbers:
        """Q^π(s,b) = E_π[Q − log π/P_prior]."""
        return (agent * (q - self.agent_cost(agent))).sum(axis=1)

    def opponent_value(self, q_sb: Numbers, opponent: Numbers) -> Numbers:
        """E_ρ[Q(s,b) − log ρ/P_prior]."""
        return (opponent * (q_sb - self.opponent_cost(opponent))).sum(axis=1)

    def value(self, q: Numbers, agent: Numbers, opponent: Numbers) -> Numbers:
        """E_{π,ρ}[Q − log π/P_prior − log ρ/P_prior]: report (7), (12)."""
        return self.opponent_value(self.agent_value(q, agent), opponent)

    # -- time -----------------------------------------------------------------------------------

    def backup(self, value: Numbers) -> Numbers:
        """u + γ E[V(s')]."""
        return self.u + self.gamma * (self.transition * value).sum(axis=3)

    def evaluate(self, agent: Sequence[Numbers], opponent: Sequence[Numbers]) -> list[Numbers]:
        """[Q_0, …, Q_T] of policies given at t = 0 … T: Q_T = u, Q_n = u + γ E[V^{π,ρ}_{n+1}]."""
        table = [self.u]
        for policy, model in zip(agent[:0:-1], opponent[:0:-1], strict=True):
            table.append(self.backup(self.value(table[-1], policy, model)))
        return table[::-1]

    def evaluated(self, gains: Numbers, agent: Numbers, opponent: Numbers) -> Numbers:
        """u + γ E V of stationary policies, T = ∞: V = gains + γ P_{π,ρ} V, solved."""
        step = ((agent * opponent[:, None])[:, :, :, None] * self.transition).sum(axis=(1, 2))
        matrix = -self.gamma * step
        for k in range(len(matrix)):
            matrix[k, k] = matrix[k, k] + 1
        return self.backup(self.arithmetic.solve(matrix, gains))

    def stationary(self, agent: Numbers, opponent: Numbers) -> Numbers:
        """Q^{π,ρ} of stationary policies, T = ∞."""
        return self.evaluated(self.value(self.u, agent, opponent), agent, opponent)

    def optimise(self, times: int) -> list[Numbers]:
        """[Q*_0, …, Q*_T], T + 1 = times, by backward induction: report (14) with V_{T+1} = 0."""
        table = [self.u]
        for _ in range(times - 1):
            table.append(self.backup(self.soft(table[-1])))
        return table[::-1]

    def objective(
        self, initial: Numbers, agent: Sequence[Numbers], opponent: Sequence[Numbers]
    ) -> Numbers:
        """Report (6): E Σ_t γ^t (βR − log π/P_prior − log ρ/P_prior)."""
        first = self.evaluate(agent, opponent)[0]
        return (initial * self.value(first, agent[0], opponent[0])).sum(axis=0)

    def tilts(self, table: Sequence[Numbers]) -> tuple[list[Numbers], list[Numbers]]:
        """π and ρ of report (13) for Q_0 … Q_T."""
        agent = [self.agent_tilt(q) for q in table]
        return agent, [self.opponent_tilt(self.agent_soft(q)) for q in table]


def inside(game: Game, q: Numbers) -> Numbers:
    """V of (26) as printed: log Σ_b P_prior(b|s) Σ_a exp(Q P_prior(a|s,b))."""
    exp, log = game.arithmetic.exp, game.arithmetic.log
    return log((game.opponent_prior * exp(q * game.agent_prior).sum(axis=1)).sum(axis=1))


def expected(game: Game, value: Numbers) -> Numbers:
    """E[V(s')] of (s, a, b)."""
    return (game.transition * value).sum(axis=3)


def uniform(arithmetic: Arithmetic, like: Numbers, axis: int) -> Numbers:
    """Uniform probabilities along ``axis``, of the same shape."""
    return np.broadcast_to(np.asarray(arithmetic.number(Fraction(1, like.shape[axis]))), like.shape)


def policies(agent: Numbers) -> list[Numbers]:
    """agent [T+1, S, B, A] of an instance as a list of [S, A, B]."""
    return [laid(policy) for policy in agent]


def summed(
    game: Game, agent: Sequence[Numbers], opponent: Sequence[Numbers], extra: int = 0
) -> Numbers:
    """βR_0 + E Σ_{t>=1} γ^{t+extra} (βR_t − …) by walking forward from every (s_0, a_0, b_0)."""
    out, weight = game.u, game.gamma**extra
    law = game.transition
    for pi, rho in zip(agent[1:], opponent[1:], strict=True):
        weight = weight * game.gamma
        out = out + weight * (law * game.value(game.u, pi, rho)).sum(axis=3)
        step = ((pi * rho[:, None])[:, :, :, None] * game.transition).sum(axis=(1, 2))
        law = (law[:, :, :, :, None] * step).sum(axis=3)
    return out


# -- readings of Q^{π_s,ρ}(s,b) in (31) ------------------------------------------------------------

Reading = Callable[[Game, Numbers, Numbers], Numbers]


def by_normaliser(game: Game, q: Numbers, agent: Numbers) -> Numbers:
    """Q(s,b) by (30)."""
    return game.agent_soft(q)


def by_expectation(game: Game, q: Numbers, agent: Numbers) -> Numbers:
    """Q(s,b) as E_π[Q(s,a,b)]."""
    return (agent * q).sum(axis=1)


def by_value(game: Game, q: Numbers, agent: Numbers) -> Numbers:
    """Q(s,b) as E_π[Q(s,a,b) − log π/P_prior]."""
    return game.agent_value(q, agent)


# -- trajectories -------------------------------------------------------------------------------


def paths(initial: Numbers, steps: Sequence[Numbers]) -> Numbers:
    """P(s_0) Π_t step_t[s_t, a_t, b_t, s_{t+1}]: one axis for each of s_0, a_0, b_0, s_1, …"""
    table = initial
    for k, step in enumerate(steps):
        table = table[(slice(None),) * (3 * k + 1) + (None,) * 3] * step[(None,) * (3 * k)]
    return table


def every(count: int) -> tuple[int, ...]:
    """The axes of trajectories of ``count`` steps."""
    return tuple(range(3 * count + 1))


def model(game: Game, initial: Numbers, count: int) -> Numbers:
    """(2) with (3): P(τ, O=1 | O^-i=1) of every trajectory."""
    optimality = game.arithmetic.exp(game.u)
    choice = game.agent_prior * game.opponent_prior[:, None]
    step = (choice * optimality)[:, :, :, None] * game.transition
    return paths(initial, [step] * count)


def variational(
    game: Game, initial: Numbers, agent: Sequence[Numbers], opponent: Sequence[Numbers]
) -> Numbers:
    """(4): q(τ) of every trajectory."""
    steps = [
        (pi * rho[:, None])[:, :, :, None] * game.transition
        for pi, rho in zip(agent, opponent, strict=True)
    ]
    return paths(initial, steps)


def tally(like: Numbers, terms: Sequence[Numbers]) -> Numbers:
    """Σ_t term_t[s_t, a_t, b_t] of every trajectory, in the shape of the table ``like``."""
    total = 0 * like
    for k, term in enumerate(terms):
        after = (None,) * (3 * (len(terms) - k) - 2)
        total = total + term[(None,) * (3 * k) + (slice(None),) * 3 + after]
    return total


def divergence(
    game: Game, initial: Numbers, agent: Sequence[Numbers], opponent: Sequence[Numbers]
) -> tuple[Numbers, Numbers]:
    """(KL(q ‖ P(τ|O=1)), log P(O=1)) by enumeration."""
    q = variational(game, initial, agent, opponent)
    joint = model(game, initial, len(agent))
    axes = every(len(agent))
    evidence = joint.sum(axis=axes)
    value = (q * log_ratio(q, joint, game.arithmetic)).sum(axis=axes)
    return value + game.arithmetic.log(evidence), game.arithmetic.log(evidence)
