"""Where decentralised training comes to rest: logit equilibria. FURTHER (11)-(14), E.3, H, I.

Each agent i fits its own q_i, ρ_i, π_i and decoder on its own data. All of them rest together iff

    p_i = π_{-i},   q_i = r_i − ρ_i + P v_i,   π_i ∝ exp(Σ_b π_{-i} q_i / α)          for every i

so each π_i is the best soft policy of the average-reward game against the others as they are: a
logit equilibrium. There is always one; how many, and how good, is in deep_equilibrium_several. At
rest the others look stationary, so nothing in it knows that they learn. Shapes: two agents, n
states, A and B actions; tables [n, A, B], transition [n, A, B, n], policies [n, A] and [n, B].
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
    beta,
    distribution,
    instances,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._deep import ahead, value_of
from tabular_marl.verification.claims._further import sample, span, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_experiments import mismatches

# -- formulas --------------------------------------------------------------------------------------


def actor_push(arithmetic: Arithmetic, x: Numbers, policy: Numbers, beta: Numbers) -> Numbers:
    """∂/∂φ_k of Σ_a π (x − α log π), π = softmax φ: π_k (g_k − Σ π g), g = x − α log π; [A]."""
    slope = x - arithmetic.log(policy) / beta
    return policy * (slope - (policy * slope).sum(axis=0))


def push_at_tilt(arithmetic: Arithmetic, x: Numbers, beta: Numbers) -> Numbers:
    """The same at π ∝ exp(x/α)."""
    return actor_push(arithmetic, x, tilt(x, None, beta, 0, arithmetic), beta)


def planted(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    alpha: Numbers,
    value: Numbers,
    gain: Numbers,
    spread: Numbers,
) -> Numbers:
    """What moves agent i where r_i is made so that (agent, opponent) is an equilibrium with this
    value and gain: every δ, v of (13) less the value, and the push on its logits."""
    own = alpha * arithmetic.log(agent)[:, :, None] + value[:, None, None]
    own = own + spread - mean_over(spread, opponent)[:, :, None]
    reward = own + gain - ahead(transition, value)
    q = reward - gain + ahead(transition, value)
    found = value_of(arithmetic, q, agent, opponent, alpha)
    error = reward - gain + ahead(transition, found) - q
    asked = mean_over(q, opponent) - alpha * arithmetic.log(agent)
    push = agent * (asked - (agent * asked).sum(axis=1)[:, None])
    flat = [error.reshape(-1, *error.shape[3:]), push.reshape(-1, *push.shape[2:])]
    return np.concatenate([*flat, found - value])


def mean_over(table: Numbers, others: Numbers) -> Numbers:
    """Σ_b w(b|x) table(x, a, b), [n, A]."""
    return (others[:, None] * table).sum(axis=2)


def least_probability(arithmetic: Arithmetic, q: Numbers, beta: Numbers) -> Numbers:
    """π(a) − exp(−sp(q)/α)/A at π ∝ exp(q/α)."""
    policy = tilt(q, None, beta, 0, arithmetic)
    least = arithmetic.exp(-beta * span(arithmetic, q)) / arithmetic.number(len(q))
    return policy - least


def at_rest_or_committed(arithmetic: Arithmetic, step_size: Numbers, times: int) -> Any:
    """IBS against the q-learner, the mean of T rewards: of the best reply to it as it is, and of
    committing, which earns nothing until it gives way."""
    late = arithmetic.number(2 * (times - mismatches(step_size))) / times
    return sides(arithmetic.number(1), late)


# -- proofs ----------------------------------------------------------------------------------------


def prove_push() -> list[Proof]:
    p, own, g, total, alpha = symbols("pi_j pi_k g_j S alpha")
    c, k = symbols("c g_k")
    return [
        prove_zero(
            (g - alpha) * p * (0 - own) + own * (g - alpha) * p,
            "∂π_j/∂φ_k = π_j (1[j = k] − π_k), ∂(π (x − α log π))/∂π = g − α: term j ≠ k",
        ),
        prove_zero(
            own * (k - alpha) - own * (total - alpha) - own * (k - total),
            "all terms: π_k (g_k − α) − π_k Σ_j π_j (g_j − α) = π_k (g_k − Σ π g)",
        ),
        prove_zero(
            (own * (k - total)).subs({k: c, total: c}),
            "0 for every k iff g is constant where π > 0: log π = (x − c)/α, the tilt",
        ),
    ]


def prove_least() -> Proof:
    t, over = positive("t"), positive("over")
    return prove_nonnegative(
        t * (1 + over) - t, "e^{(q_j − q_a)/α} <= e^{sp(q)/α} = t (1 + over), so Σ_j <= A e^{sp/α}"
    )


# -- claims ----------------------------------------------------------------------------------------

TRAINING = "FURTHER E.3; FURTHER (14)"
JOINT = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", alpha="(0, inf)")
TABLES = "tables for every critic, actor and decoder; every (s, a, b) is visited"
STILL = "ẑ carries nothing at rest, as nobody moves"

row(
    "deep.equilibrium.push.added",
    "proved",
    "FURTHER (14); FURTHER E.3",
    r"\partial_{\varphi_k} \textstyle\sum_a \pi (x - \alpha \log \pi) = \pi_k (g_k - \sum_a \pi g) "
    r"= 0 \ \forall k \iff \pi \propto e^{x/\alpha}",
    "A softmax table has no other point of rest than the soft policy: no local optima.",
    scope(actions=">= 1", beta="(0, inf)"),
    Symbolic(prove_push),
    sample(
        push_at_tilt, instances({"actions": (1, 3)}, x=array("actions"), beta=beta("+", high=8))
    ),
)
row(
    "deep.equilibrium.rest.added",
    "proved",
    TRAINING,
    r"\text{everybody rests} \iff (\pi_i) \text{ is a logit equilibrium: } \pi_i \propto "
    r"\exp\big(\tfrac1\alpha \textstyle\sum_b \pi_{-i} q_i\big),\ q_i = r_i - \rho_i + P v_i",
    "On data of present play, which any memory that forgets holds once nobody moves. One equation "
    "for each agent and state; ρ_i is its own gain with entropy.",
    JOINT,
    Deduction(
        (
            "further.024.reconstruction.corrected",
            "deep.gain.tabular.added",
            "deep.gain.twin.added",
            "deep.equilibrium.push.added",
        ),
        "conjunction",
        "decoders rest at the others' policies, critics and gains at the solution of (12), (13) "
        "against them, actors at the tilt of Σ_b π_{-i} q_i; each step is an equivalence",
    ),
    sample(
        planted,
        instances(
            {"states": (1, 2), "actions": (1, 2), "opponent_actions": (1, 2)},
            transition=distribution("states", "actions", "opponent_actions", "states"),
            agent=distribution("states", "actions"),
            opponent=distribution("states", "opponent_actions"),
            alpha=number("1/8", 4),
            value=array("states"),
            gain=number(),
            spread=array("states", "actions", "opponent_actions"),
        ),
    ),
    assumes=(TABLES, STILL, "one recurrent class"),
)
row(
    "deep.equilibrium.best-reply.added",
    "proved",
    f"{TRAINING}; FURTHER (7)",
    r"\text{at rest no policy of agent } i \text{ has a larger } \rho = E[r] + \alpha "
    r"E[\mathcal{H}] \text{ against } \pi_{-i}",
    "So each is a best soft reply, over whole policies and not step by step.",
    JOINT,
    Deduction(
        ("deep.equilibrium.rest.added", "deep.peer.performance.added", "kl.nonnegative"),
        "chain of inequalities",
        "with h = v_i, Th − h is ρ_i in every state, and π_h = π_i: ρ_π = ρ_i − α E[KL] <= ρ_i",
    ),
    assumes=(TABLES, STILL, "one recurrent class under every policy of i"),
)
row(
    "deep.equilibrium.exploitability.added",
    "proved",
    f"{TRAINING}; FURTHER H",
    r"\max_\pi E_\pi[r_i] - E[r_i] \le \alpha E[\mathcal{H}(\pi_i)] \le \alpha \log A",
    "How near to a Nash equilibrium of the average reward. Table 2's α = 0.4 allows 0.28.",
    JOINT,
    Deduction(
        ("deep.equilibrium.best-reply.added",),
        "chain of inequalities",
        "E_π[r] <= E_π[r] + α E_π[H] <= E[r] + α E[H], and an entropy is at least 0, at most log A",
    ),
    assumes=(TABLES, STILL, "one recurrent class under every policy of i"),
)
row(
    "deep.equilibrium.interior.added",
    "proved",
    f"{TRAINING}; FURTHER H",
    r"\pi_i(a|s) \ge \tfrac1A \exp(-\mathrm{sp}(q)/\alpha)",
    "Never pure: a Nash equilibrium in pure strategies is approached as α → 0 only.",
    scope(actions=">= 1", beta="(0, inf)"),
    Symbolic(prove_least),
    sample(
        least_probability,
        instances({"actions": (1, 3)}, q=array("actions"), beta=beta("+", high=8)),
        ">= 0",
    ),
)
row(
    "deep.equilibrium.exists.added",
    "proved",
    TRAINING,
    r"\text{there is a joint fixed point}",
    "Whatever the rewards. The theorem does not say that training finds it.",
    JOINT,
    Deduction(
        ("deep.equilibrium.rest.added", "further.015.defines.corrected"),
        "brouwer fixed point",
        "(π_i) ↦ the tilts of Σ_b π_{-i} q_i, with q_i the solution of (12), (13) under (π_i): "
        "with one recurrent class it is a rational function of (π_i) and their entropies, "
        "continuous up to the border; its fixed points are those of training",
    ),
    assumes=(TABLES, STILL, "one recurrent class under every joint policy"),
)
row(
    "deep.equilibrium.active.added",
    "refuted",
    f"{TRAINING}; FURTHER (7); FURTHER I",
    r"\text{at rest agent } i\text{'s policy is best against others who would learn}",
    "It is best against them as they are. In IBS against the q-learner complying is the best "
    "reply, 1; committing makes the learner give way and earns 2 on average. To see it ẑ must "
    "move, and at rest it does not.",
    scope(step_size="(0, 1]", times=">= 1"),
    Counterexample(at_rest_or_committed, {"step_size": "1/2", "times": 100}),
    rests_on=("further.H.myopic.corrected",),
)
