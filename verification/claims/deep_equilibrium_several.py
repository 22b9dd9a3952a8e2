"""How many joint fixed points there are, and how good they are. FURTHER (14), E.3, H.

    π ∝ exp(R ρ / α),   ρ ∝ exp(π R' / α)                                              one state

With common payoffs there may be several: better and worse ones, and such as training leaves; in
zero-sum games there is one. Shapes: payoff [A, B], in units of α log 3 where equilibria are to be
rational: exponents [A] then stand for the policy ∝ 3^exponents.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    instances,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import sample, symbols, within
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.deep_equilibrium import STILL, TABLES, TRAINING

# -- formulas --------------------------------------------------------------------------------------


def powers_of_three(arithmetic: Arithmetic, exponents: Numbers) -> Numbers:
    """The policy ∝ 3^exponents."""
    weights = arithmetic.array([3**k if k >= 0 else 1 for k in map(int, exponents)])
    under = arithmetic.array([1 if k >= 0 else 3**-k for k in map(int, exponents)])
    return (weights / under) / (weights / under).sum(axis=0)


def equilibrium_gap(arithmetic: Arithmetic, payoff: Numbers, exponents: Numbers) -> Numbers:
    """Symmetric game, both play 3^exponents: log₃ π − Σ_b π payoff must not depend on a; 0 at a
    logit equilibrium."""
    policy = powers_of_three(arithmetic, exponents)
    rest = exponents - expectation(policy, payoff, 1)
    return rest - rest[0]


def both_rest(arithmetic: Arithmetic, payoff: Numbers, first: Numbers, second: Numbers) -> Numbers:
    """Both are joint fixed points."""
    gaps = [equilibrium_gap(arithmetic, payoff, exponents) for exponents in (first, second)]
    return within(arithmetic, *gaps)


def two_rests(arithmetic: Arithmetic, payoff: Numbers, first: Numbers, second: Numbers) -> Any:
    """The policies of two joint fixed points."""
    return sides(powers_of_three(arithmetic, first), powers_of_three(arithmetic, second))


def earned(arithmetic: Arithmetic, payoff: Numbers, first: Numbers, second: Numbers) -> Any:
    """What each agent earns at the two, in units of α log 3; common payoffs."""
    policies = [powers_of_three(arithmetic, exponents) for exponents in (first, second)]
    return sides(*[(p[:, None] * p * payoff).sum(axis=(0, 1)) for p in policies])


def reply_to(arithmetic: Arithmetic, payoff: Numbers, policy: Numbers, beta: Numbers) -> Any:
    """How far from (1/2, 1/2) the soft reply to a policy is, and the policy itself."""
    reply = tilt(expectation(policy, payoff, 1), None, beta, 0, arithmetic)
    half = arithmetic.number("1/2")
    return sides(arithmetic.absolute(reply[0] - half), arithmetic.absolute(policy[0] - half))


def jeffreys(
    arithmetic: Arithmetic, payoff: Numbers, opponent: Numbers, other: Numbers, beta: Numbers
) -> Any:
    """Σ (π − π')(log π − log π') of the best replies to ρ and ρ', and β (π − π')ᵀ R (ρ − ρ')."""
    one = tilt(expectation(opponent, payoff, 1), None, beta, 0, arithmetic)
    two = tilt(expectation(other, payoff, 1), None, beta, 0, arithmetic)
    apart = ((one - two) * (arithmetic.log(one) - arithmetic.log(two))).sum(axis=0)
    crossed = ((one - two)[:, None] * (opponent - other) * payoff).sum(axis=(0, 1))
    return sides(apart, beta * crossed)


# -- proofs ----------------------------------------------------------------------------------------


def prove_jeffreys() -> Proof:
    one, two, x, y, z, beta = symbols("pi pi2 x y logZ beta")
    log_ratio = beta * (x - y) - z
    what = "log π − log π' = β (R ρ − R ρ') − const., and Σ (π − π') const. = 0"
    return prove_zero(
        (one - two) * log_ratio - beta * (one - two) * (x - y) + z * (one - two), what
    )


# -- claims ----------------------------------------------------------------------------------------

COORDINATION = {"payoff": [[2, 0], [0, 2]], "first": [1, 0], "second": [0, 1]}


BETTER = {"payoff": [["28/13", 0], [0, "32/13"]], "first": [1, 0], "second": [0, 2]}


row(
    "deep.equilibrium.unique.added",
    "refuted",
    TRAINING,
    r"\text{decentralised training has one joint fixed point}",
    "Two agents paid for agreement, 2 log 3 = 2.2 times α: (3/4, 1/4) for both rests, and so does "
    "(1/4, 3/4). Where the policies start decides.",
    scope(actions=">= 1"),
    Counterexample(two_rests, COORDINATION, "== 0", where=both_rest),
)


row(
    "deep.equilibrium.repelling.added",
    "refuted",
    TRAINING,
    r"\text{near a joint fixed point the soft replies are nearer to it}",
    "With agreement paid 4 α an even mixture rests too, and training leaves it: the reply to (5/8, "
    "3/8) is (0.73, 0.27). So not every equilibrium is one that is reached.",
    scope(actions=">= 1", beta="(0, inf)"),
    Counterexample(
        reply_to, {"payoff": [[4, 0], [0, 4]], "policy": ["5/8", "3/8"], "beta": 1}, "<= 0"
    ),
)


row(
    "deep.equilibrium.optimal.added",
    "refuted",
    f"{TRAINING}; FURTHER H",
    r"\text{with common rewards a joint fixed point is the best one}",
    "28/13 for agreement on the first action, 32/13 on the second, in units of α log 3: (3/4, 1/4) "
    "rests and earns 1.37, (1/10, 9/10) rests and earns 2.02. IC has both kinds as well.",
    scope(actions=">= 1"),
    Counterexample(earned, BETTER, where=both_rest),
)


row(
    "deep.equilibrium.zero-sum.added",
    "proved",
    f"{TRAINING}; FURTHER H",
    r"r_1 = -r_2,\ \text{one state}: \text{ one joint fixed point}",
    "IMP against itself: uniform play. The temperature makes it unique, as Nash equilibria of "
    "zero-sum games need not be.",
    scope(actions=">= 1", opponent_actions=">= 1", alpha="(0, inf)"),
    Deduction(
        ("deep.equilibrium.crossed.added", "kl.nonnegative"),
        "sum of termwise inequalities",
        "of two fixed points both agents' Σ (π − π') Δlog π, sums of two divergences, are β times "
        "the same number with opposite signs: their sum is 0, so each divergence is",
    ),
    assumes=("equal α", TABLES, STILL),
)


row(
    "deep.equilibrium.crossed.added",
    "proved",
    TRAINING,
    r"\textstyle\sum (\pi - \pi')(\log \pi - \log \pi') = \beta (\pi - \pi')^\top R\, (\rho - "
    r"\rho') \text{ for the soft replies to } \rho, \rho'",
    "",
    scope(actions=">= 1", opponent_actions=">= 1", beta="(0, inf)"),
    Symbolic(prove_jeffreys),
    sample(
        jeffreys,
        instances(
            {"actions": (1, 3), "opponent_actions": (1, 3)},
            payoff=array("actions", "opponent_actions"),
            opponent=distribution("opponent_actions"),
            other=distribution("opponent_actions"),
            beta=beta("+", high=8),
        ),
    ),
)
