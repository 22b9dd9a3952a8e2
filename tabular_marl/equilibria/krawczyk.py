"""Proof that a logit equilibrium exists and is locally unique: Krawczyk's theorem in balls.

    K(X) = x − Y H(x) + (I − Y J(X)) (X − x),        H(y, V) = 0 as in kernels/logit.py

If K(X) lies inside the interior of the box X around x, then H has exactly one zero in X, and it
lies in K(X); Y is any matrix (here a float inverse of J(x)). The game is the one stored: float64
rewards, transitions, discount and λ w_i taken exactly, priors as p / Σp.

The float solution is only a candidate. x is improved in balls (x ← x − Y H(x)) until the bits are
used up, so 128 bits give some 30 digits. The work grows with (S·(ΣA_i − n) + m·S)³.
Trusted: python-flint and this file, which evaluates H and J anew. It imports flint: import lazily.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from tabular_marl.equilibria.system import LogitSystem
from tabular_marl.numerics.balls import CertificateError, outward
from tabular_marl.validation import InputError, read_only

Array = NDArray[np.float64]
Balls = Any

_ball = np.frompyfunc(arb, 1, 1)
_middle = np.frompyfunc(lambda b: b.mid(), 1, 1)
_below = np.frompyfunc(lambda b: outward(b.lower(), -np.inf), 1, 1)
_above = np.frompyfunc(lambda b: outward(b.upper(), np.inf), 1, 1)
#: More unknowns than this take minutes.
MOST_UNKNOWNS = 600


@dataclass(frozen=True)
class EquilibriumEnclosure:
    """Proved: exactly one logit equilibrium with log-odds and values in a box around the candidate.

    ``policies[i]`` [2, s, a_i] and ``values`` [2, n, s] are its lower and upper bounds, rounded
    outwards; ``digits`` are the first player's policy in the first state, as balls, and
    ``value_midpoint``, ``value_radius`` its values in every state, all as decimal strings.
    """

    policies: tuple[Array, ...]
    values: Array
    digits: tuple[str, ...]
    value_midpoint: tuple[str, ...]
    value_radius: tuple[str, ...]
    bits: int
    seconds: float
    method: str = "Krawczyk: K(X) in the interior of X, so one zero in X"

    @property
    def width(self) -> float:
        """The largest upper − lower among policies and values."""
        bounds = (*self.policies, self.values)
        return max(float((b[1] - b[0]).max()) for b in bounds)


def certify(
    system: LogitSystem, scale: float, log_odds: Array, values: Array, bits: int = 128
) -> EquilibriumEnclosure:
    """Prove an equilibrium at λ = ``scale`` near the candidate (y [S, D], V [m, S], kernel order).

    Raises CertificateError where the proof fails (a candidate too rough, or J near singular, as at
    folds), InputError for more than ``MOST_UNKNOWNS`` unknowns.
    """
    started = time.perf_counter()
    size = log_odds.size + values.size
    if size > MOST_UNKNOWNS:
        raise InputError("game", f"have at most {MOST_UNKNOWNS} unknowns", f"it had {size}")
    with ctx.workprec(bits):
        equations = _Equations(system, scale)
        x: Balls = _ball(np.concatenate([log_odds.ravel(), values.ravel()]))
        jacobian = equations.jacobian(x).astype(np.float64)
        try:
            inverse = np.linalg.inv(jacobian)
        except np.linalg.LinAlgError:
            raise CertificateError("the Jacobian at the candidate is singular") from None
        if not np.isfinite(inverse).all():
            raise CertificateError("the Jacobian at the candidate is singular")
        left = _matrix(_ball(inverse))
        for _ in range(2 + bits // 20):
            step = _times(left, equations(x))
            x = _middle(x - step)
            if max(abs(float(d)) for d in step) < 2.0 ** (4 - bits):
                break
        step = _times(left, equations(x))
        unit = arb(2) ** (-bits)
        radius = np.array([2 * d.abs_upper() + unit for d in step], dtype=object)
        for _ in range(8):
            box = x + _zero_balls(radius)
            matrix = _matrix(equations.jacobian(box))
            rest = _identity_minus(left * matrix)
            change = _times(rest, _zero_balls(radius)) - step
            if all(c.abs_upper() < r for c, r in zip(change, radius, strict=True)):
                return equations.enclosure(x + change, bits, started)
            radius = np.array([4 * r for r in radius], dtype=object)
    raise CertificateError("K(X) is not inside X: no equilibrium proved near the candidate")


class _Equations:
    """H and its Jacobian over object arrays of balls."""

    def __init__(self, system: LogitSystem, scale: float) -> None:
        self._system = system
        reward, transition, discount, prior, counts, owner, weights, cost, _ = system.arrays
        self.counts = tuple(counts.tolist())
        self.m, self.states = reward.shape[:2]
        shape = (self.m, self.states, *self.counts)
        self.reward: Balls = _ball(reward).reshape(shape)
        self.discount = arb(discount)
        self.coupled = discount > 0
        if self.coupled:
            self.transition: Balls = _ball(transition).reshape(
                self.states, *self.counts, self.states
            )
        raw: Balls = _ball(prior)
        self.prior = []
        at = 0
        for count in self.counts:
            part = raw[:, at : at + count]
            self.prior.append(part / part.sum(axis=1, keepdims=True))
            at += count
        self.support = np.split(prior > 0, np.cumsum(self.counts)[:-1], axis=1)
        self.owner = owner.tolist()
        self.scale = arb(scale)
        self.weights = [arb(w) * self.scale for w in weights.tolist()]
        given = system.evaluation == "regularised" and scale != 0
        self.cost = [
            [
                1 / self.weights[i] if given and cost[k, i] != 0 else arb(0)
                for i in range(len(self.counts))
            ]
            for k in range(self.m)
        ]

    def unpack(self, x: Balls) -> tuple[Balls, Balls]:
        size = sum(self.counts) - len(self.counts)
        return x[: self.states * size].reshape(self.states, size), x[self.states * size :].reshape(
            self.m, self.states
        )

    def policies(self, y: Balls, s: int) -> tuple[list[Balls], list[Balls], list[arb]]:
        """π_i, the full y_i (with the 0 in front), and KL(π_i ‖ p_i) at one state."""
        found, odds, divergence, own = [], [], [], 0
        for i, count in enumerate(self.counts):
            full = np.concatenate([[arb(0)], y[s, own : own + count - 1]])
            support = self.support[i][s]
            top = max(float(full[a].mid()) for a in np.flatnonzero(support))
            weight = np.array(
                [
                    self.prior[i][s, a] * (full[a] - top).exp() if support[a] else arb(0)
                    for a in range(count)
                ],
                dtype=object,
            )
            total = weight.sum()
            policy = weight / total
            found.append(policy)
            odds.append(full)
            divergence.append((policy * full).sum() - top - total.log())
            own += count - 1
        return found, odds, divergence

    def payoffs(self, values: Balls, s: int) -> list[Balls]:
        if not self.coupled:
            return [self.reward[k, s] for k in range(self.m)]
        return [
            self.reward[k, s] + self.discount * (self.transition[s] @ values[k])
            for k in range(self.m)
        ]

    def __call__(self, x: Balls) -> Balls:
        y, values = self.unpack(x)
        first, second = [], np.empty((self.m, self.states), dtype=object)
        for s in range(self.states):
            policy, odds, divergence = self.policies(y, s)
            payoff = self.payoffs(values, s)
            for i in range(len(self.counts)):
                q = _contract(payoff[self.owner[i]], policy, (i,))
                first.extend(odds[i][1:] - self.weights[i] * (q[1:] - q[0]))
            for k in range(self.m):
                paid = sum(c * d for c, d in zip(self.cost[k], divergence, strict=True))
                second[k, s] = values[k, s] - _contract(payoff[k], policy, ()) + paid
        return np.concatenate([np.array(first, dtype=object), second.ravel()])

    def jacobian(self, x: Balls) -> Balls:
        y, values = self.unpack(x)
        states, n = self.states, len(self.counts)
        size = sum(self.counts) - n
        total = states * size + self.m * states
        out = np.full((total, total), arb(0), dtype=object)
        for d in range(total):
            out[d, d] = arb(1)
        for s in range(states):
            policy, odds, _ = self.policies(y, s)
            payoff = self.payoffs(values, s)
            starts = [s * size + sum(c - 1 for c in self.counts[:i]) for i in range(n)]
            for i, count in enumerate(self.counts):
                mine = payoff[self.owner[i]]
                q = _contract(mine, policy, (i,))
                rows = slice(starts[i], starts[i] + count - 1)
                for j in range(n):
                    if j == i:
                        continue
                    pair = _contract(mine, policy, (i, j))
                    pair = pair if i < j else pair.T
                    change = (pair - q[:, None])[1:, 1:] - (pair[0] - q[0])[None, 1:]
                    columns = slice(starts[j], starts[j] + self.counts[j] - 1)
                    out[rows, columns] = -self.weights[i] * change * policy[j][None, 1:]
                if self.coupled:
                    moves = _contract(self.transition[s], policy, (i, n))
                    first = states * size + self.owner[i] * states
                    out[rows, first : first + states] = (
                        -self.weights[i] * self.discount * (moves[1:] - moves[:1])
                    )
            for k in range(self.m):
                row = states * size + k * states + s
                mean = _contract(payoff[k], policy, ())
                for j in range(n):
                    q = _contract(payoff[k], policy, (j,))
                    average = (policy[j] * odds[j]).sum()
                    slope = policy[j] * (self.cost[k][j] * (odds[j] - average) - (q - mean))
                    out[row, starts[j] : starts[j] + self.counts[j] - 1] = slope[1:]
                if self.coupled:
                    first = states * size + k * states
                    flow = _contract(self.transition[s], policy, (n,))
                    out[row, first : first + states] -= self.discount * flow
        return out

    def enclosure(self, x: Balls, bits: int, started: float) -> EquilibriumEnclosure:
        y, values = self.unpack(x)
        system = self._system
        rows = [np.concatenate(self.policies(y, s)[0]) for s in range(self.states)]
        joined = np.array(rows, dtype=object)
        bounds = np.stack([_below(joined), _above(joined)]).astype(np.float64)
        span = np.stack([_below(values), _above(values)]).astype(np.float64)
        digits = math.ceil(bits * math.log10(2))
        owned = values[system.owners[0]]
        decimals = [ball.mid_rad_10exp(digits) for ball in owned]
        return EquilibriumEnclosure(
            tuple(read_only(part.copy()) for part in system.split(np.clip(bounds, 0.0, 1.0))),
            read_only(system.values(span)),
            tuple(b.str(digits, radius=True) for b in system.split(joined)[0][0]),
            tuple(str(Decimal(f"{mid}E{ten}")) for mid, _, ten in decimals),
            tuple(str(Decimal(f"{rad}E{ten}")) for _, rad, ten in decimals),
            bits,
            time.perf_counter() - started,
        )


def _contract(tensor: Balls, policy: list[Balls], keep: tuple[int, ...]) -> Balls:
    """The mean of a tensor [a1, …, an, …] over the players not in ``keep``."""
    for j in range(len(policy) - 1, -1, -1):
        if j not in keep:
            tensor = np.tensordot(policy[j], tensor, axes=(0, j))
    return tensor if isinstance(tensor, arb) else (tensor.item() if tensor.ndim == 0 else tensor)


def _matrix(entries: Balls) -> arb_mat:
    return arb_mat(entries.tolist())


def _times(matrix: arb_mat, vector: Balls) -> Balls:
    product = matrix * arb_mat([[v] for v in vector])
    return np.array([product[i, 0] for i in range(product.nrows())], dtype=object)


def _identity_minus(matrix: arb_mat) -> arb_mat:
    n = matrix.nrows()
    return arb_mat([[(1 if i == j else 0) - matrix[i, j] for j in range(n)] for i in range(n)])


def _zero_balls(radius: Balls) -> Balls:
    return np.array([arb(0, r) for r in radius], dtype=object)
