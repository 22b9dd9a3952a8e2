"""The variational characterisation: what the free energy maximises, and the divergence under it.

    E_q x − KL(q‖p)/β = F − KL(q‖tilt)/β

So F is the maximum over q of the left side for β > 0, and the minimum for β < 0.
This is the step of the report's derivations that finds an optimal policy, (8), (9), (20), (21).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tabular_marl.verification import (
    Claim,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    beta,
    distribution,
    free_energy,
    instances,
    kl,
    number,
    positive,
    prove_positive,
    prove_zero,
    register,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims.free_energy import FINITE, SIGNED, SIZES, family


def prove_tangent() -> Iterator[Proof]:
    """h(u) = u − 1 − log u has h(1) = 0, falls on (0, 1) and rises on (1, inf)."""
    import sympy

    u, v = positive("u"), positive("v")
    h = u - 1 - sympy.log(u)
    yield prove_zero(h.subs(u, 1), "h(1)")
    yield prove_zero(sympy.diff(h, u) - (u - 1) / u, "h'(u) = (u − 1)/u")
    yield prove_positive(sympy.diff(h, u).subs(u, 1 + v), "h' > 0 at u = 1 + v")
    yield prove_positive(-sympy.diff(h, u).subs(u, 1 / (1 + v)), "h' < 0 at u = 1/(1 + v)")


def tangent(arithmetic: Arithmetic, u: Numbers) -> Any:
    return sides(u - arithmetic.number(1), arithmetic.log(u))


register(
    Claim(
        id="log.below-tangent",
        source="report A.1.2; report A.2.1",
        reading="added",
        statement=r"\log u \le u - 1 \quad (u > 0), \text{ with equality only at } u = 1",
        scope=scope(u="(0, inf)"),
        expects="proved",
        checks=(
            Symbolic(prove_tangent),
            Sampling(tangent, instances(u=number("1/64", 16)), ">= 0", batched=True),
        ),
    )
)


def divergence(arithmetic: Arithmetic, policy: Numbers, prior: Numbers) -> Any:
    return kl(policy, prior, 0, arithmetic)


register(
    Claim(
        id="kl.nonnegative",
        source="report A.1.2; report A.2.1",
        reading="added",
        statement=r"D_{\mathrm{KL}}(q \| p) = \sum_k q_k \log(q_k/p_k) \ge 0, "
        r"\text{ with equality only at } q = p",
        scope=scope(outcomes=">= 1"),
        expects="proved",
        checks=(
            Deduction(
                ("log.below-tangent",),
                "sum of termwise inequalities",
                "q log(p/q) <= p − q for each outcome with q > 0, equal only where p = q; the sum "
                "is at most 1 − 1",
            ),
            Sampling(
                divergence,
                instances(
                    SIZES,
                    policy=distribution("outcomes", degenerate=True),
                    prior=distribution("outcomes"),
                ),
                ">= 0",
                batched=True,
            ),
        ),
    )
)


def duality(
    arithmetic: Arithmetic, x: Numbers, policy: Numbers, prior: Numbers, beta: Numbers
) -> Any:
    """E_q x − KL(q‖p)/β against F − KL(q‖tilt)/β."""
    left = (policy * x).sum(axis=0) - kl(policy, prior, 0, arithmetic) / beta
    best = tilt(x, prior, beta, 0, arithmetic)
    value = free_energy(x, prior, beta, 0, arithmetic)
    return sides(left, value - kl(policy, best, 0, arithmetic) / beta)


def prove_duality() -> Iterator[Proof]:
    """Term by term, with log t = β x and Z = Σ p t: the terms' weights q_k sum to one."""
    import sympy

    t, q, p, Z = (positive(name) for name in ("t", "q", "p", "Z"))
    log = sympy.log
    yield prove_zero(
        (log(t) - log(q / p)) - (log(Z) - log(q / (p * t / Z))),
        "β x − log(q/p) = β F − log(q/tilt), outcome by outcome",
    )


POLICIES = family(policy=distribution("outcomes", degenerate=True))
register(
    Claim(
        id="free-energy.duality",
        source="report A.1.2; report A.1.3; report A.2.1",
        reading="added",
        statement=r"\mathbb{E}_q[x] - \tfrac1\beta D_{\mathrm{KL}}(q\|p) = F_\beta[p](x) - "
        r"\tfrac1\beta D_{\mathrm{KL}}\left(q \,\|\, \mathrm{tilt}_\beta[p](x)\right)",
        note="Outcome by outcome, then weighted by q; so this is every n at once.",
        scope=FINITE,
        expects="proved",
        checks=(
            Symbolic(prove_duality),
            Sampling(duality, POLICIES, "== 0", batched=True),
        ),
    )
)


def best_policy(
    arithmetic: Arithmetic, x: Numbers, policy: Numbers, prior: Numbers, beta: Numbers
) -> Any:
    """β (F − E_q x + KL(q‖p)/β): how far q is from the optimum, whatever the sign of β."""
    given = beta * (policy * x).sum(axis=0) - kl(policy, prior, 0, arithmetic)
    return sides(beta * free_energy(x, prior, beta, 0, arithmetic), given)


for name, sign, extremum in (("maximum", "+", "max"), ("minimum", "-", "min")):
    register(
        Claim(
            id=f"free-energy.variational.{name}",
            source="report (8); report (9); report (20); report (21); report A.1.2; report A.2.1",
            reading="added",
            statement=rf"F_\beta[p](x) = \{extremum}_q \; \mathbb{{E}}_q[x] - \tfrac1\beta "
            rf"D_{{\mathrm{{KL}}}}(q\|p) \text{{, attained only at }} \mathrm{{tilt}}_\beta[p](x)",
            scope=SIGNED[sign],
            expects="proved",
            checks=(
                Deduction(
                    ("free-energy.duality", "kl.nonnegative"),
                    "substitution of equals",
                    "the objective is F − KL(q‖tilt)/β, and KL >= 0 is 0 only where q = tilt",
                ),
                Sampling(
                    best_policy,
                    family(beta(sign), policy=distribution("outcomes", degenerate=True)),
                    ">= 0",
                    batched=True,
                ),
            ),
        )
    )
