"""The bounds of EM as numbers: (91), (97), (101), and what (92) does to the evidence.

    L      = E_q[Q − log π/P − log ρ/P]           log P(O=1) = log mean_s Σ_b P Σ_a P e^Q     (91)
    L^i    = E_{s, P*(b|s)}[E_π Q^i − log π/P]                                                (97)
    L^-i   = E_{s, ρ}[Q^-i(s,b) − log ρ/P],   Q^-i(s,b) = log Σ_a π(a|s,b) e^{Q^-i(s,a,b)}   (101)

s is uniform and q keeps it. In an instance q [S, A, B]; agent, agent_prior [S, B, A]; opponent,
opponent_prior [S, B]. Q's are in the report's units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    distribution,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._elbo import Walk, em_walk
from tabular_marl.verification.claims._rommeo import laid
from tabular_marl.verification.claims._rommeo_rows import GIBBS, sample
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Gap, Sides
from tabular_marl.verification.strategies import Field

# as C.1.2 reads (87), (95), (99); with their constant c, log P(O=1) − log c for log P(O=1)
UNIT = ("P(O=1|s,a,b) = exp Q",)
TABLES = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1")
FIELDS: dict[str, Field] = {
    "q": array("states", "actions", "opponent_actions"),
    "agent_prior": distribution("states", "opponent_actions", "actions"),
    "agent": distribution("states", "opponent_actions", "actions", degenerate=True),
    "opponent_prior": distribution("states", "opponent_actions"),
    "opponent": distribution("states", "opponent_actions", degenerate=True),
}


def joint_walk(arithmetic: Arithmetic, **tables: Numbers) -> Walk:
    """(91): q chooses both."""
    return em_walk(arithmetic, **tables)


def agent_walk(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers, opponent: Numbers
) -> Walk:
    """(97): the opponent's P*(b|s) in both."""
    return em_walk(arithmetic, q, agent_prior, agent, opponent, opponent)


def opponent_walk(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Walk:
    """(101): the agent's π(a|s,b) in both, and the weight Q^-i(s,b) of (99)."""
    weight = free_energy(q, laid(agent), 1, 1, arithmetic)[:, None]
    return em_walk(arithmetic, weight, agent, agent, opponent_prior, opponent)


SYSTEMS: dict[str, tuple[Callable[..., Walk], dict[str, Field], str, str]] = {
    "091": (joint_walk, FIELDS, r"\mathcal L(\theta, \omega)", "π and ρ"),
    "097": (
        agent_walk,
        {name: FIELDS[name] for name in ("q", "agent_prior", "agent", "opponent")},
        r"\mathcal L^i(\theta, \omega)",
        "π",
    ),
    "101": (
        opponent_walk,
        {name: FIELDS[name] for name in ("q", "agent", "opponent_prior", "opponent")},
        r"\mathcal L^{-i}_\theta(\phi, \psi)",
        "ρ",
    ),
}


def _gap(of: Callable[..., Walk]) -> Gap:  # one check a system, so that each has its own arguments
    def gap(arithmetic: Arithmetic, **tables: Numbers) -> Sides:
        found = of(arithmetic, **tables)
        return sides(found.log_evidence - found.objective(), found.divergence)

    return gap


def _bound(of: Callable[..., Walk]) -> Gap:
    def bound(arithmetic: Arithmetic, **tables: Numbers) -> Numbers:
        found = of(arithmetic, **tables)
        return found.log_evidence - found.objective()

    return bound


for tag, (of, fields, symbol, choices) in SYSTEMS.items():
    where = f"report ({int(tag)})"
    evidence = r"\log P(O^{-i}=1)" if tag == "101" else r"\log P(O^i=1)"
    row(
        f"report.{tag}.elbo-gap.added",
        "proved",
        where,
        rf"{evidence} - {symbol} = D_{{KL}}\big(q \,\|\, P(s, a, b|O=1)\big)",
        f"With E over all that is not averaged in the printed KL terms; q chooses {choices}.",
        TABLES,
        Deduction(
            ("elbo.gap.added", "elbo.factors.added"),
            "special case",
            "the graph of one draw of s, b, a; what q keeps cancels",
        ),
        sample(_gap(of), fields, "== 0"),
        assumes=UNIT,
    )
    row(
        f"report.{tag}.elbo-bound.added",
        "proved",
        where,
        rf"{symbol} \le {evidence}",
        "Its gap is a divergence.",
        TABLES,
        Deduction(
            (f"report.{tag}.elbo-gap.added", GIBBS),
            "chain of inequalities",
            "the gap is KL >= 0",
        ),
        sample(_bound(of), fields),
        assumes=UNIT,
    )

# -- tight or not: what is left at the best choice -------------------------------------------------


def joint_slack(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Sides:
    """log P(O=1) − max_θ L of (91), and Jensen's gap of V(s)."""
    soft, agent = best_agent(arithmetic, q, agent_prior)
    opponent = tilt(soft, opponent_prior, 1, 1, arithmetic)
    found = joint_walk(
        arithmetic,
        q=q,
        agent_prior=agent_prior,
        agent=agent,
        opponent_prior=opponent_prior,
        opponent=opponent,
    )
    value = free_energy(soft, opponent_prior, 1, 1, arithmetic)
    return sides(found.log_evidence - found.objective(), over_states(arithmetic, value, value))


def agent_slack(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent: Numbers
) -> Sides:
    """The same for (97): Jensen's gap of Q^i(s,b) under s, P*(b|s)."""
    soft, agent = best_agent(arithmetic, q, agent_prior)
    found = agent_walk(arithmetic, q, agent_prior, agent, opponent)
    value = free_energy(soft, opponent, 1, 1, arithmetic)
    gap = over_states(arithmetic, value, (opponent * soft).sum(axis=1))
    return sides(found.log_evidence - found.objective(), gap)


def opponent_slack(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent_prior: Numbers
) -> Sides:
    """The same for (101): Jensen's gap of V^-i(s)."""
    weight = free_energy(q, laid(agent), 1, 1, arithmetic)
    opponent = tilt(weight, opponent_prior, 1, 1, arithmetic)
    found = opponent_walk(arithmetic, q, agent, opponent_prior, opponent)
    value = free_energy(weight, opponent_prior, 1, 1, arithmetic)
    return sides(found.log_evidence - found.objective(), over_states(arithmetic, value, value))


def best_agent(arithmetic: Arithmetic, q: Numbers, prior: Numbers) -> tuple[Numbers, Numbers]:
    """Q^i(s,b) and the agent's tilt [S, B, A]."""
    soft = free_energy(q, laid(prior), 1, 1, arithmetic)
    return soft, tilt(q, laid(prior), 1, 1, arithmetic).swapaxes(1, 2)


def over_states(arithmetic: Arithmetic, soft: Numbers, mean: Numbers) -> Numbers:
    """log mean_s e^soft − mean_s mean."""
    return free_energy(soft, None, 1, 0, arithmetic) - mean.sum(axis=0) / len(mean)


def kept(*names: str) -> dict[str, Field]:
    return {name: FIELDS[name] for name in names}


row(
    "report.091.elbo-tight.added",
    "proved",
    "report (88); report (91)",
    r"\max_\theta \mathcal L(\theta,\omega) = \log P(O^i=1) \iff V_\omega(s) = \log\sum_b P(b|s) "
    r"\sum_a P(a|s,b)\, e^{Q_\omega} \text{ is one number for all } s",
    "At the E step (89) the choices are the tilts; q keeps s uniform, the posterior (88) does not.",
    TABLES,
    Deduction(
        ("elbo.tight.added", "report.091.elbo-gap.added"),
        "special case",
        "the only kept factor is U(s), and the message behind it is V(s)",
    ),
    sample(joint_slack, kept("q", "agent_prior", "opponent_prior"), "== 0"),
    assumes=UNIT,
)
row(
    "report.097.elbo-tight.added",
    "proved",
    "report (96); report (97)",
    r"\max_\theta \mathcal L^i(\theta,\omega) = \log P(O^i=1) \iff Q^i(s,b) = \log\sum_a P(a|s,b)\,"
    r" e^{Q^i} \text{ is one number for all } s \text{ and all } b \text{ with } P^*(b|s) > 0",
    "q keeps s and b: an opponent whose actions are not alike to the agent leaves a gap in every "
    "state.",
    TABLES,
    Deduction(
        ("elbo.tight.added", "report.097.elbo-gap.added"),
        "special case",
        "the kept factors are U(s) and P*(b|s)",
    ),
    sample(agent_slack, kept("q", "agent_prior", "opponent"), "== 0"),
    assumes=UNIT,
)
row(
    "report.101.elbo-tight.added",
    "proved",
    "report (100); report (101)",
    r"\max_\phi \mathcal L^{-i}_\theta(\phi,\psi) = \log P(O^{-i}=1) \iff V^{-i}(s) = \log\sum_b "
    r"P(b|s)\, e^{Q^{-i}(s,b)} \text{ is one number for all } s",
    "The agent's action is kept too, but its weight is summed out in (99): it costs nothing.",
    TABLES,
    Deduction(
        ("elbo.tight.added", "report.101.elbo-gap.added"),
        "special case",
        "the kept factors are U(s) and π(a|s,b), and (99) does not depend on a",
    ),
    sample(opponent_slack, kept("q", "agent", "opponent_prior"), "== 0"),
    assumes=UNIT,
)


def rises_together(arithmetic: Arithmetic, before: Numbers, after: Numbers) -> Numbers:
    """log P(O=1) after less before, where nothing is to be chosen."""
    return free_energy(after, None, 1, 0, arithmetic) - free_energy(before, None, 1, 0, arithmetic)


def bound_rises(arithmetic: Arithmetic, before: Numbers, after: Numbers) -> Numbers:
    """L after less before, in the same case: the mean over s."""
    return (after - before).sum(axis=0)


row(
    "report.092.elbo-evidence.added",
    "refuted",
    "report (90); report (92)",
    r"\mathcal L(\theta_{t+1}, \omega_{t+1}) \ge \mathcal L(\theta_{t+1}, \omega_t) \Rightarrow "
    r"P_{\omega_{t+1}}(O^i=1) \ge P_{\omega_t}(O^i=1)",
    "EM raises the evidence because its E step is tight, and this one is not. Two states with "
    "nothing to choose: Q = (−2, 0) → (−1, −1) keeps L at −1, and log P(O=1) falls from "
    "log((1/e²+1)/2) to −1.",
    scope(states=">= 1"),
    Counterexample(
        rises_together, {"before": [-2, 0], "after": [-1, -1]}, ">= 0", where=bound_rises
    ),
)


# -- the mass of (94), (97), (98), (101) ----------------------------------------------------------


def with_mass(arithmetic: Arithmetic, chance: Numbers, q: Numbers) -> Numbers:
    """log P(O^i=1, O^-i=1) − Σ q log P/q, P(O^-i=1) = ``chance`` in both; one outcome, its Q."""
    return arithmetic.log(chance) + q - chance * q


MASS = (
    r"q = \cdots P(O^{{{0}}}=1) \Rightarrow \sum q \log\frac{{P(s,a,b,O=1)}}{{q}} \le "
    r"\log P(O^i=1, O^{{-i}}=1)"
)
for tag, other in (("097", "-i"), ("101", "i")):
    row(
        f"report.{tag}.elbo-mass.added",
        "refuted",
        f"report ({int(tag)})",
        MASS.format(other),
        f"The q in the text before ({int(tag)}) has the factor P(O^{other}=1) and so no mass one: "
        "not a law, and no bound. Q = 0 and P = 1/2: 0 against log 1/2. Everything must be given "
        f"O^{other}=1; then the factor is gone from both.",
        scope(chance="(0, 1]"),
        Counterexample(with_mass, {"chance": "1/2", "q": 0}),
    )


def kept_inside(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(101) minus the bound of the graph with weight Q^-i(s,a,b), the agent's action kept."""
    inside = em_walk(arithmetic, q, agent, agent, opponent_prior, opponent)
    out = opponent_walk(arithmetic, q, agent, opponent_prior, opponent)
    return out.objective() - inside.objective()


row(
    "report.101.elbo-marginal.added",
    "proved",
    "report (99); report (101)",
    r"\mathcal L^{-i}_\theta \ge E_q\big[Q^{-i}(s,a,b)\big] - E_s D_{KL}(\rho \| P), "
    r"\text{ both below } \log P(O^{-i}=1)",
    "The soft-max of (99) is the marginal of exp Q^-i(s,a,b) over the agent's action: (101) is the "
    "better of the two bounds of one evidence.",
    TABLES,
    Deduction(
        ("elbo.marginal.added",),
        "special case",
        "y is the agent's action, kept with π(a|s,b)",
    ),
    sample(kept_inside, SYSTEMS["101"][1]),
    assumes=UNIT,
)


def at_e_step(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Sides:
    """L at (89), (93), and mean_s V(s)."""
    prior = laid(agent_prior)
    inner = free_energy(q, prior, 1, 1, arithmetic)
    pi, rho = tilt(q, prior, 1, 1, arithmetic), tilt(inner, opponent_prior, 1, 1, arithmetic)
    found = em_walk(
        arithmetic, q, agent_prior, np.swapaxes(pi, 1, 2), opponent_prior, rho
    ).objective()
    value = free_energy(inner, opponent_prior, 1, 1, arithmetic)
    even = arithmetic.number(1) / len(value)
    return sides(found, (even * value).sum(axis=0))


row(
    "report.091.elbo-best.added",
    "proved",
    "report (89); report (91)",
    r"\max_\theta \mathcal L(\theta,\omega) = \frac1{|S|}\sum_s V_\omega(s) \le \log\frac1{|S|}"
    r"\sum_s e^{V_\omega(s)} = \log P(O^i=1)",
    "The number that the E step attains, and Jensen's inequality over the states as its gap.",
    TABLES,
    Deduction(
        ("elbo.split.added", "elbo.posterior.added", "report.091.elbo-gap.added"),
        "substitution of equals",
        "at the tilts only the term of U(s) is left: KL(U ‖ U e^V/Z) = log mean e^V − mean V",
    ),
    sample(at_e_step, {n: FIELDS[n] for n in ("q", "agent_prior", "opponent_prior")}, "== 0"),
    assumes=UNIT,
)
