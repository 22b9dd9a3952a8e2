"""The learned gain and the policy's objective. FURTHER (12)-(14), (22), (23).

    y = r − ρ + v(s'),   v(s) = Σ_a π(a|s) [q(s, a) − α log π(a|s)],   J_q = E[(y − q)²]
    J_π = E[Σ_a π(a|s) (min_β q − α log π(a|s))],   the others' actions replayed

The learned gain is the average of r plus α times that of the entropy, and the level of q is free.
Shapes: reward [n, A], transition [n, A, n], policy [n, A], value [n]; n numbers (s, ẑ).
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
    free_energy,
    instances,
    number,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._further import (
    UNICHAIN,
    gain_and_value,
    sample,
    stationary,
    symbols,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_soft import ENTROPIC, EVALUATED, SIZES, entropy, under

# -- formulas --------------------------------------------------------------------------------------


def learned_gain(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, policy: Numbers, alpha: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """ρ at the fixed point of (12), (13) under π; then μ, r_π and H."""
    chain, paid = under(policy, reward, transition)
    bonus = entropy(arithmetic, policy)
    gain, _ = gain_and_value(arithmetic, chain, paid + alpha * bonus)
    return gain, stationary(arithmetic, chain), paid, bonus


def gain_is_reward(arithmetic: Arithmetic, **game: Numbers) -> Any:
    """ρ against E[r]."""
    gain, law, paid, _ = learned_gain(arithmetic, **game)
    return sides(gain, (law * paid).sum(axis=0))


def gain_with_entropy(arithmetic: Arithmetic, alpha: Numbers, **game: Numbers) -> Any:
    """ρ against E[r] + α E[H]."""
    gain, law, paid, bonus = learned_gain(arithmetic, alpha=alpha, **game)
    return sides(gain, (law * (paid + alpha * bonus)).sum(axis=0))


def improved_policies(
    arithmetic: Arithmetic, q: Numbers, replayed: Numbers, decoded: Numbers, beta: Numbers
) -> Any:
    """The maximiser of (14) with b replayed, and with b from the decoder; q [A, B]."""
    one = tilt(expectation(replayed, q, 1), None, beta, 0, arithmetic)
    return sides(one, tilt(expectation(decoded, q, 1), None, beta, 0, arithmetic))


def policy_loss(
    arithmetic: Arithmetic, q: Numbers, replayed: Numbers, policy: Numbers, beta: Numbers
) -> Numbers:
    """max of (14), with b replayed, minus (14) at another policy."""
    mean = expectation(replayed, q, 1)
    best = free_energy(mean, None, beta, 0, arithmetic)
    size = arithmetic.number(len(policy))
    cost = (policy * arithmetic.log(policy * size)).sum(axis=0) / beta
    return best - (expectation(policy, mean, 0) - cost)


def value_22(
    arithmetic: Arithmetic, q: Numbers, policy: Numbers, others: Numbers, alpha: Numbers
) -> Numbers:
    """E_{π, others} q + α H(π)."""
    bonus = -(policy * arithmetic.log(policy)).sum(axis=0)
    return expectation(policy, expectation(others, q, 1), 0) + alpha * bonus


def value_13(
    arithmetic: Arithmetic, q: Numbers, policy: Numbers, others: Numbers, alpha: Numbers
) -> Numbers:
    """Σ_a π [Σ_b p(b) q − α log π]."""
    inner = expectation(others, q, 1) - alpha * arithmetic.log(policy)
    return expectation(policy, inner, 0)


def same_values(arithmetic: Arithmetic, **stage: Numbers) -> Any:
    """(22) against (13), b of one law."""
    return sides(value_22(arithmetic, **stage), value_13(arithmetic, **stage))


def other_law(
    arithmetic: Arithmetic, q: Numbers, policy: Numbers, others: Numbers, decoded: Numbers
) -> Any:
    """E q with b from the others' π, and from the decoder."""
    zero = arithmetic.number(0)
    return sides(
        value_22(arithmetic, q, policy, others, zero),
        value_22(arithmetic, q, policy, decoded, zero),
    )


def other_weights(arithmetic: Arithmetic, online: Numbers, target: Numbers) -> Any:
    """v of one action with ψ, and with ψ̄."""
    return sides(online, target)


def pushed(arithmetic: Arithmetic, noise: Numbers, table: Numbers) -> Any:
    """E over ε of g(f(ε)) against E over a of g(a); f sends ε = 0, 1 to a = 0 and ε = 2 to 1."""
    direct = noise[0] * table[0] + noise[1] * table[0] + noise[2] * table[1]
    return sides(direct, (noise[0] + noise[1]) * table[0] + noise[2] * table[1])


# -- proofs ----------------------------------------------------------------------------------------


def prove_gain() -> list[Proof]:
    import sympy

    r, rho, ahead, q, mean_q, bonus, alpha = symbols("r rho v_next q E_q H alpha")
    residual = (r - rho + ahead - q) ** 2
    stationary_point = mean_q + alpha * bonus  # E v(s') = E v(s) = E q + α E H
    return [
        prove_zero(
            sympy.diff(residual, rho) + 2 * (r - rho + ahead - q),
            "∂J_q/∂ρ = −2 E(y − q), through y alone",
        ),
        prove_zero(
            (r - rho + stationary_point - mean_q).subs(rho, r + alpha * bonus),
            "E(y − q) = 0 and E v(s') = E v(s) at stationarity",
        ),
    ]


def prove_constant() -> Proof:
    r, rho, ahead, q, c = symbols("r rho v_next q c")
    return prove_zero(
        (r - rho + (ahead + c) - (q + c)) - (r - rho + ahead - q), "y − q, v moving with q"
    )


def prove_entropy() -> Proof:
    p, w, q, alpha, log_p = symbols("pi p q alpha logpi")
    return prove_zero(
        p * (w * q) + alpha * (-p * log_p) - p * (w * q - alpha * log_p), "term by term over (a, b)"
    )


def prove_pushed() -> Proof:
    e0, e1, e2, g0, g1 = symbols("e0 e1 e2 g0 g1")
    direct, law = e0 * g0 + e1 * g0 + e2 * g1, (e0 + e1, e2)
    what = "the ε with f(ε) = a are collected into π(a)"
    return prove_zero(direct - law[0] * g0 - law[1] * g1, what)


# -- claims ----------------------------------------------------------------------------------------

STAGE = scope(actions=">= 1", opponent_actions=">= 1")


STAGES = {"actions": (1, 3), "opponent_actions": (1, 3)}


Q = array("actions", "opponent_actions")


OTHERS = distribution("opponent_actions")


row(
    "further.012.gain.printed",
    "refuted",
    "FURTHER (12); FURTHER (13)",
    r"\rho \text{ of } (12), (13) \text{ is the average reward } E[r]",
    "The value that y carries has entropy in it, so ρ absorbs it. One state, two actions, reward "
    "0, α = 1: ρ = log 2.",
    ENTROPIC,
    Counterexample(
        gain_is_reward,
        {
            "reward": [[0, 0]],
            "transition": [[[1], [1]]],
            "policy": [["1/2", "1/2"]],
            "alpha": 1,
        },
        "== 0",
    ),
)


row(
    "further.012.gain.corrected",
    "proved",
    "FURTHER (12); FURTHER (13)",
    r"\rho = E[r] + \alpha\, E[\mathcal{H}(\pi)]",
    "Where J_q vanishes, or is stationary in ρ under samples of present play; `deep.gain.*` has "
    "when it is not.",
    ENTROPIC,
    Symbolic(prove_gain),
    sample(gain_with_entropy, instances(SIZES, **EVALUATED)),
    assumes=(UNICHAIN,),
)


row(
    "further.012.constant.added",
    "proved",
    "FURTHER (12)",
    r"J_q(q + c, \rho) = J_q(q, \rho)",
    "Nothing in (12) prefers a level of q, and only differences mean something. In training the "
    "start and the rates pin it: `deep.gauge.limit`.",
    ENTROPIC,
    Symbolic(prove_constant),
)


row(
    "further.014.replayed.printed",
    "refuted",
    "FURTHER (14); FURTHER (23); FURTHER (13)",
    r"\text{the policy that maximises (14) or (23) maximises the } v \text{ of (13) or (22)}",
    "(14) and (23) average over replayed a^{-i}, (13) and (22) over the decoder's. If the others "
    "have changed since, the policy answers what they used to do.",
    scope(actions=">= 1", opponent_actions=">= 1", beta="(0, inf)"),
    Counterexample(
        improved_policies,
        {"q": [[1, 0], [0, 1]], "replayed": [1, 0], "decoded": [0, 1], "beta": 1},
        "== 0",
    ),
)


row(
    "further.014.replayed.corrected",
    "proved",
    "FURTHER (14); FURTHER (23); FURTHER (13)",
    r"\text{one law of } a^{-i} \text{ in both} \Rightarrow \pi(a^i) \propto \exp(E[\min_\beta q]/"
    r"\alpha) \text{ maximises both}",
    "The soft policy of the mean critic, not a mean of soft policies.",
    scope(actions=">= 1", opponent_actions=">= 1", beta="(0, inf)"),
    Deduction(
        ("free-energy.variational.maximum",),
        "special case",
        "(14) is E_π[x] + α H(π) with x = E min q; its maximum is the free energy, at the tilt",
    ),
    sample(
        policy_loss,
        instances(
            STAGES,
            q=Q,
            replayed=OTHERS,
            policy=distribution("actions"),
            beta=beta("+", high=8),
        ),
        ">= 0",
    ),
)


row(
    "further.022.entropy.printed",
    "proved",
    "FURTHER (22); FURTHER (13)",
    r"E_{\pi, p}[\min_\beta q] + \alpha\,\mathcal{H}(\pi) = \sum_{a^i} \pi\,\big[\sum_{a^{-i}} p\, "
    r"\min_\beta q - \alpha \log \pi\big]",
    "(22) is (13) where the two average over one law of a^{-i} and use one set of critics.",
    scope(actions=">= 1", opponent_actions=">= 1", alpha="[0, inf)"),
    Symbolic(prove_entropy),
    sample(
        same_values,
        instances(STAGES, q=Q, policy=distribution("actions"), others=OTHERS, alpha=number(0, 4)),
    ),
)


row(
    "further.022.decoder.printed",
    "refuted",
    "FURTHER (22); FURTHER (13)",
    r"E_{a^{-i} \sim \pi(\cdot|s; \hat z^{-i})} = E_{a^{-i} \sim p(\cdot|s, \hat z^{-i}; "
    r"\phi_{\mathrm{dec}})}",
    "(22) writes the others' policy with ẑ for their parameters. Agent i does not have it; the "
    "decoder of (13) is meant. The corrected row is `022.entropy`.",
    STAGE,
    Counterexample(
        other_law,
        {"q": [[0, 1]], "policy": [1], "others": [1, 0], "decoded": [0, 1]},
        "== 0",
    ),
)


row(
    "further.022.target.printed",
    "refuted",
    "FURTHER (22); FURTHER (13)",
    r"v(\cdot; \psi) \text{ with } \psi_\beta \text{ is the } v(\cdot; \bar\psi) \text{ of (12), "
    r"(13)}",
    "(13) evaluates targets with the slow copies ψ̄_β that line 26 keeps; (22) prints ψ_β.",
    STAGE,
    Counterexample(other_weights, {"online": 1, "target": 0}, "== 0"),
)


row(
    "further.023.printed",
    "proved",
    "FURTHER (23)",
    r"E_\epsilon[g(f_{\theta^i}(\epsilon))] = E_{a^i \sim \pi}[g(a^i)]",
    "(23) is (14) by a change of variables, at equal a^{-i}.",
    STAGE,
    Symbolic(prove_pushed),
    sample(
        pushed,
        instances(
            {"actions": (2, 2), "opponent_actions": (1, 1)},
            noise=distribution(3),
            table=array("actions"),
        ),
    ),
    assumes=("f_θ(ε) has the law π(·|s, ẑ; θ)",),
)
