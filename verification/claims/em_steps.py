"""The two steps of variational EM: report (92).

    E   L(θ, ω) = mean_s V(s) − mean_s [KL(ρ ‖ ρ*) + E_ρ KL(π ‖ π*)],   V(s) = log ∫ μ ν exp Q_ω
    M   L(θ, Q + c) = L(θ, Q) + c, so over free tables it has no maximum;
        with the constant of (87) put back, log c_ω = −max Q_ω, only constant tables are maxima

π*, ρ* are (89) and its opponent's half. An M step that learns has to be policy evaluation: see
``em_replaced``, ``em_kept``. Shapes as in ``_em``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._em import (
    DUALITY,
    GIBBS,
    STATES,
    bound,
    e_step,
    joint,
    log_evidence,
    mean,
    stage_fields,
    table_fields,
    tables,
)
from tabular_marl.verification.claims._rommeo import laid
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- E step ----------------------------------------------------------------------------------------


def e_identity(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Any:
    """mean V − L, and mean [KL(ρ ‖ ρ*) + E_ρ KL(π ‖ π*)]."""
    game = tables(arithmetic, q, **priors)
    pi, rho = laid(agent), opponent
    best = e_step(game, q)
    apart = kl(rho, best[1], 1, arithmetic) + (rho * kl(pi, best[0], 1, arithmetic)).sum(axis=1)
    return sides(mean(game.soft(q)) - bound(game, q, (pi, rho)), mean(apart))


def prove_e_identity() -> list[Proof]:
    import sympy

    Q, soft, v, lpi, lrho, lmu, lnu = sympy.symbols("Q Q_b V logpi logrho logmu lognu")
    inner = Q - (lpi - lmu) - (lrho - lnu)
    apart = (lrho - (lnu + soft - v)) + (lpi - (lmu + Q - soft))
    return [prove_zero(v - inner - apart, "at every (s, a, b), weighted by q = U π ρ")]


row(
    "report.092.e-identity.added",
    "proved",
    "report (91); report (92)",
    r"E_U V - L(\theta, \omega) = E_U\big[D_{KL}(\rho \| \rho^*) + E_\rho D_{KL}(\pi \| "
    r"\pi^*)\big]",
    "How far any pair of policies is from the E step's.",
    STATES,
    Symbolic(prove_e_identity),
    sample(e_identity, stage_fields(), "== 0"),
)


def e_rise(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Numbers:
    """L at the E step minus L before it."""
    game = tables(arithmetic, q, **priors)
    return bound(game, q, e_step(game, q)) - bound(game, q, (laid(agent), opponent))


row(
    "report.092.e-step.printed",
    "proved",
    "report (89); report (92)",
    r"\arg\max_\theta L(\theta, \omega_t) = (\pi^*, \rho^*),\ \pi^* = \pi_{(89)} \propto \mu \exp "
    r"Q,\ \rho^* \propto \nu \exp Q(s, b), \quad L(\theta_{t+1}, \omega_t) \ge L(\theta_t, "
    r"\omega_t)",
    '"This would be our form of the agent": the E step over tables is ROMMEO\'s pair for Q_ω, '
    "unique where ρ*(b|s) > 0. (Printed as arg max over θ_t of L(θ_t, ω_t).)",
    STATES,
    Deduction(
        ("report.092.e-identity.added", GIBBS),
        "substitution of equals",
        "E V does not depend on θ, and the divergences vanish only at (π*, ρ*)",
    ),
    sample(e_rise, stage_fields()),
    assumes=("L of (91) as corrected", "θ ranges over all policies"),
)


def slack_after(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Numbers:
    """log P(O=1) − log c − L after the E step."""
    game = tables(arithmetic, q, **priors)
    return log_evidence(game, q) - bound(game, q, e_step(game, q))


row(
    "report.092.tight.printed",
    "refuted",
    "report (90); report (91); report (92)",
    r"\max_\theta L(\theta, \omega) = \log P_\omega(O^i = 1)",
    '"Our usual EM procedure" makes the bound tight. Here q keeps U(s) while the posterior '
    "(88) moves the state. Two states worth −1 and 0, P(O|·) = exp Q: log((1/e + 1)/2) + 1/2 > 0.",
    STATES,
    Counterexample(slack_after, {"q": [[[-1]], [[0]]]}, "== 0"),
)
row(
    "report.092.tight.corrected",
    "proved",
    "report (90); report (92)",
    r"\log P_\omega(O^i = 1) - \log c_\omega - \max_\theta L = \log E_U e^V - E_U V \ge 0, "
    r"\text{ and } = 0 \text{ iff } V \text{ is constant}",
    "Jensen's gap over the states. Tight for one state.",
    STATES,
    Deduction(
        ("report.092.e-identity.added", DUALITY, GIBBS),
        "substitution of equals",
        "the gap is KL(U ‖ tilt_1[U](V)), which is 0 only where V is constant",
    ),
    sample(slack_after, table_fields()),
)

# -- M step ----------------------------------------------------------------------------------------


def m_shift(
    arithmetic: Arithmetic,
    q: Numbers,
    c: Numbers,
    agent: Numbers,
    opponent: Numbers,
    **priors: Numbers,
) -> Any:
    """L(θ, Q + c) against L(θ, Q) + c."""
    game = tables(arithmetic, q, **priors)
    pair = laid(agent), opponent
    return sides(bound(game, q + c, pair), bound(game, q, pair) + c)


def m_best(arithmetic: Arithmetic, q: Numbers, other: Numbers) -> Numbers:
    """L(θ, Q) − L(θ, other); uniform policies and priors."""
    game = tables(arithmetic, q)
    pair = game.agent_prior, game.opponent_prior
    return bound(game, q, pair) - bound(game, other, pair)


def prove_m_shift() -> list[Proof]:
    import sympy

    Q, c, cost = sympy.symbols("Q c cost")
    return [prove_zero((Q + c - cost) - (Q - cost) - c, "at every (s, a, b); q has mass one")]


row(
    "report.092.unbounded.added",
    "proved",
    "report (92)",
    r"L(\theta, Q + c) = L(\theta, Q) + c",
    "L is linear in the table Q_ω.",
    STATES,
    Symbolic(prove_m_shift),
    sample(m_shift, {**stage_fields(), "c": number()}, "== 0"),
)
row(
    "report.092.m-exists.printed",
    "refuted",
    "report (92)",
    r"\arg\max_\omega L(\theta, \omega) \text{ exists: some table } Q \text{ has } L(\theta, Q) "
    r"\ge "
    r"L(\theta, Q') \text{ for all } Q'",
    "Whatever Q is, Q + 1 is better, here at Q = 0. The M step needs a constraint that (92) does "
    "not state: Q_ω must be the action value of something.",
    STATES,
    Counterexample(m_best, {"q": [[[0]]], "other": [[[1]]]}),
)


def with_constant(
    arithmetic: Arithmetic,
    q: Numbers,
    level: Numbers,
    agent: Numbers,
    opponent: Numbers,
    **priors: Numbers,
) -> Numbers:
    """L + log c at a constant table minus L + log c at Q, log c = −max Q."""
    game = tables(arithmetic, q, **priors)
    pair = laid(agent), opponent
    flat = 0 * q + level
    return (bound(game, flat, pair) - level) - (bound(game, q, pair) - arithmetic.maximum(q))


def prove_with_constant() -> list[Proof]:
    p, gap = positive("q"), positive("d")
    return [
        prove_nonnegative(p * gap, "max Q − E_q Q = Σ q (max Q − Q) >= 0, each term"),
    ]


row(
    "report.092.normalised.added",
    "proved",
    "report (87); report (92)",
    r"\max_\omega \{L(\theta, \omega) + \log c_\omega\} = -E_U[E_\rho D_{KL}(\pi \| \mu) + "
    r"D_{KL}(\rho \| \nu)], \text{ attained exactly where } Q_\omega = \max Q_\omega \text{ on } "
    r"q_\theta\text{'s support}",
    "With the constant that makes (87) a probability put back, log c = −max Q, the M step exists "
    "and forgets: it makes Q constant where the policies go, whatever the rewards. Neither "
    'reading of arg max over ω learns; "directly use the Q-function" has to replace it.',
    STATES,
    Symbolic(prove_with_constant),
    sample(with_constant, {**stage_fields(), "level": number()}),
)


def stale(arithmetic: Arithmetic, q: Numbers, other: Numbers) -> Numbers:
    """L(θ, ω_{t+1}) − L(θ, ω_t), q = Q of ω_t, other = Q of ω_{t+1}."""
    return -m_best(arithmetic, q, other)


def linear_rise(
    arithmetic: Arithmetic,
    q: Numbers,
    rise: Numbers,
    agent: Numbers,
    opponent: Numbers,
    **priors: Numbers,
) -> Numbers:
    """L(θ, Q + rise) − L(θ, Q), rise >= 0 everywhere."""
    game = tables(arithmetic, q, **priors)
    pair = laid(agent), opponent
    return bound(game, q + rise, pair) - bound(game, q, pair)


def prove_linear_rise() -> list[Proof]:
    here, rise = positive("q"), positive("d")
    return [prove_nonnegative(here * rise, "L(θ, Q') − L(θ, Q) = Σ q (Q' − Q), each term")]


row(
    "report.092.index.printed",
    "refuted",
    "report (92)",
    r"\omega_{t+1} \leftarrow \arg\max_{\omega_{t+1}} L(\theta_{t+1}, \omega_t) \ \Rightarrow\ "
    r"L(\theta_{t+1}, \omega_{t+1}) \ge L(\theta_{t+1}, \omega_t)",
    "ω_{t+1} does not occur in L(θ_{t+1}, ω_t): every ω is a maximiser of what is printed, also "
    "one "
    "that lowers the bound. It must be arg max over ω of L(θ_{t+1}, ω); (102) writes ω_t, ω_t.",
    STATES,
    Counterexample(stale, {"q": [[[0]]], "other": [[[-1]]]}),
)
row(
    "report.092.m-rise.corrected",
    "proved",
    "report (92)",
    r"Q_{\omega_{t+1}} \ge Q_{\omega_t} \ \Rightarrow\ L(\theta, \omega_{t+1}) \ge L(\theta, "
    r"\omega_t)",
    "What an M step has to do to raise the bound: raise the table (where the policies go).",
    STATES,
    Symbolic(prove_linear_rise),
    sample(
        linear_rise,
        {**stage_fields(), "rise": array("states", "actions", "opponent_actions", low=0)},
    ),
)


def joint_tilt(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """π* ρ* against μ ν exp(Q − V)."""
    game = tables(arithmetic, q, **priors)
    weights = joint((game.agent_prior, game.opponent_prior)) * arithmetic.exp(q)
    total = weights.sum(axis=(1, 2))
    return sides(joint(e_step(game, q)), weights / total[:, None, None])


def prove_joint_tilt() -> list[Proof]:
    mu, nu, t, soft, z = (positive(name) for name in ["mu", "nu", "t", "E", "Z"])
    return [prove_zero((mu * t / soft) * (nu * soft / z) - mu * nu * t / z, "exp Q(s,b) cancels")]


row(
    "report.092.joint.added",
    "proved",
    "report (89); report (92)",
    r"\pi^*(a|s, b)\, \rho^*(b|s) = \mu\, \nu \exp(Q(s, a, b) - V(s))",
    "The E step is one tilt of the joint prior of the state: one decision maker over (a, b), who "
    "is rewarded as the agent is.",
    STATES,
    Symbolic(prove_joint_tilt),
    sample(joint_tilt, table_fields(), "== 0"),
)
