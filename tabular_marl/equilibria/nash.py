"""Where a branch of logit equilibria ends: a Nash equilibrium, made exact where it can be.

    λ → ∞ along the branch from λ = 0:  π_i(a|s) → a Nash equilibrium (McKelvey and Palfrey 1995)

The branch is followed until exploitability is below ``tol`` or λ · spread reaches ``MOST_ODDS``.
The limit is guessed from the numbers and *checked in rationals*: rare actions are dropped; a
support of one action each, the indifference equations of two players in one state, or the nearest
fractions with denominators up to 64 give rational policies. They are reported as exact only if
their exact exploitability is 0. Otherwise the answer is the logit equilibrium at the last λ with
its exploitability, an ε-equilibrium and no more.

V has no KL terms here (evaluation="expectation"). Shapes: policies[i] [s, a_i]; reward units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.equilibria.exploitability import exploitability, solve_exactly
from tabular_marl.equilibria.logit import LogitBranch, logit_equilibria
from tabular_marl.equilibria.system import Array, Game, logit_system, rewards
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import positive

#: Log-odds (in units of the payoffs' spread) at which the branch is left.
MOST_ODDS = 1e6
#: An action this much rarer than its state's likeliest is taken to vanish in the limit.
RARE = 1e-3


class NashStatus(Enum):
    """What is known about the limit."""

    EXACT = "A Nash equilibrium: its exploitability is 0 in rational arithmetic."
    WITHIN = "An ε-equilibrium: ε is the stated exploitability; the exact limit was not found."
    BEYOND = (
        "The branch could not be followed until the exploitability was below the tolerance; the "
        "stated exploitability is that of its last point."
    )


@dataclass(frozen=True)
class NashLimit:
    """policies[i] [s, a_i]; ``exact_policies`` hold Fractions where status is EXACT, else None.

    ``exploitability`` is exact (a Fraction 0) or a float; ``branch`` is what was followed.
    """

    policies: tuple[Array, ...]
    exact_policies: tuple[Any, ...] | None
    exploitability: Any
    status: NashStatus
    inverse_temperature: float
    branch: LogitBranch


def nash_limit(
    game: Game,
    priors: Sequence[ArrayLike | None] | None = None,
    tol: float = 1e-6,
    discount: float | None = None,
) -> NashLimit:
    """The Nash equilibrium at the end of the logit branch from the priors (uniform by default).

    ``tol`` is the exploitability, in reward units, at which following stops. A MatrixGame is
    played once. Raises InputError. Source: report (17) with β → ∞; McKelvey and Palfrey (1995).

    >>> import tabular_marl as tm
    >>> limit = tm.nash_limit(tm.games.biased_pennies())
    >>> [[str(p) for p in policy[0]] for policy in limit.exact_policies], limit.exploitability
    ([['1/2', '1/2'], ['1/8', '7/8']], Fraction(0, 1))
    """
    tol = positive("tol", tol)
    if isinstance(game, StochasticGame) and discount is not None:
        game = game.with_discount(discount)
    unit = logit_system(game, None, priors, "expectation").unit
    ladder = [10.0**k / unit for k in range(1, round(np.log10(MOST_ODDS)) + 1)]
    last, gap, branch = None, float("inf"), None
    for end in ladder:
        branch = logit_equilibria(game, end, None, priors, "expectation", on_failure="return")
        if not branch.at(end):
            break
        last = branch.at(end)[-1]
        gap = exploitability(game, last.policies).largest
        exact = _exact(game, last.policies)
        if exact is not None:
            floats = tuple(np.asarray(p, dtype=np.float64) for p in exact)
            zero = exploitability(game, exact, exact=True).largest
            return NashLimit(floats, exact, zero, NashStatus.EXACT, end, branch)
        if gap <= tol:
            break
    assert branch is not None
    if last is None:
        policies = tuple(p[-1] for p in branch.path_policies)
        gap = exploitability(game, policies).largest
        return NashLimit(
            policies, None, gap, NashStatus.BEYOND, float(branch.path_lambda[-1]), branch
        )
    status = NashStatus.WITHIN if gap <= tol else NashStatus.BEYOND
    return NashLimit(last.policies, None, gap, status, last.inverse_temperature, branch)


def _exact(game: Game, policies: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """Rational policies with these policies' support and exploitability exactly 0, or None."""
    supports = [p >= RARE * p.max(axis=1, keepdims=True) for p in policies]
    candidate: tuple[Any, ...]
    if all((support.sum(axis=1) == 1).all() for support in supports):
        candidate = tuple(_rational(support.astype(int)) for support in supports)
    elif len(policies) == 2 and (isinstance(game, MatrixGame) or game.num_states == 1):
        mixed = _indifferent(rewards(game)[:, 0], [np.flatnonzero(s[0]) for s in supports])
        if mixed is None:
            return None
        candidate = mixed
    else:
        candidate = tuple(_nearby(policy) for policy in policies)
        if any((p.sum(axis=1) != 1).any() for p in candidate):
            return None
    return candidate if exploitability(game, candidate, exact=True).largest == 0 else None


def _indifferent(payoffs: Array, supports: list[Any]) -> tuple[Any, ...] | None:
    """The policies on these supports that make the other player indifferent over its own."""
    if len(supports[0]) != len(supports[1]):
        return None
    found = []
    for other in (1, 0):  # the policy of 0 makes 1 indifferent, and the other way round
        mine = 1 - other
        table = _rational(payoffs[other][np.ix_(*supports)])
        table = table.T if other == 1 else table  # rows: the other's actions; columns: mine
        size = len(supports[mine])
        rows = np.concatenate([table[1:] - table[:1], _rational(np.ones((1, size), dtype=int))])
        right = _rational(np.eye(1, size, size - 1, dtype=int)[0])
        try:
            weights = solve_exactly(rows, right)
        except ZeroDivisionError:
            return None
        if min(weights) < 0:
            return None
        policy = _rational(np.zeros((1, payoffs.shape[1 + mine]), dtype=int))
        policy[0, supports[mine]] = weights
        found.append(policy)
    return found[0], found[1]


def _nearby(policy: Array) -> Any:
    """The nearest fractions with small denominators; they need not sum to one."""
    return np.frompyfunc(lambda p: Fraction(p).limit_denominator(64), 1, 1)(policy.astype(object))


def _rational(numbers: Any) -> Any:
    return np.frompyfunc(Fraction, 1, 1)(np.asarray(numbers).astype(object))
