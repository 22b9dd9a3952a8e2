"""The opponent's bound: report (101).

    L^-i = E_U[E_ρ Q^-i(s,b) − KL(ρ ‖ P_prior)]                                (101), corrected

Shapes as in ``_em_general``; soft = Q^-i(s,b) [S, B].
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
    distribution,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl, tilt
from tabular_marl.verification.claims._em import GIBBS, STATES, mean
from tabular_marl.verification.claims._em_general import (
    MODEL,
    q_mass,
    soft_answer,
)
from tabular_marl.verification.claims._rommeo import laid, log_ratio
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (101) -----------------------------------------------------------------------------------------


def models_bound(
    arithmetic: Arithmetic, soft: Numbers, opponent: Numbers, opponent_prior: Numbers
) -> Numbers:
    """E_U[E_ρ Q^-i(s,b) − KL(ρ ‖ ν)]; soft = Q^-i [S, B]."""
    cost = kl(opponent, opponent_prior, 1, arithmetic)
    return mean((opponent * soft).sum(axis=1) - cost)


def one_divergence(arithmetic: Arithmetic, soft: Numbers, opponent: Numbers) -> Any:
    """L^-i, and E_q[Q^-i] − KL(ρ ‖ ν) at the first state; uniform prior."""
    prior = 0 * opponent + arithmetic.number(1) / len(opponent[0])
    reward = mean((opponent * soft).sum(axis=1))
    cost = kl(opponent[0], prior[0], 0, arithmetic)
    return sides(models_bound(arithmetic, soft, opponent, prior), reward - cost)


def models_elbo(
    arithmetic: Arithmetic,
    w: Numbers,
    agent: Numbers,
    opponent: Numbers,
    opponent_prior: Numbers,
    chance: Numbers,
) -> Any:
    """∫ q log(P(x, O^-i=1, O^i=1)/q) with the printed q of mass P(O^i=1); P(O^i=1) L^-i."""
    pi = laid(agent)
    soft = soft_answer(arithmetic, w, pi)
    here = chance * pi * opponent[:, None] / len(w)
    law = chance * pi * (opponent_prior * arithmetic.exp(soft))[:, None] / len(w)
    left = -(here * log_ratio(here, law, arithmetic)).sum(axis=(0, 1, 2))
    return sides(left, chance * models_bound(arithmetic, soft, opponent, opponent_prior))


def prove_models_elbo() -> Proof:
    import sympy

    Q, lrho, lnu, common = sympy.symbols("Q logrho lognu logUPm")
    whole = (common + lnu + Q) - (common + lrho)
    return prove_zero(whole - (Q - (lrho - lnu)), "U, P*(a|b,s,O^i=1) and P(O^i=1) cancel")


def models_gap(
    arithmetic: Arithmetic, soft: Numbers, opponent: Numbers, opponent_prior: Numbers
) -> Numbers:
    """[log E_U Σ_b ν exp Q^-i − L^-i, L^-i at (100) − L^-i]."""
    here = models_bound(arithmetic, soft, opponent, opponent_prior)
    value = free_energy(soft, opponent_prior, 1, 1, arithmetic)
    best = tilt(soft, opponent_prior, 1, 1, arithmetic)
    top = models_bound(arithmetic, soft, best, opponent_prior)
    return np.stack([free_energy(value, None, 1, 0, arithmetic) - here, top - here])


def models_rise(arithmetic: Arithmetic, soft: Numbers) -> Numbers:
    """L^-i before the E step minus L^-i after it; from the uniform prior."""
    prior = 0 * soft + arithmetic.number(1) / len(soft[0])
    after = tilt(soft, prior, 1, 1, arithmetic)
    before = models_bound(arithmetic, soft, prior, prior)
    return before - models_bound(arithmetic, soft, after, prior)


SOFT = {
    "soft": array("states", "opponent_actions"),
    "opponent": distribution("states", "opponent_actions"),
    "opponent_prior": distribution("states", "opponent_actions"),
}
row(
    "report.101.family.printed",
    "refuted",
    "report (101)",
    r"q(s, a, b, O^i = 1) = U \rho_\phi P^*(a|b, s, O^i = 1) P(O^i = 1) \text{ is a distribution}",
    "Its mass is P(O^i = 1).",
    STATES,
    Counterexample(q_mass, {"chance": "1/2"}, "== 0"),
)
row(
    "report.101.expectation.printed",
    "refuted",
    "report (101)",
    r"L^{-i} = E_q[Q^{-i}(s, b)] - D_{KL}(\rho(\cdot|s) \| P_{\mathrm{prior}}(\cdot|s)) \text{ at "
    r"any } "
    r"s",
    "The expectation over s is missing: one state sure, the other uniform.",
    STATES,
    Counterexample(
        one_divergence, {"soft": [[0, 0], [0, 0]], "opponent": [[1, 0], ["1/2", "1/2"]]}, "== 0"
    ),
)
row(
    "report.101.corrected",
    "proved",
    "report (101)",
    r"\int q \log \frac{P(s, a, b, O^{-i} = 1, O^i = 1)}{q} = P(O^i = 1)\, L^{-i},\quad L^{-i} = "
    r"E_U\big[E_\rho Q^{-i}(s, b) - D_{KL}(\rho \| P_{\mathrm{prior}})\big]",
    "In the graph of figure 9, with P* the conditional of the model itself; L^-i for the "
    "normalised q.",
    STATES,
    Symbolic(prove_models_elbo),
    sample(
        models_elbo,
        {**MODEL, "opponent": distribution("states", "opponent_actions")},
        "== 0",
    ),
)
row(
    "report.101.e-step.added",
    "proved",
    "report (100); report (101)",
    r"\arg\max_\phi L^{-i} = \rho_{(100)},\quad L^{-i} + \log c \le \log P(O^{-i} = 1|O^i = 1)",
    "c the constant of (99). Tight at (100) for one state.",
    STATES,
    Deduction(
        ("free-energy.variational.maximum", "report.101.corrected", GIBBS),
        "substitution of equals",
        "state by state with β = 1; E_U V <= log E_U e^V over the states",
    ),
    sample(models_gap, SOFT),
)
row(
    "report.101.descent.printed",
    "refuted",
    "report (101)",
    r"\text{the steps on } L^{-i} \text{ are coordinate descent: } L^{-i}(\phi_{t+1}, \psi) \le "
    r"L^{-i}(\phi_t, \psi)",
    "A word: (102) maximises, so it is ascent.",
    STATES,
    Counterexample(models_rise, {"soft": [[1, 0]]}),
)
