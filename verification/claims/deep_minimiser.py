"""Which losses are least at the exact solution, all at once? Report (58)-(68); FURTHER (12)-(14).

    V = E_π[Q − log π/p],   Q = β R + γ E[V̄],   π ∝ p e^Q           (59)-(61): at (58) alone
    v̄ = (13) at q̄,          q = E[y],            π ∝ e^{Σ_b p q/α}   (12)-(14): at ρ*, q* + c alone

Loss by loss, as printed, is in the rows of the report that these rest on. Here: the losses of one
algorithm together, each with the others' tables where they are. Report's units; one agent: reward
[n, A], transition [n, A, n], policy, prior [n, A], value [n].
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import (
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    discount,
    distribution,
    instances,
    positive,
    prove_zero,
    scope,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._deep import UNICHAIN
from tabular_marl.verification.claims._rows import row


def planted(
    arithmetic: Arithmetic,
    transition: Numbers,
    policy: Numbers,
    prior: Numbers,
    value: Numbers,
    gamma: Numbers,
) -> Numbers:
    """What moves the value, the action value and the policy in (59)-(61) where βR is made so that
    (58) is solved by this value and policy."""
    q = value[:, None] + arithmetic.log(policy / prior)
    paid = q - gamma * expectation(transition, value, 2)
    asked = (policy * (q - arithmetic.log(policy / prior))).sum(axis=1)
    critic = paid + gamma * expectation(transition, value, 2) - q
    actor = policy - tilt(q, prior, 1, 1, arithmetic)
    tables = [part.reshape(-1, *part.shape[2:]) for part in (critic, actor)]
    return np.concatenate([asked - value, *tables])


def prove_closed() -> Proof:
    import sympy

    p, t, z = (positive(name) for name in ("p", "t", "Z"))
    log = sympy.log
    what = "with π = p e^Q/Z: Q − log π/p = log Z, so V = log Σ p e^Q, and Q = βR + γ P V is (58)"
    return prove_zero(log(t) - log((p * t / z) / p) - log(z), what)


ONE = scope(states=">= 1", actions=">= 1", gamma="[0, 1)")
TWO = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", gamma="[0, 1)")
EVERYWHERE = "tables; every pair is in the memory; slow copies held, then followed"

row(
    "deep.minimiser.alone.printed",
    "proved",
    "report (59); report (62); report (67)",
    r"\text{to the letter: (59) is least at the exact } V \text{ where } Q, \pi \text{ are exact; "
    r"(62), (67) are exact where } q > 0",
    "Of (59)-(68) as printed these three. Not (60), (63): β is missing; (61), (68): log f; (64): "
    "the drift; (65): the other view's value; (66): the sign.",
    TWO,
    Deduction(
        (
            "report.059.printed",
            "report.059.optimal.corrected",
            "report.062.corrected",
            "report.067.printed",
        ),
        "conjunction",
        "V^π = V at the exact policy, where the divergence vanishes",
    ),
    assumes=("proposals with the priors' support",),
)
row(
    "deep.minimiser.actor-critic.corrected",
    "proved",
    "report (59); report (60); report (61)",
    r"(59), (60) \text{ with } \beta R, (61) \text{ with } \log \pi: \text{ least together at "
    r"(58), and nowhere else}",
    "Each with the tables of the others as they are.",
    ONE,
    Deduction(
        (
            "report.059.printed",
            "report.060.beta.corrected",
            "report.061.optimum.corrected",
            "report.058.discount.corrected",
            "deep.minimiser.closed.added",
        ),
        "substitution of equals",
        "V = V^π, Q = βR + γ E[V], π = tilt(Q): then V = log Σ p e^Q, which has one solution",
    ),
    Sampling(
        planted,
        instances(
            {"states": (1, 3), "actions": (1, 3)},
            transition=distribution("states", "actions", "states"),
            policy=distribution("states", "actions"),
            prior=distribution("states", "actions"),
            value=array("states"),
            gamma=discount(),
        ),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
    assumes=(EVERYWHERE,),
)
row(
    "deep.minimiser.closed.added",
    "proved",
    "report (58); report (59); report (61)",
    r"\pi \propto p\,e^Q \Rightarrow E_\pi[Q - \log \tfrac{\pi}{p}] = \log \textstyle\sum p\,e^Q",
    "",
    ONE,
    Symbolic(prove_closed),
)
row(
    "deep.minimiser.soft-q.corrected",
    "proved",
    "report (62); report (63)",
    r"(62) \text{ as an expectation and (63) with } \beta R, \bar V: \text{ least at (58) alone}",
    "With K samples it is least elsewhere, `report.063.samples`; with V_θ for V̄ too.",
    ONE,
    Deduction(
        (
            "report.062.corrected",
            "report.063.target.corrected",
            "report.058.discount.corrected",
        ),
        "substitution of equals",
        "the minimiser reproduces itself only where Q = βR + γ E[log Σ p e^Q]",
    ),
    assumes=(EVERYWHERE, "proposals with the prior's support"),
)
row(
    "deep.minimiser.balancing.corrected",
    "proved",
    "report (65); report (66); report (67); report (68)",
    r"(66) \text{ with a plus and } \bar V, (67), (68) \text{ with } \log \pi, \ V \text{ by (62) "
    r"with } Q^i: \text{ least together at the agent's view of Balancing-Q}",
    "As printed they mix two systems: the value of the opponent's view, the policy of the agent's.",
    TWO,
    Deduction(
        (
            "report.065.view.corrected",
            "report.066.corrected",
            "report.067.printed",
            "report.068.corrected",
            "report.025.contraction.corrected",
        ),
        "substitution of equals",
        "V is that of (20) at Q, Q = R + γ E[V]: a contraction, and the policy is (24)",
    ),
    assumes=(EVERYWHERE, "proposals with the priors' support"),
)
row(
    "deep.minimiser.further.corrected",
    "proved",
    "FURTHER (12); FURTHER (13); FURTHER (14)",
    r"J_q(\cdot, \cdot; \bar q) \text{ and } J_\pi \text{ rest together only at the best soft "
    r"policy against the decoder, } \rho^*, q^* + c",
    "J_q alone is least on the whole line (q − c, ρ + c) at any ρ; that q̄ follows q leaves ρ* "
    "only, and the level c to the start.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", alpha="(0, inf)"),
    Deduction(
        (
            "deep.gain.tabular.added",
            "further.014.replayed.corrected",
            "further.015.defines.corrected",
            "deep.peer.performance.added",
            "deep.gauge.ridge.added",
        ),
        "substitution of equals",
        "q = E[y] gives ρ = E[r] + α E[H] and q up to c; the actor's tilt makes Th − h that number "
        "in every state, so no policy gains more",
    ),
    assumes=(UNICHAIN + ", for every π", EVERYWHERE, "replayed b of the decoder's law"),
)
