"""The average reward, and what a discount makes of it. FURTHER (7), (25).

    (1/T) Σ_{t<T} E r(x_t) − ρ = (v − P^T v)/T,    |(1 − γ) v_γ − ρ| <= (1 − γ) sp(v)

The average exists for every finite chain; one number for every start needs one recurrent class.
Shapes: a chain P [n, n] on x = (s, θ), r and v [n].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    discount,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    CHAIN,
    CHAINS,
    GAMES,
    UNICHAIN,
    VALUE,
    chain_family,
    gain_and_value,
    powers,
    sample,
    span,
    symbols,
    unit,
    within,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_value import (
    ANY_TIMES,
    TIMED,
    TIMES,
    normalised_solution,
    sums,
)

# -- formulas --------------------------------------------------------------------------------------


def averages(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, initial: Numbers, gain: Numbers
) -> Any:
    """ρ from two starts: the rewards of two states that are never left."""
    return sides(reward[0], reward[1])


def closed(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, initial: Numbers, gain: Numbers
) -> Numbers:
    """P = I."""
    return within(arithmetic, chain - unit(arithmetic, chain))


def long_average(arithmetic: Arithmetic, chain: Numbers, reward: Numbers, times: int = 4) -> Any:
    """(1/T) Σ_{t<T} E r(x_t) − ρ against (v − P^T v)/T."""
    gain, value = gain_and_value(arithmetic, chain, reward)
    total = sums(arithmetic, chain, reward, gain, times - 1)[-1]
    ahead = powers(chain, value, times)[-1]
    return sides(total, value - ahead)


def discounted_distance(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers, gamma: Numbers
) -> Numbers:
    """(1 − γ) sp(v) − |(1 − γ) v_γ − ρ|."""
    gain, value = gain_and_value(arithmetic, chain, reward)
    future = arithmetic.solve(unit(arithmetic, chain) - gamma * chain, reward)
    away = arithmetic.absolute((1 - gamma) * future - gain)
    return (1 - gamma) * span(arithmetic, value) - away


def against_swapping(arithmetic: Arithmetic, reward: Numbers) -> Any:
    """Best average against a learner that swaps θ: policies of s alone, and of (s, θ).

    One state; reward[θ, a] is paid while θ; half of the time is spent in each θ.
    """
    blind = arithmetic.maximum(reward.sum(axis=0), 0) / 2
    return sides(blind, arithmetic.maximum(reward, 1).sum(axis=0) / 2)


# -- proofs ----------------------------------------------------------------------------------------


def prove_gain_unique() -> Proof:
    mu, r, rho, v, pv = symbols("mu r rho v Pv")
    what = "μ times (15), term by term; Σ μ v = Σ μ P v leaves Σ μ (r − ρ) = 0"
    return prove_zero(mu * (r - rho + pv - v) - mu * (r - rho) - mu * (pv - v), what)


def prove_abel() -> list[Proof]:
    gamma, ahead, weight = symbols("gamma ahead weight")
    # Σ γ^t (P^t v − P^{t+1} v) = v − (1 − γ) Σ γ^t P^{t+1} v, term t ≥ 0 regrouped by P^{t+1} v
    regrouped = weight * gamma * ahead - weight * ahead + (1 - gamma) * weight * ahead
    mean, v, rho = symbols("mean v rho")
    return [
        prove_zero(regrouped, "γ^{t+1} P^{t+1} v − γ^t P^{t+1} v = −(1 − γ) γ^t P^{t+1} v"),
        prove_zero(
            (1 - gamma) * (rho / (1 - gamma) + v - mean) - rho - (1 - gamma) * (v - mean),
            "(1 − γ) v_γ − ρ = (1 − γ)(v − m), m = (1 − γ) Σ γ^t P^{t+1} v a mean of v",
        ),
    ]


# -- claims ----------------------------------------------------------------------------------------

row(
    "further.007.printed",
    "proved",
    "FURTHER (7)",
    r"\rho = \lim_{T \to \infty} \tfrac{1}{T} E \sum_t \mathcal{R}^i \text{ exists, and equals } "
    r"\tfrac{1}{k} \sum_\ell \sum \mu_k(s, \theta^{-i}|\ell) \sum_a \pi\, \mathcal{R}^i",
    "The average of the first T rewards misses ρ by (v − P^T v)/T, periods or not. With T + 1 "
    "terms, as (15) counts, the limit is the same.",
    TIMES,
    Deduction(
        ("further.015.telescoping.added", "further.019.mean.added"),
        ("convergence of a finite chain", "substitution of equals"),
        "(v − P^T v)/T → 0 as v is bounded; μ r = (1/k) Σ_ℓ μ_k(·|ℓ) r as the mean is μ",
    ),
    sample(long_average, TIMED, **ANY_TIMES),
    assumes=(UNICHAIN,),
)


row(
    "further.007.start.printed",
    "refuted",
    "FURTHER (7); FURTHER Prop. 2",
    r"\rho^i_{\theta^i} \text{ does not depend on } (s_0, \theta^{-i}_0)",
    "It carries no start, but a learner that can lock in two ways has two averages: two states "
    "never left, rewards 0 and 1. Appendix A says so itself.",
    scope(states=">= 1"),
    Counterexample(
        averages,
        {"chain": [[1, 0], [0, 1]], "reward": [0, 1], "initial": [1, 0], "gain": 0},
        "== 0",
        where=closed,
    ),
)


row(
    "further.007.start.corrected",
    "proved",
    "FURTHER (7); FURTHER Prop. 2",
    r"\text{one recurrent class} \Rightarrow \rho = \mu r \text{ from every start}",
    "Any (ρ, v) that solves (15) has ρ = μ r.",
    CHAINS,
    Symbolic(prove_gain_unique),
    sample(normalised_solution, chain_family(chain=CHAIN, reward=VALUE, shift=number())),
    assumes=(UNICHAIN,),
)


row(
    "further.025.abel.added",
    "proved",
    "FURTHER (7); FURTHER (25)",
    r"|(1-\gamma)\,v_\gamma(x) - \rho| \le (1-\gamma)\,\mathrm{sp}(v)",
    "What a discount costs: the discounted value over its horizon is within (1 − γ) sp(v) of the "
    "average reward, at every start.",
    scope(states=">= 1", gamma="[0, 1)"),
    Deduction(
        ("further.025.regrouped.added",),
        "chain of inequalities",
        "m lies between min v and max v, so |v(x) − m| <= sp(v)",
    ),
    sample(discounted_distance, chain_family(chain=CHAIN, reward=VALUE, gamma=discount()), ">= 0"),
    assumes=(UNICHAIN,),
)


row(
    "further.025.regrouped.added",
    "proved",
    "FURTHER (7); FURTHER (25)",
    r"(1-\gamma)\,v_\gamma - \rho = (1-\gamma)(v - m),\ m = (1-\gamma) \textstyle\sum_t \gamma^t "
    r"P^{t+1} v",
    "",
    scope(states=">= 1", gamma="[0, 1)"),
    Symbolic(prove_abel),
    assumes=(UNICHAIN,),
)
row(
    "further.007.memory.added",
    "refuted",
    "FURTHER (7); FURTHER E.3",
    r"\max_{\pi(a|s)} \rho = \max_{\pi(a|s, \theta^{-i})} \rho",
    "(7) and Props. 2, 3 write π(a^i|s; θ^i); the pseudo-code plays π(a|s, ẑ^{-i}). It matters: a "
    "learner who swaps at every step, reward 1 for a = θ: 1/2 against 1.",
    GAMES,
    Counterexample(against_swapping, {"reward": [[1, 0], [0, 1]]}, "== 0"),
)
