"""The policy gradient where there are several recurrent classes. FURTHER Prop. 3, (7).

    ∇J = Σ_x μ(x) Σ_a ∇π q(x, a) + Σ_{x transient} n(x) Σ_a ∇π Σ_y p(y|x, a) ρ(y)

μ = p_0 P*, n(x) the expected visits to a transient x. Prop. 3 leaves the second term out: what the
policy of transient x does to the class that is reached. Shapes: moves [A, 3] from state 0 to states
0, 1, 2, of which 1 and 2 are never left; reward, policies [3, A].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    instances,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    GAMES,
    sample,
    symbols,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def two_ends(
    moves: Numbers, reward: Numbers, agent: Numbers, other: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """From state 0 to 1 or 2, which are never left: dJ, the term of Prop. 3, the missing term.

    moves [A, 3] from 0, reward [3, A], policies [3, A].
    """
    direction = other - agent
    law = (agent[0][:, None] * moves).sum(axis=0)
    gain1, gain2 = ((agent * reward).sum(axis=1)[k] for k in (1, 2))
    leave = law[1] + law[2]
    gain0 = (law[1] * gain1 + law[2] * gain2) / leave
    turned = (direction[0][:, None] * moves).sum(axis=0)
    paid = (direction * reward).sum(axis=1)
    slope = turned[0] * gain0 + turned[1] * gain1 + turned[2] * gain2
    slope = (slope + law[1] * paid[1] + law[2] * paid[2]) / leave
    stationary_term = (law[1] * paid[1] + law[2] * paid[2]) / leave
    ahead = moves[:, 0] * gain0 + moves[:, 1] * gain1 + moves[:, 2] * gain2
    return slope, stationary_term, (direction[0] * ahead).sum(axis=0) / leave


def without_transient_term(
    arithmetic: Arithmetic, moves: Numbers, reward: Numbers, agent: Numbers, other: Numbers
) -> Any:
    """dJ from state 0 against Prop. 3."""
    slope, first, _ = two_ends(moves, reward, agent, other)
    return sides(slope, first)


def with_transient_term(
    arithmetic: Arithmetic, moves: Numbers, reward: Numbers, agent: Numbers, other: Numbers
) -> Any:
    """dJ from state 0 against Prop. 3 and the missing term."""
    slope, first, second = two_ends(moves, reward, agent, other)
    return sides(slope, first + second)


# -- proofs ----------------------------------------------------------------------------------------


def prove_multichain() -> list[Proof]:
    r, r2, pv, pv2, v, g = symbols("r r2 Pv P2v v g")
    n, pg2, gx = symbols("N P2g g_x")
    return [
        prove_zero(
            ((r2 + pv2 - v) - (r2 - r + pv2 - pv) - g).subs(g, r + pv - v),
            "g' − P'* g = P'* [(r' − r) + (P' − P) v]: P'* (P'v − v) = 0 and g = r + P v − v",
        ),
        prove_zero(
            n * (pg2 - gx) - n * pg2 + n * gx,
            "P'* g − g = Σ_t P'^t (P' − P) g with P g = g: telescoping; on recurrent x g is one "
            "number and the term 0, so only the visits n'(x) to transient x count",
        ),
    ]


# -- claims ----------------------------------------------------------------------------------------

ENDS = instances(
    {"states": (3, 3), "parameters": (1, 1), "actions": (1, 3), "opponent_actions": (1, 1)},
    moves=distribution("actions", 3),
    reward=array(3, "actions"),
    agent=distribution(3, "actions"),
    other=distribution(3, "actions"),
)


LEAVING = {
    "moves": [[0, 1, 0], [0, 0, 1]],
    "reward": [[0, 0], [0, 0], [1, 1]],
    "agent": [["1/2", "1/2"]] * 3,
    "other": [[0, 1], ["1/2", "1/2"], ["1/2", "1/2"]],
}


row(
    "further.prop3.printed",
    "refuted",
    "FURTHER Prop. 3; FURTHER (7)",
    r"\nabla J = \tfrac{1}{k}\sum_\ell \sum \mu_k \sum \nabla\pi \sum \pi\, q \text{ for every "
    r"active Markov game}",
    "With no assumption on the chain: an action today may decide which way a learner locks in. "
    "State 0 leads to 1 (reward 0 for ever) or 2 (reward 1); J is the probability of 2, its slope "
    "1, but μ does not visit state 0 and the formula gives 0.",
    GAMES,
    Counterexample(without_transient_term, LEAVING, "== 0"),
)


row(
    "further.prop3.multichain.added",
    "proved",
    "FURTHER Prop. 3; FURTHER (7)",
    r"\nabla J = \sum_x \mu(x) \sum_a \nabla\pi\, q(x, a) + \sum_{x \text{ transient}} n(x) "
    r"\sum_a \nabla\pi \sum_y p(y|x, a)\, \rho(y)",
    "For several classes: μ = p_0 P*, n(x) the expected visits to a transient x, ρ(y) the average "
    "from y. The second term is what Prop. 3 leaves out; it vanishes if ρ is one number.",
    GAMES,
    Deduction(
        ("further.prop3.steps.added",),
        "derivative of a difference",
        "J' − J = p_0 P'* [(r' − r) + (P' − P) v] + Σ n'(x) ((P' − P) ρ)(x), with the recurrent "
        "classes the same for π' near π",
    ),
    sample(with_transient_term, ENDS),
    assumes=("the recurrent classes do not change near π: policies of full support",),
)


row(
    "further.prop3.steps.added",
    "proved",
    "FURTHER Prop. 3; FURTHER (7)",
    r"p_0(\rho' - \rho) = p_0 P'^*[(r' - r) + (P' - P)v] + p_0 \textstyle\sum_t P'^t (P' - P)\rho",
    "For two policies with the same recurrent classes.",
    GAMES,
    Symbolic(prove_multichain),
)
