"""The differential Bellman equation. FURTHER Prop. 2, (15).

    S_T(x) = E_x Σ_{t=0}^T (r(x_t) − ρ) = v(x) − (P^{T+1} v)(x)        for any v = r − ρ + P v

So S_T converges if and only if P^T v does: for every reward only where the chain is aperiodic. Its
averages always converge (Cesàro, Abel), to the v with P* v = 0. As an equation (15) leaves a
constant of v free, and it determines ρ. Shapes: a chain P [n, n] on x = (s, θ), r and v [n].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    choice,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    CHAIN,
    CHAINS,
    GAME,
    GAMES,
    UNICHAIN,
    VALUE,
    Joint,
    chain_family,
    gain_and_value,
    joint_family,
    onwards,
    powers,
    sample,
    stationary,
    symbols,
    unit,
    within,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def sums(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, gain: Numbers, count: int
) -> list[Numbers]:
    """S_0, …, S_count: expected sums of r − ρ over t = 0 … T."""
    return list(np.cumsum(np.stack(powers(chain, reward - gain, count)), axis=0))


def next_term(arithmetic: Arithmetic, chain: Numbers, reward: Numbers) -> Numbers:
    """S_1 − S_0 = E[r(x_1)] − ρ."""
    gain, _ = gain_and_value(arithmetic, chain, reward)
    return onwards(chain, reward) - gain


def of_period_two(arithmetic: Arithmetic, chain: Numbers, reward: Numbers) -> Numbers:
    """P³ = P: what happens at t = 1 happens at every odd t."""
    thrice = [powers(chain, row_, 3) for row_ in unit(arithmetic, chain)]
    return within(arithmetic, *[p[3] - p[1] for p in thrice])


def telescoped(arithmetic: Arithmetic, chain: Numbers, reward: Numbers, times: int = 3) -> Any:
    """S_T against v − P^{T+1} v, T = times."""
    gain, value = gain_and_value(arithmetic, chain, reward)
    left = sums(arithmetic, chain, reward, gain, times)[-1]
    return sides(left, value - powers(chain, value, times + 1)[-1])


def recursion(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
    reward: Numbers,
) -> Any:
    """v against E[R − ρ + v(s', θ')] for v = Σ (P^t − P*) r, by the fundamental matrix."""
    joint = Joint(arithmetic, transition, agent, opponent, update, reward)
    chain, paid = joint.chain(), joint.mean_reward()
    law = stationary(arithmetic, chain)
    gain = (law * paid).sum(axis=0)
    value = arithmetic.solve(unit(arithmetic, chain) - chain + law, paid) - gain
    q = joint.q(value, gain)
    after = (joint.agent[:, None] * q).sum(axis=2).reshape(value.shape)
    return sides(
        np.concatenate([value, np.asarray((law * value).sum(axis=0))[None]]),
        np.concatenate([after, 0 * np.asarray(gain)[None]]),
    )


def shifted_sum(arithmetic: Arithmetic, chain: Numbers, reward: Numbers, extra: Numbers) -> Any:
    """S_2 against r − ρ + P (the sum from x_1 of 2 + ``extra`` terms)."""
    gain, _ = gain_and_value(arithmetic, chain, reward)
    terms = sums(arithmetic, chain, reward, gain, 2)
    inner = terms[1] + extra * (terms[2] - terms[1])
    return sides(terms[2], reward - gain + onwards(chain, inner))


def printed_shift(arithmetic: Arithmetic, chain: Numbers, reward: Numbers) -> Any:
    """As printed: Σ_{t=0}^T of R(s_{t+1}), T + 1 terms."""
    return shifted_sum(arithmetic, chain, reward, arithmetic.number(1))


def corrected_shift(arithmetic: Arithmetic, chain: Numbers, reward: Numbers) -> Any:
    """Σ_{t=0}^{T−1} of R(s_{t+1})."""
    return shifted_sum(arithmetic, chain, reward, arithmetic.number(0))


def another_solution(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, value: Numbers, gain: Numbers
) -> Any:
    """A solution (ρ, v) of (15) against the v with μ v = 0."""
    _, own = gain_and_value(arithmetic, chain, reward)
    law = stationary(arithmetic, chain)
    return sides(value, own - (law * own).sum(axis=0))


def solves(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, value: Numbers, gain: Numbers
) -> Numbers:
    """v = r − ρ + P v."""
    return within(arithmetic, value - reward + gain - onwards(chain, value))


def normalised_solution(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, shift: Numbers
) -> Any:
    """The solution through another anchor, normalised, against Σ_t (P^t − P*) r; and the gains."""
    gain, value = gain_and_value(arithmetic, chain, reward)
    law = stationary(arithmetic, chain)
    value = value + shift
    value = value - (law * value).sum(axis=0)
    direct = arithmetic.solve(unit(arithmetic, chain) - chain + law, reward)
    mean = (law * reward).sum(axis=0)
    return sides(
        np.concatenate([value, np.asarray(gain)[None]]),
        np.concatenate([direct - mean, np.asarray(mean)[None]]),
    )


def multichain_recursion(
    arithmetic: Arithmetic, leave: Numbers, side: Numbers, reward: Numbers
) -> Any:
    """State 0 → 0, 1, 2 with 1 and 2 absorbing: v − P v against r − ρ(x), and ρ − P ρ, at 0."""
    stay = 1 - leave
    gain = side * reward[1] + (1 - side) * reward[2]
    value = (reward[0] - gain) / leave  # v = 0 at 1 and 2
    return sides(
        np.stack([value, gain]),
        np.stack(
            [
                reward[0] - gain + stay * value,
                stay * gain + leave * (side * reward[1] + (1 - side) * reward[2]),
            ]
        ),
    )


# -- proofs ----------------------------------------------------------------------------------------


def prove_telescoping() -> list[Proof]:
    now, ahead, v, pv, rho = symbols("now ahead v Pv rho")
    reward = v - pv + rho
    return [
        prove_zero(reward - rho - (v - pv), "r − ρ = v − P v, at every x"),
        prove_zero((now - ahead) - now + ahead, "P^t (v − P v) = P^t v − P^{t+1} v; sum over t"),
    ]


def prove_shift() -> Proof:
    r, p = symbols("r P")
    what = "term t of the sum from s_1 is term t + 1 of the sum from s_0: T terms t = 0 … T − 1"
    return prove_zero((r + p * r + p**2 * r) - (r + p * (r + p * r)), what)


def prove_free_constant() -> Proof:
    r, rho, weight, v, c = symbols("r rho p v c")
    # Σ_y p(y|x) (v(y) + c) = Σ p v + c: at one y, with the rest of the row in w
    w = 1 - weight
    other = symbols("v_other")
    pv = weight * v + w * other
    moved = weight * (v + c) + w * (other + c)
    return prove_zero((r - rho + moved) - c - (r - rho + pv), "T(v + c) − c = T v")


def prove_multichain() -> list[Proof]:
    v, pv, g, pg = symbols("v Pv g Pg")
    reward = v - pv + g
    return [
        prove_zero(reward - g - (v - pv), "r − ρ(x) = v − P v, which telescopes as before"),
        prove_zero((g + pg - 2 * g).subs(pg, g), "E[ρ(x_t)] = ρ(x_0) at every t needs P ρ = ρ"),
    ]


# -- claims ----------------------------------------------------------------------------------------

SWAP = [[0, 1], [1, 0]]
PAID = chain_family(chain=CHAIN, reward=VALUE)
TIMED = chain_family(chain=CHAIN, reward=VALUE, times=choice(1, 2, 3, 4))
TIMES = scope(states=">= 1", times=">= 1")
ANY_TIMES: dict[str, Any] = {"batched": False, "examples": 300}

row(
    "further.015.limit.printed",
    "refuted",
    "FURTHER Prop. 2; FURTHER (15)",
    r"\lim_{T \to \infty} E\Big[\sum_{t=0}^T (\mathcal{R}^i(s_t, a_t) - \rho)\Big] \text{ exists: "
    r"its terms vanish}",
    "Not where the joint chain is periodic, and deterministic play against a deterministic learner "
    "is. A cycle of two with rewards 1, 0: the sums are 1/2, 0, 1/2, 0, … for ever.",
    CHAINS,
    Counterexample(next_term, {"chain": SWAP, "reward": [1, 0]}, "== 0", where=of_period_two),
)
row(
    "further.015.limit.corrected",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"\text{aperiodic} \Rightarrow \lim_T S_T = v \text{ with } v = r - \rho + P v,\ \mu v = 0",
    "S_T = v − P^{T+1} v, and P^{T+1} v → μ v = 0.",
    CHAINS,
    Deduction(
        ("further.015.telescoping.added",),
        "convergence of a finite chain",
        "every recurrent class aperiodic: P^t → P*, and P* v = 0 in the normalised solution",
    ),
    assumes=(UNICHAIN, "aperiodic"),
)
row(
    "further.015.average.corrected",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"v = \lim_{N \to \infty} \tfrac{1}{N} \sum_{T<N} S_T = \lim_{\gamma \to 1} E \sum_t \gamma^t "
    r"(\mathcal{R}^i - \rho)",
    "The definition that works for every finite chain: averages, by Cesàro or by Abel, instead of "
    "the limit. Both give the v with P* v = 0, periodic or not.",
    CHAINS,
    Deduction(
        ("further.015.telescoping.added",),
        "convergence of a finite chain",
        "averages of v − P^{T+1} v converge to v − P* v = v",
    ),
    assumes=("several classes: ρ depends on the class",),
)
row(
    "further.015.telescoping.added",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"v = r - \rho + P v \Rightarrow \sum_{t=0}^T P^t (r - \rho) = v - P^{T+1} v",
    "Everything about the limit is in P^{T+1} v.",
    TIMES,
    Symbolic(prove_telescoping),
    sample(telescoped, TIMED, **ANY_TIMES),
)
row(
    "further.015.step3.printed",
    "refuted",
    "FURTHER Prop. 2; FURTHER (15)",
    r"\sum_{t=0}^T (\mathcal{R}_t - \rho) = \mathcal{R}_0 - \rho + \sum_{t=0}^T "
    r"(\mathcal{R}_{t+1} - \rho) \text{ in expectation, for each } T",
    "The third line sums T + 1 terms from s_1, the second only T. In the limit the extra term "
    "vanishes for aperiodic chains alone. Here: rewards 1, 0 in a cycle of two.",
    CHAINS,
    Counterexample(printed_shift, {"chain": SWAP, "reward": [1, 0]}, "== 0"),
)
row(
    "further.015.step3.corrected",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"\sum_{t=0}^T (\mathcal{R}_t - \rho) = \mathcal{R}_0 - \rho + \sum_{t=0}^{T-1} "
    r"(\mathcal{R}_{t+1} - \rho) \text{ in expectation}",
    "",
    CHAINS,
    Symbolic(prove_shift),
    sample(corrected_shift, PAID),
)
row(
    "further.015.printed",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"v(s, \theta^{-i}) = \sum_{a^i} \pi \sum_{a^{-i}} \pi \sum_{s'} \mathcal{T} "
    r"\sum_{\theta^{-i\prime}} \mathcal{U}^{-i} [\mathcal{R}^i - \rho + v(s', \theta^{-i\prime})]",
    "The recursion itself: true of v wherever v is defined, by the limit or by averages, and "
    "whatever U sees of the transition.",
    GAMES,
    Deduction(
        ("further.015.average.corrected", "further.015.step3.corrected"),
        "limit of a closed statement",
        "average S_T = r − ρ + P S_{T−1} over T",
    ),
    sample(recursion, joint_family(**GAME)),
    assumes=(UNICHAIN,),
)
row(
    "further.015.defines.printed",
    "refuted",
    "FURTHER Prop. 2; FURTHER (15)",
    r"(15) \text{ determines } v",
    "Read as the equation to solve, as a critic does: v + c solves it as well. One state, reward "
    "0, ρ = 0, v = 1.",
    CHAINS,
    Counterexample(
        another_solution,
        {"chain": [[1]], "reward": [0], "value": [1], "gain": 0},
        "== 0",
        where=solves,
    ),
)
row(
    "further.015.constant.added",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"v \text{ solves } (15) \iff v + c \text{ does}",
    "",
    CHAINS,
    Symbolic(prove_free_constant),
)
row(
    "further.015.defines.corrected",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"(15) \text{ and } \mu v = 0 \text{ determine } v \text{ and } \rho",
    "With one recurrent class. Two solutions differ by a harmonic function, which is constant.",
    CHAINS,
    Deduction(
        ("further.007.start.corrected", "further.015.constant.added"),
        "convergence of a finite chain",
        "w = P w gives w = P* w = μ w, a constant; μ v = 0 makes it 0",
    ),
    sample(normalised_solution, chain_family(chain=CHAIN, reward=VALUE, shift=number())),
    assumes=(UNICHAIN,),
)
row(
    "further.015.multichain.added",
    "proved",
    "FURTHER Prop. 2; FURTHER (15)",
    r"\text{several classes: } v = r - \rho(x) + P v \text{ together with } \rho = P \rho",
    "With ρ(s, θ) instead of ρ the recursion holds for every finite chain, and one more equation "
    "is needed.",
    CHAINS,
    Symbolic(prove_multichain),
    sample(
        multichain_recursion,
        chain_family(leave=number("1/10", 1), side=number(0, 1), reward=array(3)),
    ),
)
