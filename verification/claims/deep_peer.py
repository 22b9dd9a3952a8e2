"""The others' action, replayed in (14) and modelled in (13). FURTHER (13), (14), (23).

    J(π; w) = Σ_a π(a) [Σ_b w(b) q(a, b) − α log π(a)]       w: the memory's law d, the decoder p
    |J(π; d) − J(π; w)| <= ½ ‖d − w‖₁ sp(Σ_a π q(a, ·))
    ρ_π = E_μ[Th − h] − α E_μ[KL(π ‖ tilt(r + P h))]         for any h and π, μ the law of π

J is affine in w: replayed actions give an unbiased loss and gradient for the memory's law, which is
the others' present law only while they stay. The policy answers d, the critic expects p. One state:
q [A, B], laws [B], policy [A]; with states, as in _deep with the others taken in: reward [n, A],
transition [n, A, n], policy [n, A], h [n].
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
    kl,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._deep import STAGE
from tabular_marl.verification.claims._further import sample, span, stationary, symbols
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def objective(
    arithmetic: Arithmetic, q: Numbers, policy: Numbers, law: Numbers, beta: Numbers
) -> Numbers:
    """J(π; w), α = 1/β."""
    return (policy * (expectation(law, q, 1) - arithmetic.log(policy) / beta)).sum(axis=0)


def replay_by_replay(
    arithmetic: Arithmetic, q: Numbers, policy: Numbers, law: Numbers, beta: Numbers
) -> Any:
    """The mean over b ~ d of the loss at b, against J(π; d)."""
    each = q - (arithmetic.log(policy) / beta)[:, None]
    by_action = (policy[:, None] * each).sum(axis=0)
    return sides(expectation(law, by_action, 0), objective(arithmetic, q, policy, law, beta))


def two_laws(
    arithmetic: Arithmetic,
    q: Numbers,
    policy: Numbers,
    replayed: Numbers,
    present: Numbers,
    beta: Numbers,
) -> Any:
    """J(π; d) and J(π; the others' present law)."""
    one = objective(arithmetic, q, policy, replayed, beta)
    return sides(one, objective(arithmetic, q, policy, present, beta))


def room_of_the_bias(
    arithmetic: Arithmetic,
    q: Numbers,
    policy: Numbers,
    replayed: Numbers,
    present: Numbers,
    beta: Numbers,
) -> Numbers:
    """½ ‖d − w‖₁ sp(Σ_a π q(a, ·)) − |J(π; d) − J(π; w)|."""
    found = two_laws(arithmetic, q, policy, replayed, present, beta)
    wide = span(arithmetic, (policy[:, None] * q).sum(axis=0))
    apart = arithmetic.absolute(replayed - present).sum(axis=0) / 2
    return apart * wide - arithmetic.absolute(found.left - found.right)


def room_of_the_regret(
    arithmetic: Arithmetic, q: Numbers, replayed: Numbers, present: Numbers, beta: Numbers
) -> Any:
    """sp(x_d − x_w) against max J(·; w) − J(π_d; w), x_w(a) = Σ_b w q, π_d the best for d."""
    here, there = expectation(replayed, q, 1), expectation(present, q, 1)
    policy = tilt(here, None, beta, 0, arithmetic)
    best = tilt(there, None, beta, 0, arithmetic)
    lost = objective(arithmetic, q, best, present, beta) - objective(
        arithmetic, q, policy, present, beta
    )
    return sides(span(arithmetic, here - there), lost)


def gains(
    arithmetic: Arithmetic, reward: Numbers, replayed: Numbers, decoded: Numbers, beta: Numbers
) -> Any:
    """One state: ρ at the fixed point of (12)-(14), and the best one against the decoder."""
    found = [
        objective(
            arithmetic,
            reward,
            tilt(expectation(law, reward, 1), None, beta, 0, arithmetic),
            decoded,
            beta,
        )
        for law in (replayed, decoded)
    ]
    return sides(*found)


def performance(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    policy: Numbers,
    beta: Numbers,
    h: Numbers,
) -> Any:
    """ρ_π against E_μ[Th − h] − (1/β) E_μ[KL(π ‖ π_h)]; entropy as −KL to the uniform law, /β."""
    x = reward + expectation(transition, h, 2)
    uniform = 0 * policy + 1 / arithmetic.number(policy.shape[1])
    law = stationary(arithmetic, (policy[:, :, None] * transition).sum(axis=1))
    cost = kl(policy, uniform, 1, arithmetic) / beta
    gain = (law * ((policy * reward).sum(axis=1) - cost)).sum(axis=0)
    best = free_energy(x, None, beta, 1, arithmetic)
    away = kl(policy, tilt(x, None, beta, 1, arithmetic), 1, arithmetic) / beta
    return sides(gain, (law * (best - h - away)).sum(axis=0))


# -- proofs ----------------------------------------------------------------------------------------


def prove_affine() -> Proof:
    w, p, q, log_p, alpha = symbols("w p q logp alpha")
    return prove_zero(
        w * (p * (q - alpha * log_p)) - p * (w * q) + alpha * w * p * log_p, "Σ w = 1"
    )


def prove_bias() -> list[Proof]:
    d, w, f, middle = symbols("d w f m")
    half, odd = positive("half"), positive("odd")
    inner = half * (1 - odd) / (1 + odd)  # f − m, anywhere in (−half, half)
    what = "Σ (d − w) f = Σ (d − w)(f − m), as Σ d = Σ w, m the middle of f's range"
    return [
        prove_zero((d - w) * (f - middle) - (d - w) * f + (d - w) * middle, what),
        prove_nonnegative(half - inner, "f − m <= sp(f)/2"),
        prove_nonnegative(half + inner, "f − m >= −sp(f)/2"),
    ]


def prove_performance() -> Proof:
    mu, x, cost, best, away, h = symbols("mu x cost F away h")
    what = (
        "μ (E_π[r] − cost + P_π h − h) = μ (F − away − h) by duality; Σ μ (P_π h − h) = 0, term by "
        "term"
    )
    return prove_zero(
        (mu * (x - cost - h) - mu * (best - away - h)).subs(x, best - away + cost), what
    )


# -- claims ----------------------------------------------------------------------------------------

PEER = "FURTHER (13); FURTHER (14)"
SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}
Q = array("actions", "opponent_actions")
POLICY = distribution("actions")
LAW = distribution("opponent_actions")
BETA = beta("+", high=8)
MATCH = {"q": [[1, 0], [0, 1]], "beta": 1}

row(
    "deep.peer.unbiased.added",
    "proved",
    PEER,
    r"E_{b \sim d}\big[\sum_a \pi\,(\min q(a, b) - \alpha \log \pi)\big] = J(\pi; d), \text{ and "
    r"so its gradient}",
    "(14) with replayed actions is unbiased for the law that they have in the memory: the others' "
    "present one if they have not moved since, or if only the last transition is used.",
    STAGE,
    Symbolic(prove_affine),
    sample(replay_by_replay, instances(SIZES, q=Q, policy=POLICY, law=LAW, beta=BETA)),
)
row(
    "deep.peer.moved.added",
    "refuted",
    PEER,
    r"(14) \text{ is an unbiased policy loss against the others' present play}",
    "Not where they have moved: a match pays 1, they played 0 and now play 1.",
    STAGE,
    Counterexample(
        two_laws, {**MATCH, "policy": ["3/4", "1/4"], "replayed": [1, 0], "present": [0, 1]}, "== 0"
    ),
)
row(
    "deep.peer.bias.added",
    "proved",
    PEER,
    r"|J(\pi; d) - J(\pi; w)| \le \tfrac12 \|d - w\|_1\, \mathrm{sp}\big(\textstyle\sum_a \pi\, "
    r"q(a, \cdot)\big)",
    "By how much: the distance that they have moved, times what they can do to the agent.",
    STAGE,
    Symbolic(prove_bias),
    sample(
        room_of_the_bias,
        instances(SIZES, q=Q, policy=POLICY, replayed=LAW, present=LAW, beta=BETA),
        ">= 0",
    ),
)
row(
    "deep.peer.regret.added",
    "proved",
    PEER,
    r"\max_\pi J(\pi; w) - J(\pi_d; w) \le \mathrm{sp}\big(\textstyle\sum_b (d - w)(b)\, q(\cdot, "
    r"b)\big)",
    "What the policy that answers the memory loses against w, for every temperature.",
    STAGE,
    Deduction(
        (
            "free-energy.monotone",
            "free-energy.shift-equivariant",
            "free-energy.variational.maximum",
        ),
        "chain of inequalities",
        "F(x_w) − F(x_d) <= max(x_w − x_d), as F is monotone and moves with constants; J(π_d; w) = "
        "F(x_d) + E_{π_d}(x_w − x_d), and that mean is at least the minimum",
    ),
    sample(
        room_of_the_regret,
        instances(SIZES, q=Q, replayed=LAW, present=LAW, beta=BETA),
        ">= 0",
    ),
)
row(
    "deep.peer.gain.added",
    "refuted",
    f"{PEER}; FURTHER (12)",
    r"\text{the fixed point of (12)-(14) is the best soft policy against the decoder}",
    "Nor is it against the memory: the critic evaluates π_d, an answer to d, in a world where the "
    "others play p. A match pays 1, d and p are opposite.",
    STAGE,
    Counterexample(
        gains,
        {"reward": [[1, 0], [0, 1]], "replayed": [1, 0], "decoded": [0, 1], "beta": 1},
        "== 0",
    ),
)
row(
    "deep.peer.performance.added",
    "proved",
    "FURTHER (12); FURTHER (13); FURTHER (14)",
    r"\rho_\pi = E_\mu[Th - h] - \alpha E_\mu[D_{KL}(\pi \| \pi_h)], \quad \pi_h \propto \exp((r + "
    r"P_a h)/\alpha)",
    "For every h and π. At the h of the soft optimality equation Th − h is the best gain, so what "
    "a policy loses is α times its mean divergence from the best one; with (14)'s d for p that is "
    "the loss of deep.peer.gain.",
    scope(states=">= 1", actions=">= 1", beta="(0, inf)"),
    Symbolic(prove_performance),
    sample(
        performance,
        instances(
            {"states": (1, 3), "actions": (1, 3)},
            reward=array("states", "actions"),
            transition=distribution("states", "actions", "states"),
            policy=distribution("states", "actions"),
            beta=BETA,
            h=array("states"),
        ),
    ),
    assumes=("one recurrent class under π",),
    rests_on=("free-energy.duality",),
)
row(
    "deep.peer.agree.added",
    "proved",
    f"{PEER}; FURTHER (11); FURTHER (24)",
    r"\text{a decoder that is best on the memory of (14) has } p = d: \text{ (13) and (14) agree}",
    "Then the fixed point is the best soft policy against the memory's law, and the difference "
    "between replayed and modelled actions is one of noise and of the inference's errors.",
    STAGE,
    Deduction(
        ("further.024.reconstruction.corrected", "further.014.replayed.corrected"),
        "conjunction",
        "the likelihood is greatest at d, given (s, ẑ); with one law both have one maximiser",
    ),
    assumes=("a decoder that can be any law given (s, ẑ)", "both train on one memory"),
)
