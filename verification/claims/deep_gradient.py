"""Is the gradient of (14) that of the average reward? FURTHER (14), Prop. 3.

    ρ' − ρ = Σ_x μ'(x) [Σ_a (π' − π)(a|x) q(x, a) + α (H(π') − H(π))(x)]         ρ with entropy
    ∇ρ     = Σ_x μ(x) Σ_a ∇π(a|x) (q(x, a) − α log π(a|x))
    (14)   : the same sum, with the memory's d(x) for μ(x)

Table by table the weights of states scale each push and never turn it; with shared parameters they
may. Shapes: as in _deep; q(x, a) is the mean over the decoder's b; ``other`` is π' [n, A].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    positive,
    prove_nonnegative,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._deep import (
    LOSSES,
    UNICHAIN,
    chain_under,
    gain_of,
    loss_family,
    played,
    solution,
)
from tabular_marl.verification.claims._further import sample, stationary, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_soft import entropy

# -- formulas --------------------------------------------------------------------------------------


def over_others(arithmetic: Arithmetic, **game: Numbers) -> Numbers:
    """q(x, a) at the fixed point of (12), (13), the mean over the decoder's b; [n, A]."""
    q = solution(arithmetic, **game)[2]
    return (game["decoder"][:, None] * q).sum(axis=2)


def law_of(arithmetic: Arithmetic, **game: Numbers) -> Numbers:
    """μ [n]."""
    weights = played(game["policy"], game["decoder"])
    return stationary(arithmetic, chain_under(weights, game["transition"]))


def difference(arithmetic: Arithmetic, other: Numbers, **game: Numbers) -> Any:
    """ρ' − ρ against Σ μ' [Σ (π' − π) q + α (H' − H)]."""
    there = {**game, "policy": other}
    change = gain_of(arithmetic, **there) - gain_of(arithmetic, **game)
    moved = ((other - game["policy"]) * over_others(arithmetic, **game)).sum(axis=1)
    bonus = entropy(arithmetic, other) - entropy(arithmetic, game["policy"])
    law = law_of(arithmetic, **there)
    return sides(change, (law * (moved + game["alpha"] * bonus)).sum(axis=0))


def pull(arithmetic: Arithmetic, **game: Numbers) -> Numbers:
    """q − α log π, [n, A]."""
    return over_others(arithmetic, **game) - game["alpha"] * arithmetic.log(game["policy"])


def along_the_push(arithmetic: Arithmetic, memory: Numbers, **game: Numbers) -> Any:
    """∇ρ along what (14) does to a softmax table, d π (g − E_π g) in each state, and 0."""
    wanted, policy = pull(arithmetic, **game), game["policy"]
    push = policy * (wanted - (policy * wanted).sum(axis=1)[:, None])
    push = memory[:, None] * push
    slope = (law_of(arithmetic, **game) * (push * wanted).sum(axis=1)).sum(axis=0)
    return sides(slope, 0 * slope)


def along_the_shared_push(arithmetic: Arithmetic, memory: Numbers, **game: Numbers) -> Any:
    """The same where one policy serves every state: the push is summed over states first."""
    wanted, policy = pull(arithmetic, **game), game["policy"]
    push = policy * (wanted - (policy * wanted).sum(axis=1)[:, None])
    shared = (memory[:, None] * push).sum(axis=0)
    slope = (law_of(arithmetic, **game) * (shared * wanted).sum(axis=1)).sum(axis=0)
    return sides(slope, 0 * slope)


# -- proofs ----------------------------------------------------------------------------------------


def prove_difference() -> list[Proof]:
    mu, move, q, rho, v, alpha, bonus, more = symbols("mu move q rho v alpha H H2")
    p, step = symbols("p2 Pv")
    value = (p - move) * q + alpha * bonus
    return [
        prove_zero(
            move * q + alpha * (more - bonus) - (p * q + alpha * more) + value,
            "Σ (π' − π) q + α (H' − H) = T_{π'} − v, as v = Σ π q + α H",
        ),
        prove_zero(
            mu * (q + rho - rho + step - v) - mu * q - mu * (step - v),
            "Σ μ' (E_{π'}[r] + α H' − ρ + P' v − v) = ρ' − ρ, as μ' P' = μ'",
        ),
    ]


def prove_variance() -> list[Proof]:
    p, g, mean = symbols("pi g S")
    weight, square = positive("weight"), positive("square")
    return [
        prove_zero(
            p * (g - mean) * g - p * (g - mean) ** 2 - mean * p * (g - mean),
            "Σ π (g − E g) g = Σ π (g − E g)², as Σ π (g − E g) = 0",
        ),
        prove_nonnegative(weight * square, "μ(x) d(x) π(a|x) times a square"),
    ]


# -- claims ----------------------------------------------------------------------------------------

SOURCE = "FURTHER (14); FURTHER Prop. 3"
TURNED = {
    "reward": [[[2], [0]], [[0], [1]]],
    "transition": [[[["1/2", "1/2"]]] * 2] * 2,
    "policy": [["1/2", "1/2"]] * 2,
    "decoder": [[1], [1]],
    "alpha": 0,
    "memory": ["1/10", "9/10"],
}

row(
    "deep.gradient.difference.added",
    "proved",
    SOURCE,
    r"\rho' - \rho = \textstyle\sum_x \mu'(x) \big[\sum_a (\pi' - \pi)\, q + \alpha (\mathcal{H}' "
    r"- \mathcal{H})\big](x)",
    "For any two policies, ρ with entropy, q of π: Prop. 3 with entropy, without derivatives.",
    LOSSES,
    Symbolic(prove_difference),
    sample(difference, loss_family(other=distribution("states", "actions"))),
    assumes=(UNICHAIN + ", also under π'",),
)
row(
    "deep.gradient.theorem.added",
    "proved",
    SOURCE,
    r"d = \mu,\ q \text{ exact}: \ \nabla_\pi J_\pi \text{ of (14)} = \nabla(E_\mu[r] + \alpha "
    r"E_\mu[\mathcal{H}])",
    "On present play, with the decoder's law for the replayed b. Of the average reward with "
    "entropy: Prop. 3's is that for α = 0.",
    LOSSES,
    Deduction(
        ("deep.gradient.difference.added",),
        "derivative of a difference",
        "∇H = −Σ ∇π log π, so both are Σ μ Σ ∇π (q − α log π)",
    ),
    assumes=(UNICHAIN + ", also for policies near π", "π > 0"),
)
row(
    "deep.gradient.ascent.added",
    "proved",
    SOURCE,
    r"\text{along the push of (14) on a softmax table: } \textstyle\sum_x \mu(x)\, d(x)\, "
    r"\mathrm{Var}_\pi(q - \alpha \log \pi) \ge 0",
    "With any memory of states: its weights scale the push in each state, and no push hurts.",
    LOSSES,
    Symbolic(prove_variance),
    sample(along_the_push, loss_family(memory=distribution("states")), ">= 0"),
    assumes=(UNICHAIN, "q exact"),
    rests_on=("deep.gradient.theorem.added",),
)
row(
    "deep.gradient.shared.added",
    "refuted",
    SOURCE,
    r"\text{nor where states share parameters}",
    "Then the weights of states decide who wins. Two states visited equally, one policy for both, "
    "2 for action 0 in one, 1 for action 1 in the other: a memory with nine in ten of the other "
    "moves to action 1, and the average falls.",
    LOSSES,
    Counterexample(along_the_shared_push, TURNED),
)
