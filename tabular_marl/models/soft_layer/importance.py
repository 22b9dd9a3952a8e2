"""Soft values from samples: the exact expectation of a log of K importance-weighted exponentials.

    V̂_K = (1/β) log (1/K) Σ_k exp(β x(a_k)) p(a_k)/q(a_k),    a_1 … a_K i.i.d. from q    report (62)
    V̂_K − F_β[p](x) = (1/β) log (1/K) Σ_k u(a_k),             u = tilt_β[p](x) / q,  E_q u = 1

A logarithm is concave, so V̂_K is too low in the mean for β > 0 and too high for β < 0, less so with
every further sample, and unbiased only for q = tilt. With m = min u and the central moments σ², μ₃,
μ₄ of u under q (σ² is the χ² divergence of the tilt from q),

    −β E[V̂_K − F] = σ²/(2K) − μ₃/(3K²) + r,    0 ≤ r ≤ (μ₄ + 3(K−1)σ⁴) / (4 m K³)

for every K. The expectations here are exact sums over the multinomial counts of the K samples.
(65) nests two such estimates; there the sign is settled only for 0 < β^-i/β^i ≤ 1. A proposal must
have the prior's support: without an outcome of it V̂ is wrong at K = ∞ too, with one outside it V̂
is infinite with positive probability.

Shapes: x, prior, proposal [..., a] with actions last. Units: reward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from tabular_marl.models.soft_q import soft_q
from tabular_marl.models.solve import Game, two_player
from tabular_marl.numerics.free_energy import free_energy, free_energy_and_tilt
from tabular_marl.solution import Array
from tabular_marl.validation import (
    InputError,
    finite_array,
    inverse_temperature,
    probability_rows,
)

#: The most multinomial counts that are enumerated.
MOST = 1_000_000


@dataclass(frozen=True)
class SampledFreeEnergy:
    """``value`` is exact, ``expected`` is what the estimate is in the mean."""

    value: Array
    expected: Array

    @property
    def bias(self) -> Array:
        """E[V̂] − V."""
        return self.expected - self.value


@dataclass(frozen=True)
class BiasBounds:
    """Proved bounds on the bias, and −χ²(tilt ‖ q)/(2βK), what it tends to."""

    lower: Array
    upper: Array
    first_order: Array


def sampled_free_energy(
    x: ArrayLike,
    beta: float,
    samples: int,
    prior: ArrayLike | None = None,
    proposal: ArrayLike | None = None,
) -> SampledFreeEnergy:
    """F_β[p](x) and E[V̂_K], K = ``samples``, along the last axis of ``x``.

    ``beta`` finite and not 0; ``prior`` uniform by default, ``proposal`` q the prior, each [a] or
    of the shape of x. Raises InputError, also where there are more than MOST outcomes to sum.
    Source: report (62).

    >>> float(sampled_free_energy([0.0, 1.0], beta=1.0, samples=1).expected)
    0.5
    >>> float(sampled_free_energy([0.0, 1.0], beta=-2.0, samples=4).bias.round(6))
    0.046694
    """
    given = _Estimate.of(x, beta, samples, prior, proposal)
    expected = given.expectation(given.x)[0]
    return SampledFreeEnergy(
        free_energy(given.x, given.beta, given.prior), expected.reshape(given.x.shape[:-1])
    )


def sampled_bias_bounds(
    x: ArrayLike,
    beta: float,
    samples: int,
    prior: ArrayLike | None = None,
    proposal: ArrayLike | None = None,
) -> BiasBounds:
    """Bounds on E[V̂_K] − F for any K, from the moments of u. Arguments and errors as above.

    >>> found = sampled_bias_bounds([0.0, 1.0], beta=1.0, samples=1000)
    >>> print(f"{found.lower:.4e} {found.upper:.4e} {found.first_order:.4e}")
    -1.0684e-04 -1.0678e-04 -1.0678e-04
    """
    given = _Estimate.of(x, beta, samples, prior, proposal)
    count, q = given.samples, given.proposal
    tilted = free_energy_and_tilt(given.x, given.beta, given.prior)[1]
    u = np.divide(tilted, q, out=np.ones_like(tilted), where=q > 0)
    second, third, fourth = ((q * (u - 1) ** k).sum(axis=-1) for k in (2, 3, 4))
    first = second / (2 * count)
    least = first - third / (3 * count**2)
    most = least + (fourth + 3 * (count - 1) * second**2) / (4 * u.min(axis=-1) * count**3)
    ends = np.sort(np.stack([-least / given.beta, -most / given.beta]), axis=0)
    return BiasBounds(ends[0], ends[1], -first / given.beta)


def sampled_balancing_value(
    q: ArrayLike,
    beta_agent: float,
    beta_opponent: float,
    samples: tuple[int, int],
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    agent_proposal: ArrayLike | None = None,
    opponent_proposal: ArrayLike | None = None,
) -> SampledFreeEnergy:
    """The value (65) of one state's Q[a, b], and its mean with samples (K_a, K_b).

    The K_a actions of the agent are drawn once and serve every b. Value: the opponent's view of
    Balancing-Q. Raises InputError. Source: report (65), (21).

    >>> float(sampled_balancing_value([[1.0, 0.0], [0.0, 1.0]], 1.0, -1.0, (2, 2)).bias.round(6))
    -0.090086
    """
    table = finite_array("q", q, (None, None))
    inner = _Estimate.of(table.T, beta_agent, samples[0], agent_prior, agent_proposal)
    sampled = inner.estimates(inner.x)  # [b, counts of a]
    outer = _Estimate.of(sampled.T, beta_opponent, samples[1], opponent_prior, opponent_proposal)
    means = outer.expectation(outer.x)[0]
    exact = free_energy(inner.x, inner.beta, inner.prior)
    return SampledFreeEnergy(
        free_energy(exact, outer.beta, outer.prior[0]), np.asarray(inner.chance[0] @ means)
    )


def sampled_soft_q(
    game: Game,
    beta: float,
    samples: int,
    prior: ArrayLike | None = None,
    proposal: ArrayLike | None = None,
    discount: float | None = None,
) -> SampledFreeEnergy:
    """V of soft Q-learning, and the V it learns where (62) has K samples; [s], (a, b) one action.

    (63) averages its targets, so it solves V = E[V̂_K](R + γ E V): each sample's V̂ is monotone and
    shift-equivariant, their mean is, and so this is a γ-contraction too. Its bias is that of one
    state up to 1/(1 − γ) times. ``prior``, ``proposal`` [(a, b)] or [s, (a, b)], flat. Raises
    InputError. Source: report (58), (62), (63).

    >>> import tabular_marl as tm
    >>> game = tm.StochasticGame([[[[1.0]], [[1.0]]]], [[[0.0], [1.0]]], discount=0.9)
    >>> sampled_soft_q(game, beta=1.0, samples=1).expected.round(6)
    array([5.])
    """
    seen = two_player(game, discount)
    size, gamma = seen.num_states, seen.discount
    reward = seen.reward.reshape(size, -1)
    rows = seen.transition_rows
    law = (rows.toarray() if seen.is_sparse else rows).reshape(size, -1, size)
    given = _Estimate.of(reward, beta, samples, prior, proposal)
    shaped = given.prior.reshape(seen.reward.shape)
    exact = soft_q(seen, given.beta, shaped).value
    value = exact.copy()
    for _ in range(100):
        backup, weights = given.expectation(reward + gamma * (law @ value))
        move = backup - value
        if np.abs(move).max() <= 1e-13 * (1 + np.abs(value).max()):
            break
        chain = np.einsum("sa,sat->st", weights, law)
        value = value + np.linalg.solve(np.eye(size) - gamma * chain, move)
    return SampledFreeEnergy(exact, value)


@dataclass(frozen=True, eq=False)
class _Estimate:
    """K samples of the last axis of x; rows are the other axes, flat."""

    x: Array
    beta: float
    samples: int
    prior: Array
    proposal: Array

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        beta: float,
        samples: int,
        prior: ArrayLike | None,
        proposal: ArrayLike | None,
    ) -> _Estimate:
        values = finite_array("x", x)
        if values.ndim == 0 or values.shape[-1] == 0:
            raise InputError("x", "have at least one outcome", f"it had shape {values.shape}")
        number = inverse_temperature("beta", beta)
        if not 0 < abs(number) < np.inf:
            raise InputError("beta", "be finite and not 0", f"it was {number}")
        if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
            raise InputError("samples", "be an integer of at least 1", f"it was {samples!r}")
        p = _rows("prior", prior, values, np.full(values.shape, 1.0 / values.shape[-1]))
        q = _rows("proposal", proposal, values, p)
        if ((p > 0) != (q > 0)).any():
            raise InputError("proposal", "have the support of the prior", f"it was {proposal!r}")
        return cls(values, number, samples, p, q)

    @cached_property
    def counts(self) -> Array:
        """Every way the samples can fall on the outcomes, [n, a]."""
        return _counts(self.samples, self.x.shape[-1])

    @cached_property
    def chance(self) -> Array:
        """The probability of each of those ways, [rows, n]."""
        return _chances(self.counts, self.proposal.reshape(-1, self.x.shape[-1]))

    def _logs(self, x: Array) -> tuple[Array, Array]:
        """The weights exp(β x) p/q of rows [rows, a], and the log of what scales them."""
        safe = np.where(self.proposal > 0, self.proposal, 1.0)
        ratio = np.where(self.proposal > 0, self.prior / safe, 0.0)
        with np.errstate(divide="ignore"):
            logs = (self.beta * x + np.log(ratio)).reshape(-1, x.shape[-1])
        top = logs.max(axis=1, keepdims=True)
        return np.exp(logs - top), top

    def estimates(self, x: Array) -> Array:
        """V̂ at every count, [rows, n]; 0 where the count cannot occur."""
        weights, top = self._logs(x)
        means = weights @ self.counts.T / self.samples
        return (np.log(np.where(means > 0, means, 1.0)) + top) / self.beta

    def expectation(self, x: Array) -> tuple[Array, Array]:
        """E[V̂] [rows], and its gradient E[tilt of the sample] [rows, a]."""
        weights, _ = self._logs(x)
        totals = weights @ self.counts.T
        share = self.chance / np.where(totals > 0, totals, 1.0)
        return (self.chance * self.estimates(x)).sum(axis=1), weights * (share @ self.counts)


def _rows(argument: str, given: ArrayLike | None, x: Array, default: Array) -> Array:
    if given is None:
        return default
    shape = x.shape if np.ndim(given) > 1 else x.shape[-1:]
    return np.broadcast_to(probability_rows(argument, given, shape), x.shape)


def _counts(samples: int, outcomes: int) -> Array:
    """Every way K samples can fall on the outcomes, [n, a]."""
    if (number := math.comb(samples + outcomes - 1, outcomes - 1)) > MOST:
        raise InputError(
            "samples",
            f"leave at most {MOST} counts to sum (sampled_bias_bounds has no limit)",
            f"{samples} samples of {outcomes} outcomes have {number}",
        )
    counts = np.zeros((1, 0), dtype=int)
    for _ in range(outcomes - 1):
        left = samples - counts.sum(axis=1)
        repeated = np.repeat(counts, left + 1, axis=0)
        column = np.concatenate([np.arange(n + 1) for n in left])
        counts = np.column_stack([repeated, column])
    return np.column_stack([counts, samples - counts.sum(axis=1)]).astype(float)


def _chances(counts: Array, proposal: Array) -> Array:
    """The multinomial probability of each count, [rows, n]."""
    ways = gammaln(counts.sum(axis=1) + 1) - gammaln(counts + 1).sum(axis=1)
    off = proposal == 0
    logs = ways + np.where(off, 0.0, np.log(np.where(off, 1.0, proposal))) @ counts.T
    possible = (off.astype(float) @ counts.T) == 0
    chance = np.where(possible, np.exp(logs), 0.0)
    return np.asarray(chance / chance.sum(axis=1, keepdims=True))
