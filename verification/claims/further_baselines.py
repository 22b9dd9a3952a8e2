"""The discounted baselines. FURTHER G.2, (25), (26).

    v = E[r + γ v(s', ẑ')] + α H(π) = E Σ_t γ^t (r + α H),    (1 − γ) v → ρ as γ → 1

Shapes: reward, policy [A]; value [Z] at s' for each ẑ.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    discount,
    distribution,
    instances,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def target_now(
    arithmetic: Arithmetic, reward: Numbers, value: Numbers, after: Numbers, gamma: Numbers
) -> Any:
    """r + γ v(s', ẑ) against E[r + γ v(s', ẑ')]; value [Z] at s', ẑ = 0, ẑ' of law ``after``."""
    return sides(reward + gamma * value[0], reward + gamma * expectation(after, value, 0))


def soft_target(
    arithmetic: Arithmetic, reward: Numbers, policy: Numbers, alpha: Numbers, gamma: Numbers
) -> Any:
    """One state: the fixed point of y = r + γ v with v of (13), against Σ γ^t E r of (25)."""
    bonus = -(policy * arithmetic.log(policy)).sum(axis=0)
    paid = (policy * reward).sum(axis=0)
    return sides((paid + alpha * bonus) / (1 - gamma), paid / (1 - gamma))


def soft_target_corrected(
    arithmetic: Arithmetic, reward: Numbers, policy: Numbers, alpha: Numbers, gamma: Numbers
) -> Any:
    """The same against Σ γ^t E[r + α H]: v = E[r + γ v] + α H."""
    bonus = -(policy * arithmetic.log(policy)).sum(axis=0)
    value = (policy * (reward + alpha * bonus)).sum(axis=0) / (1 - gamma)
    return sides(value, (policy * (reward + gamma * value)).sum(axis=0) + alpha * bonus)


def truncated(arithmetic: Arithmetic, reward: Numbers, gamma: Numbers, times: int = 3) -> Any:
    """Σ_{t <= T} γ^t r against Σ_{t >= 0} γ^t r; constant reward."""
    total = sum((gamma**t * reward for t in range(times + 1)), 0 * reward)
    return sides(total, reward / (1 - gamma))


def named_rho(arithmetic: Arithmetic, reward: Numbers, gamma: Numbers) -> Any:
    """The average reward of a constant reward against its discounted return."""
    return sides(reward, reward / (1 - gamma))


def against_fixed(arithmetic: Arithmetic, reward: Numbers, gamma: Numbers) -> Any:
    """Always a = 1 against a learner who plays b = the last a, b_0 = 0: with b fixed, and truly.

    reward [A, B].
    """
    fixed = reward[1, 0] / (1 - gamma)
    return sides(fixed, reward[1, 0] + gamma * reward[1, 1] / (1 - gamma))


def for_every_start(arithmetic: Arithmetic, reward: Numbers, gamma: Numbers) -> Any:
    """Σ_θ of (25) for the best one π, and for the best π of each θ; one state, θ never changes.

    reward[θ, a].
    """
    one = arithmetic.maximum(reward.sum(axis=0), 0)
    return sides(one / (1 - gamma), arithmetic.maximum(reward, 1).sum(axis=0) / (1 - gamma))


# -- proofs ----------------------------------------------------------------------------------------


def prove_target() -> Proof:
    r, gamma, weight, v = symbols("r gamma p v")
    what = "(25) splits off its first term as in (15): v(s, θ) = E[R + γ v(s', θ')], term by term"
    return prove_zero(weight * (r + gamma * v) - weight * r - gamma * weight * v, what)


def prove_soft_target() -> Proof:
    p, r, alpha, log_p, gamma, v = symbols("pi r alpha logpi gamma v")
    what = "term a of v = Σ π (q − α log π), q = r + γ v"
    return prove_zero(
        p * (r + gamma * v - alpha * log_p) - p * (r - alpha * log_p) - gamma * p * v, what
    )


# -- claims ----------------------------------------------------------------------------------------

G2 = "FURTHER G.2"


row(
    "further.G.2.target.printed",
    "refuted",
    f"{G2}; FURTHER (25)",
    r"y = r^i + \gamma\, v(s', \hat z^{-i}; \bar\psi) \text{ is the target of } (25)",
    "The others' next policies are ẑ^{-i}', as in (12): with ẑ^{-i} the value at s' is that of "
    "others who did not learn. A prime is missing. (Nor has v a β: (13) takes the min over both.)",
    scope(latents=">= 1", gamma="[0, 1)"),
    Counterexample(
        target_now, {"reward": 0, "value": [0, 1], "after": [0, 1], "gamma": "1/2"}, "== 0"
    ),
)


row(
    "further.G.2.target.corrected",
    "proved",
    f"{G2}; FURTHER (25)",
    r"v(s, \theta^{-i}) = E[\mathcal{R}^i + \gamma\, v(s', \theta^{-i\prime})]",
    "",
    scope(latents=">= 1", gamma="[0, 1)"),
    Symbolic(prove_target),
)


row(
    "further.025.entropy.printed",
    "refuted",
    f"{G2}; FURTHER (25)",
    r"\text{replacing the target in } (12) \text{ maximises } (25)",
    "v in the target is the soft one of (13), (22); (25) has no entropy. One state, two actions, "
    "reward 0, α = 1, γ = 1/2: 2 log 2 against 0.",
    scope(actions=">= 1", alpha="[0, inf)", gamma="[0, 1)"),
    Counterexample(
        soft_target,
        {"reward": [0, 0], "policy": ["1/2", "1/2"], "alpha": 1, "gamma": "1/2"},
        "== 0",
    ),
)


row(
    "further.025.entropy.corrected",
    "proved",
    f"{G2}; FURTHER (25)",
    r"y = r^i + \gamma v \text{ with } v \text{ of } (13) \text{ evaluates } E\sum_t \gamma^t "
    r"(\mathcal{R}^i + \alpha \mathcal{H})",
    "For α = 0 it is (25).",
    scope(actions=">= 1", alpha="[0, inf)", gamma="[0, 1)"),
    Symbolic(prove_soft_target),
    sample(
        soft_target_corrected,
        instances(
            {"actions": (1, 3)},
            reward=array("actions"),
            policy=distribution("actions"),
            alpha=number(0, 4),
            gamma=discount(),
        ),
    ),
)


row(
    "further.025.index.printed",
    "refuted",
    "FURTHER (25); FURTHER (26)",
    r"\sum_{t=0}^\infty \text{ with } a_{0:T} \text{ drawn} = \sum_{t=0}^T",
    "The conditions of (25), (26) draw actions up to a T that the infinite sum does not have: "
    "a_{0:∞} is meant.",
    scope(gamma="[0, 1)"),
    Counterexample(truncated, {"reward": 1, "gamma": "1/2", "times": 1}, "== 0"),
)


row(
    "further.026.notation.printed",
    "refuted",
    "FURTHER (26)",
    r"\rho^i_{\theta^i}(s, \theta^{-i}) = E\sum_t \gamma^t \mathcal{R}^i",
    "ρ is the average reward everywhere else; the sentence before (26) calls this return v. "
    "Constant reward 1, γ = 1/2: 1 against 2.",
    scope(gamma="[0, 1)"),
    Counterexample(named_rho, {"reward": 1, "gamma": "1/2"}, "== 0"),
)


row(
    "further.026.notation.corrected",
    "proved",
    "FURTHER (26)",
    r"v_\gamma = E\sum_t \gamma^t \mathcal{R}^i, \quad (1-\gamma)\,v_\gamma \to \rho \text{ as } "
    r"\gamma \to 1",
    "What relates the two.",
    scope(states=">= 1"),
    Deduction(
        ("further.025.abel.added",),
        "squeeze",
        "|(1 − γ) v_γ − ρ| <= (1 − γ) sp(v) → 0",
    ),
    assumes=("the joint chain has one recurrent class",),
)


row(
    "further.026.stationary.added",
    "refuted",
    "FURTHER (26); FURTHER (25)",
    r"\text{the objective (26) is the return against others who learn}",
    "(26) holds θ^{-i} fixed. Against a learner who copies the last action, always playing 1 earns "
    "0 for ever by (26), and 1 from the second step on in fact.",
    scope(gamma="[0, 1)"),
    Counterexample(against_fixed, {"reward": [[0, 0], [0, 1]], "gamma": "1/2"}, "== 0"),
)
row(
    "further.025.uniform.added",
    "refuted",
    "FURTHER (25); FURTHER (26)",
    r"\text{one } \pi(a|s; \theta^i) \text{ attains } \max_{\theta^i} v(s, \theta^{-i}) \text{ at "
    r"every } (s, \theta^{-i})",
    "The maximum is taken start by start. A policy of s alone cannot serve two others: one state, "
    "others who never learn, reward 1 for a = θ. Policies of (s, θ) can, as in any decision "
    "problem.",
    scope(parameters=">= 1", actions=">= 1", gamma="[0, 1)"),
    Counterexample(for_every_start, {"reward": [[1, 0], [0, 1]], "gamma": "1/2"}, "== 0"),
)
