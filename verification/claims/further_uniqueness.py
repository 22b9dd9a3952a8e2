"""Is the jointly-stable distribution unique? FURTHER Prop. 1.

    p_ε(s', θ' | s, θ) = Σ_a π(a|s; θ) T(s'|s, a) U_ε(θ'|θ, τ),    U_ε(θ'|θ, τ) sees s and s'

The proof takes the joint chain for as well connected as its two parts. It is not: two states and
two policies that swap in step never meet, and an update that watches the state may keep a parity
for ever although every state and every policy is likely at every step. Noise that ignores τ is
enough: U_ε = (1 − ε) U + ε N with N(θ') > 0, where T under the mixture of policies N has one
recurrent class. Shapes: as in _further; laws ``first``, ``second`` on (s, θ) are [S, O].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    instances,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    AGENT,
    CHAIN,
    CHAINS,
    GAMES,
    OPPONENT,
    SIZES,
    UPDATE,
    Joint,
    T,
    backwards,
    joint_family,
    onwards,
    sample,
    states_alone,
    stationary,
    symbols,
    within,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def two_laws(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    first: Numbers,
    second: Numbers,
) -> Any:
    """Two distributions on (s, θ), which uniqueness makes equal."""
    return sides(first, second)


def both_stationary(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    first: Numbers,
    second: Numbers,
) -> Numbers:
    """μ P = μ for both."""
    chain = Joint(arithmetic, transition, agent, opponent, update).chain()
    laws = [first.reshape(-1), second.reshape(-1)]
    return within(arithmetic, *[backwards(law, chain) - law for law in laws])


def visits(arithmetic: Arithmetic, chain: Numbers) -> Numbers:
    """Expected visits to state 0 in the first n steps, less a hundredth: >= 0 means reached."""
    value = arithmetic.array([1] + [0] * (len(chain) - 1))
    total = 0 * value
    for _ in range(len(chain)):
        value = onwards(chain, value)
        total = total + value
    return total - arithmetic.number("1/100")


def parts_connected(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    first: Numbers,
    second: Numbers,
) -> Numbers:
    """Both stationary; the chain of states given any θ, and of policies given any τ, has one
    recurrent class."""
    parts = [both_stationary(arithmetic, transition, agent, opponent, update, first, second)]
    parts += [visits(arithmetic, p) for p in states_alone(transition, agent, opponent)]
    for s, a, b, t in np.ndindex(transition.shape):
        parts.append(visits(arithmetic, update[:, s, a, b, t]))
    return np.concatenate(parts)


def parts_positive(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    first: Numbers,
    second: Numbers,
) -> Numbers:
    """Both stationary; from every (s, θ) every s', and every θ', has probability >= 1/100."""
    law = Joint(arithmetic, transition, agent, opponent, update).chain()
    law = law.reshape(*first.shape, *first.shape)
    least = arithmetic.number("1/100")
    marginals = [law.sum(axis=2) - least, law.sum(axis=3) - least]
    stays = both_stationary(arithmetic, transition, agent, opponent, update, first, second)
    return np.concatenate([stays, *[m.reshape(-1) for m in marginals]])


def coefficient_law(arithmetic: Arithmetic, epsilon: Numbers, up: Numbers) -> Numbers:
    """π_ε of two states left with probabilities up·ε and ε."""
    chain = np.stack([np.stack([1 - up * epsilon, up * epsilon]), np.stack([epsilon, 1 - epsilon])])
    return stationary(arithmetic, chain)


def oscillating(arithmetic: Arithmetic, epsilon: Numbers) -> Any:
    """π_ε where leaving state 0 has probability c(ε) ε: c = 1 at ε, c = 2 at ε/2."""
    now = coefficient_law(arithmetic, epsilon, arithmetic.number(1))
    return sides(now, coefficient_law(arithmetic, epsilon / 2, arithmetic.number(2)))


def noisy_bound(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    noise: Numbers,
    epsilon: Numbers,
) -> Numbers:
    """p_ε − ε N(θ') P_θ(s'|s)."""
    mixed = (1 - epsilon) * update + epsilon * noise
    chain = Joint(arithmetic, transition, agent, opponent, mixed).chain()
    alone = np.swapaxes(states_alone(transition, agent, opponent), 0, 1)
    least = epsilon * alone[:, :, :, None] * noise
    return chain - least.reshape(chain.shape)


def noisy_stationary(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    noise: Numbers,
    epsilon: Numbers,
) -> Numbers:
    """μ P_ε − μ at the solution of a system that is regular only if μ is unique."""
    mixed = (1 - epsilon) * update + epsilon * noise
    chain = Joint(arithmetic, transition, agent, opponent, mixed).chain()
    law = stationary(arithmetic, chain)
    return backwards(law, chain) - law


def censored(arithmetic: Arithmetic, chain: Numbers) -> Numbers:
    """μ, restricted to all states but the last, under P_ij + P_ik P_kj / Σ_l≠k P_kl."""
    law = stationary(arithmetic, chain)
    rest, k = chain[:-1, :-1], len(chain) - 1
    watched = rest + chain[:k, k:] * chain[k:, :k] / chain[k:, :k].sum(axis=1)
    return backwards(law[:k], watched) - law[:k]


# -- proofs ----------------------------------------------------------------------------------------


def prove_noisy_bound() -> Iterator[Proof]:
    joint, t, u, noise, odds = (positive(name) for name in ("pi", "T", "U", "N", "odds"))
    epsilon = 1 / (1 + odds)
    step = joint * t * ((1 - epsilon) * u + epsilon * noise)
    yield prove_nonnegative(step - epsilon * noise * joint * t, "term by term over (a, b)")


def prove_censored() -> Iterator[Proof]:
    inner, into, out, leave, law_j, law_k = symbols("inner into out leave mu_j mu_k")
    # inner = Σ_i μ_i P_ij, into = Σ_i μ_i P_ik, out = P_kj, leave = Σ_l P_kl (i, l ≠ k)
    watched = inner + into * out / leave
    yield prove_zero(
        watched.subs(into, law_k * leave).subs(inner, law_j - law_k * out) - law_j,
        "balance at k, Σ_i μ_i P_ik = μ_k s_k, and at j, Σ_i μ_i P_ij + μ_k P_kj = μ_j",
    )


# -- claims ----------------------------------------------------------------------------------------

ONE = {"agent": [[1], [1]], "opponent": [[[1], [1]], [[1], [1]]]}
SWAP, HALF = [[0, 1], [1, 0]], ["1/2", "1/2"]
#: U(θ'|θ, s, s') [O, S, A=1, B=1, S, O]
SWAPPING = [[[[[row_, row_]]], [[[row_, row_]]]] for row_ in SWAP]
WATCHING = [[[[[SWAP[1 - o], SWAP[o]]]], [[[SWAP[o], SWAP[1 - o]]]]] for o in (0, 1)]
EVEN, ODD = [["1/2", 0], [0, "1/2"]], [[0, "1/2"], ["1/2", 0]]
IN_STEP = {
    "transition": [[[[0, 1]]], [[[1, 0]]]],
    **ONE,
    "update": SWAPPING,
    "first": EVEN,
    "second": ODD,
}
PARITY = {
    "transition": [[[HALF]], [[HALF]]],
    **ONE,
    "update": WATCHING,
    "first": EVEN,
    "second": ODD,
}
NOISY = {
    "transition": T,
    "agent": AGENT,
    "opponent": OPPONENT,
    "update": UPDATE,
    "noise": distribution("parameters"),
    "epsilon": number("1/10", "9/10"),
}
NOISY_SCOPE = scope(**{name: ">= 1" for name in SIZES}, epsilon="(0, 1]")

row(
    "further.prop1.printed",
    "refuted",
    "FURTHER Prop. 1",
    r"\mathcal{T} \text{ and } \mathcal{U}_\epsilon \text{ each with one recurrent class} "
    r"\Rightarrow p_\epsilon(s', \theta'|s, \theta) \text{ has one stationary distribution}",
    "Two states and two policies that swap at every step: {(0,0), (1,1)} and {(0,1), (1,0)} never "
    "meet. Smallest possible: with one state or one policy the joint chain is the other chain.",
    GAMES,
    Counterexample(two_laws, IN_STEP, "== 0", where=parts_connected),
)
row(
    "further.prop1.mixing.added",
    "refuted",
    "FURTHER Prop. 1",
    r"\text{from every } (s, \theta) \text{ every } s' \text{ and every } \theta' \text{ has "
    r"positive probability} \Rightarrow p_\epsilon \text{ has one stationary distribution}",
    "Nor is it a matter of periods. States by a fair coin, and a policy that changes if and only "
    "if the state does: both parts are fair coins, their parity stays. U may see the transition.",
    GAMES,
    Counterexample(two_laws, PARITY, "== 0", where=parts_positive),
)
row(
    "further.prop1.corrected",
    "proved",
    "FURTHER Prop. 1",
    r"\mathcal{U}_\epsilon = (1-\epsilon)\,\mathcal{U} + \epsilon N,\ N(\theta') > 0,\ "
    r"\sum_\theta N(\theta) P_\theta(s'|s) \text{ has one recurrent class} \Rightarrow "
    r"p_\epsilon \text{ has one stationary distribution}",
    "Noise that ignores τ and reaches every policy, and a state chain with one recurrent class "
    "under the mixture of policies: then (r, θ) is reached from everywhere, r recurrent.",
    NOISY_SCOPE,
    Deduction(
        ("further.prop1.noise.added",),
        "common reachable state",
        "from (s, θ) one step leads to some s' and any θ'; along any path of the mixture's graph "
        "each step may choose the θ it needs; so a recurrent r, with any θ, is reached",
    ),
    sample(noisy_stationary, joint_family(**NOISY)),
    assumes=("noise independent of τ and of full support", "Σ_θ N P_θ has one recurrent class"),
)
row(
    "further.prop1.noise.added",
    "proved",
    "FURTHER Prop. 1",
    r"p_\epsilon(s', \theta'|s, \theta) \ge \epsilon\, N(\theta')\, P_\theta(s'|s)",
    "What noise that ignores τ buys.",
    NOISY_SCOPE,
    Symbolic(prove_noisy_bound),
    sample(noisy_bound, joint_family(**NOISY), ">= 0"),
)
row(
    "further.prop1.step1.printed",
    "refuted",
    "FURTHER Prop. 1",
    r"P_\epsilon \text{ has one recurrent class for every } \epsilon > 0 \Rightarrow "
    r"\lim_{\epsilon \to 0} \pi_\epsilon \text{ exists}",
    "The theorem cited needs more of a regular perturbation: P_ε(x, y) of the form c ε^r (1 + "
    "o(1)). Leave state 0 with probability c(ε)ε, state 1 with ε, c = 1 at ε = 4^-m and 2 at 4^-m/"
    "2: π_ε(0) is 1/2 and 1/3 in turn, at every m.",
    scope(epsilon="(0, 1/2)"),
    Counterexample(oscillating, {"epsilon": "1/4"}, "== 0"),
)
row(
    "further.prop1.step1.corrected",
    "proved",
    "FURTHER Prop. 1",
    r"P_\epsilon(x, y) = c\,\epsilon^{r(x,y)}(1 + o(1)) \text{ or } 0, \text{ one recurrent class} "
    r"\Rightarrow \lim_{\epsilon \to 0} \pi_\epsilon \text{ exists and is unique}",
    "States are eliminated one by one without a subtraction, so π_ε itself is c ε^r (1 + o(1)).",
    CHAINS,
    Deduction(
        ("further.prop1.elimination.added",),
        "leading terms",
        "π_ε is made of entries of P_ε off the diagonal by +, × and ÷ alone; after normalisation "
        "every entry is c ε^r (1 + o(1)) with r >= 0, which converges",
    ),
)
row(
    "further.prop1.elimination.added",
    "proved",
    "FURTHER Prop. 1",
    r"\mu|_{x \ne k} \text{ is stationary for } P_{ij} + P_{ik} P_{kj} / \textstyle\sum_{l \ne k} "
    r"P_{kl}",
    "The chain watched only while it is not in k.",
    CHAINS,
    Symbolic(prove_censored),
    sample(censored, instances({"states": (2, 4)}, chain=CHAIN)),
)
