"""The policy loss of soft actor-critic: report (61).

    L_π(π) = E_π[log π − Q − log p] = KL(π ‖ p e^Q / e^V) − V

The report writes log f_φ(ε; s), where f is the action, not its density. One state; actions are the
numbers ``places`` [A], q, prior, policy [A]; the report's units.
"""

from __future__ import annotations

from typing import Any

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    array,
    distribution,
    instances,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl, tilt
from tabular_marl.verification.claims._layer import soft_evaluation, soft_value
from tabular_marl.verification.claims._rows import row

ACTIONS = scope(actions=">= 1")
FAMILY = instances(
    {"actions": (1, 4)},
    q=array("actions"),
    prior=distribution("actions"),
    policy=distribution("actions"),
)

# -- formulas --------------------------------------------------------------------------------------


def literal(
    arithmetic: Arithmetic, q: Numbers, prior: Numbers, places: Numbers, policy: Numbers
) -> Any:
    """(61) to the letter, E_π[log a − Q(a) − log p(a)]: at another policy, against at (58)."""
    each = arithmetic.log(places) - q - arithmetic.log(prior)
    best = tilt(q, prior, 1, 0, arithmetic)
    return sides((policy * each).sum(axis=0), (best * each).sum(axis=0))


def loss(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Any:
    """L_π against KL(π ‖ (58)) − V."""
    away = kl(policy, tilt(q, prior, 1, 0, arithmetic), 0, arithmetic)
    left = (policy * (arithmetic.log(policy) - q - arithmetic.log(prior))).sum(axis=0)
    return sides(left, away - soft_value(arithmetic, q, prior))


def least(arithmetic: Arithmetic, q: Numbers, prior: Numbers, policy: Numbers) -> Any:
    """L_π at π against at (58): −(E_π[Q] − KL(π ‖ p))."""
    best = tilt(q, prior, 1, 0, arithmetic)
    values = [-soft_evaluation(arithmetic, q, prior, x) for x in (policy, best)]
    return sides(*values)


def directions(arithmetic: Arithmetic, target: Numbers, policy: Numbers, other: Numbers) -> Numbers:
    """>= 0 where KL(· ‖ target) and KL(target ‖ ·) rank two policies alike."""
    inward = kl(policy, target, 0, arithmetic) - kl(other, target, 0, arithmetic)
    outward = kl(target, policy, 0, arithmetic) - kl(target, other, 0, arithmetic)
    return inward * outward


def prove_loss() -> Proof:
    pi, p, t, z = (positive(name) for name in ("pi", "p", "t", "Z"))
    log = sympy.log
    left = log(pi) - log(t) - log(p)
    return prove_zero(left - (log(pi / (p * t / z)) - log(z)), "log π − Q − log p, at every a")


# -- claims ----------------------------------------------------------------------------------------

row(
    "report.061.density.printed",
    "refuted",
    "report (61); report (68)",
    r"\pi_{(58)} \text{ minimises } E_\varepsilon[\log f_\phi(\varepsilon) - Q(f_\phi) - \log "
    r"P_{prior}(f_\phi)], \ a = f_\phi(\varepsilon) \text{ the action}",
    "To the letter this is the logarithm of the action, and there is no entropy left: the loss is "
    "linear in π and least at one action. Actions 1 and 2, Q = 0: all weight on 1.",
    ACTIONS,
    Counterexample(
        literal,
        {"q": [0, 0], "prior": ["1/2", "1/2"], "places": [1, 2], "policy": [1, 0]},
    ),
)
row(
    "report.061.density.corrected",
    "proved",
    "report (61)",
    r"E_\pi[\log \pi(a|s) - Q - \log P_{prior}] = D_{KL}(\pi \| \pi_{(58)}) - V(s)",
    "With the density log π_φ(f_φ(ε; s)|s). All three signs are right; the indices a^i, s^i are "
    "left over from the game.",
    ACTIONS,
    Symbolic(prove_loss),
    Sampling(loss, FAMILY, "== 0", examples=2000, batched=True, search=False),
)
row(
    "report.061.removed.printed",
    "proved",
    "report (61)",
    r"V(s) \text{ does not depend on } \phi: \ \arg\min_\phi \mathcal{L}_\pi = \arg\min_\phi "
    r"D_{KL}(\pi_\phi \| \pi_{(58)})",
    "Q_θ is held fixed; over any family of policies.",
    ACTIONS,
    Deduction(("report.061.density.corrected",), "substitution of equals", "they differ by V"),
)
row(
    "report.061.optimum.corrected",
    "proved",
    "report (58); report (61)",
    r"\min_\pi \mathcal{L}_\pi = -V(s), \text{ attained only at } \pi_{(58)}",
    "Over all policies on the table. A Gaussian f_φ reaches it only where (58) is Gaussian.",
    ACTIONS,
    Deduction(
        ("report.061.density.corrected", "kl.nonnegative"),
        "substitution of equals",
        "KL >= 0, and 0 only at π = (58)",
    ),
    Sampling(least, FAMILY, examples=2000, batched=True, search=False),
)
row(
    "report.061.direction.added",
    "refuted",
    "report (61)",
    r"\text{over a restricted family } D_{KL}(\pi \| \pi_{(58)}) \text{ and } D_{KL}(\pi_{(58)} \| "
    r"\pi) \text{ choose alike}",
    '"KL-minimization" needs its direction: (61) is the mode-seeking one. Of two policies it '
    "prefers the one that gives the rare third action nearly nothing.",
    ACTIONS,
    Counterexample(
        directions,
        {
            "target": ["9/20", "9/20", "1/10"],
            "policy": ["499/1000", "499/1000", "2/1000"],
            "other": ["6/25", "33/50", "1/10"],
        },
    ),
)
