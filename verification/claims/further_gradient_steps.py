"""The proof of the policy gradient, step by step. FURTHER (16)-(18), (20), (21).

Every step has a twin without derivatives, exact for any two policies π, π':

    (16)  v' − v = Σ_a (π' − π) q' + Σ_a π (q' − q)
    (17)  q' − q = −(ρ' − ρ) + P_a (v' − v)
    (18)  ρ' − ρ = Σ_a (π' − π) q' + P (v' − v) − (v' − v)
    (21)  ρ' − ρ = Σ_x μ(x) Σ_a (π' − π)(a|s) q'(x, a)

and π' → π gives the document's. U must not see θ^i. Shapes as in _further.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    GAMES,
    UNICHAIN,
    backwards,
    onwards,
    sample,
    stationary,
    symbols,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_gradient import PLAY, Policy, pair

# -- formulas --------------------------------------------------------------------------------------


def product_rule(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(16): v' − v against Σ (π' − π) q' + Σ π (q' − q)."""
    here, there = pair(arithmetic, agent, other, game)
    (_, v, q), (_, v2, q2) = here.solved(), there.solved()
    right = here.laid(other - agent) * q2 + here.laid(agent) * (q2 - q)
    return sides(v2 - v, right.sum(axis=1))


def action_values(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(17): q' − q against −(ρ' − ρ) + P_a (v' − v)."""
    here, there = pair(arithmetic, agent, other, game)
    (rho, v, q), (rho2, v2, q2) = here.solved(), there.solved()
    return sides(q2 - q, rho - rho2 + (here.rows() * (v2 - v)).sum(axis=2))


def rearranged(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(18): ρ' − ρ against Σ (π' − π) q' + P (v' − v) − (v' − v), at every x."""
    here, there = pair(arithmetic, agent, other, game)
    (rho, v, _), (rho2, v2, q2) = here.solved(), there.solved()
    first = (here.laid(other - agent) * q2).sum(axis=1)
    return sides(rho2 - rho + 0 * v, first + onwards(here.chain(), v2 - v) - (v2 - v))


def dotted(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(18) with Σ_a π(·|s) read to the letter: the whole policy, of mass 1, once for each a."""
    here = Policy(arithmetic, agent=agent, **game)
    direction = other - agent
    gain, slope = here.slope(direction)
    first = (here.laid(direction) * here.solved()[2]).sum(axis=1)
    ahead = (here.rows() * slope).sum(axis=(1, 2))
    return sides(gain + 0 * slope, first + ahead - slope)


def weighted(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(20), (21): Σ μ (P (v' − v)) against Σ μ (v' − v)."""
    here, there = pair(arithmetic, agent, other, game)
    change = there.solved()[1] - here.solved()[1]
    law = stationary(arithmetic, here.chain())
    ahead = (law * onwards(here.chain(), change)).sum(axis=0)
    return sides(ahead, (backwards(law, here.chain()) * change).sum(axis=0))


# -- proofs ----------------------------------------------------------------------------------------


def prove_product_rule() -> list[Proof]:
    p, dp, q, dq, e = symbols("p dp q dq epsilon")
    grown = ((p + e * dp) * (q + e * dq)).expand().coeff(e, 1)
    p2, q2 = symbols("p2 q2")
    return [
        prove_zero(
            grown - dp * q - p * dq,
            "term a^i of v: the product rule; π(a^-i|s; θ^-i) is a constant factor",
        ),
        prove_zero(p2 * q2 - p * q - (p2 - p) * q2 - p * (q2 - q), "and without derivatives"),
    ]


def prove_action_values() -> Proof:
    t, u, r, rho, drho, v, dv, e = symbols("T U R rho drho v dv epsilon")
    term = (t * u * (r - (rho + e * drho) + v + e * dv)).expand().coeff(e, 1)
    what = "term (s', θ') of q; ΣTU = 1 collects −∇ρ; T, U and R do not contain θ^i"
    return prove_zero(term - t * u * (dv - drho), what)


def prove_rearranged() -> Proof:
    first, ahead, dv, drho = symbols("first ahead dv drho")
    sixteen = first + (-drho + ahead) - dv
    return prove_zero(sixteen.subs(drho, first + ahead - dv), "(16) with (17), Σ π π = 1, for ∇ρ")


def prove_weighted() -> Proof:
    mu, p, dv = symbols("mu P dv")
    return prove_zero(
        mu * (p * dv) - (mu * p) * dv, "Σ_x μ(x) Σ_y P(x,y) ∇v(y) = Σ_y (μP)(y) ∇v(y)"
    )


# -- claims ----------------------------------------------------------------------------------------

row(
    "further.016.printed",
    "proved",
    "FURTHER (16)",
    r"\nabla v = \sum_{a^i} \nabla\pi \sum_{a^{-i}} \pi\, q + \sum_{a^i} \pi \sum_{a^{-i}} \pi\, "
    r"\nabla q",
    "",
    GAMES,
    Symbolic(prove_product_rule),
    sample(product_rule, PLAY),
    assumes=(UNICHAIN,),
)


row(
    "further.017.printed",
    "proved",
    "FURTHER (17)",
    r"\nabla q = -\nabla\rho + \sum_{s'} \mathcal{T} \sum_{\theta^{-i\prime}} \mathcal{U}^{-i}\, "
    r"\nabla v(s', \theta^{-i\prime})",
    "Uses that θ^{-i} and U do not depend on θ^i once τ is given.",
    GAMES,
    Symbolic(prove_action_values),
    sample(action_values, PLAY),
    assumes=(UNICHAIN, "U does not contain θ^i"),
)


row(
    "further.018.printed",
    "refuted",
    "FURTHER (18)",
    r"\nabla\rho = \sum_{a^i} \nabla\pi \sum_{a^{-i}} \pi\, q + \sum_{a^i} \pi(\cdot|s; \theta^i) "
    r"\cdots \nabla v(s', \theta^{-i\prime}) - \nabla v",
    "π(·|s; θ^i) must be π(a^i|s; θ^i): to the letter Σ_{a^i} takes the whole policy once for each "
    "action. A slip: (20) has it right.",
    GAMES,
    Counterexample(
        dotted,
        {
            "transition": [[[[1, 0]], [[0, 1]]], [[[1, 0]], [[1, 0]]]],
            "opponent": [[[1], [1]]],
            "update": [[[[[[1], [1]]]] * 2] * 2],
            "reward": [[[0], [0]], [[1], [1]]],
            "agent": [["1/2", "1/2"]] * 2,
            "other": [[0, 1], ["1/2", "1/2"]],
        },
        "== 0",
    ),
)


row(
    "further.018.corrected",
    "proved",
    "FURTHER (18)",
    r"\nabla\rho = \sum_{a^i} \nabla\pi \sum_{a^{-i}} \pi\, q + \sum_{a^i} \pi(a^i|s; \theta^i) "
    r"\cdots \nabla v(s', \theta^{-i\prime}) - \nabla v",
    "At every (s, θ^{-i}).",
    GAMES,
    Symbolic(prove_rearranged),
    sample(rearranged, PLAY),
    assumes=(UNICHAIN,),
)


row(
    "further.020.printed",
    "proved",
    "FURTHER (20); FURTHER (21)",
    r"\tfrac{1}{k}\sum_\ell \sum \mu_k(\cdot|\ell)\, \nabla J = \nabla J, \text{ and } \sum \mu\, "
    r"\nabla J = \sum \mu\, [\text{right side of (18)}]",
    "Weights that sum to one. (20) prints π(a^i|s; θ^i) where (18) has the dot.",
    GAMES,
    Deduction(
        ("further.018.corrected",),
        "sum of termwise inequalities",
        "(18) is an equation at every (s, θ); weigh it by μ_k(s, θ|ℓ)/k and sum",
    ),
    assumes=(UNICHAIN,),
)


row(
    "further.021.step2.printed",
    "proved",
    "FURTHER (21); FURTHER (19)",
    r"\sum_\ell \sum \mu_k(s, \theta|\ell) \sum \pi \pi\, \mathcal{T}\, \mathcal{U}^{-i} \nabla v "
    r"= \sum_\ell \sum \mu_k(s', \theta'|\ell+1) \nabla v(s', \theta')",
    "Applying (19): here the average over ℓ is enough, since ∇v does not depend on ℓ.",
    GAMES,
    Symbolic(prove_weighted),
    sample(weighted, PLAY),
)


row(
    "further.021.corrected",
    "proved",
    "FURTHER (21); FURTHER Prop. 3",
    r"\nabla J = \tfrac{1}{k}\sum_\ell \sum \mu_k(s_\ell, \theta_\ell|\ell) \sum \nabla\pi \sum "
    r"\pi\, q",
    "The last line, once (19) closes: the two ∇v terms cancel. The statement of Prop. 3 leaves "
    "out the condition on ℓ in μ_k, which this line has.",
    GAMES,
    Deduction(
        (
            "further.020.printed",
            "further.021.step2.printed",
            "further.021.cancel.corrected",
        ),
        "substitution of equals",
        "(20), then (19), then the cancelling",
    ),
    assumes=(UNICHAIN, "μ_k(·|k+1) = μ_k(·|1)"),
)
