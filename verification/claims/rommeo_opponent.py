"""ROMMEO's opponent model at the last step, and the message: report (9), (11), A.1.3, A.1.4.

    E_ρ[Q(b) − log ρ(b)/P_prior(b)] = V − KL(ρ ‖ ρ*)                     A.1.3
    ρ*(b) = P_prior(b) exp Q(b) / exp V,   V = log Σ_b P_prior(b) exp Q(b)   (9)
    (7) at (π*, ρ*) = V                                                   A.1.4

Q(b) = log Σ_a P_prior(a|b) exp N(a,b) is the agent's soft value. Shapes as in ``rommeo_agent``.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl, tilt
from tabular_marl.verification.claims._rommeo import Game, laid, laid_stage
from tabular_marl.verification.claims._rommeo_rows import (
    GAMES,
    GIBBS,
    SIZES,
    STAGE_SCOPE,
    STAGE_SIZES,
    game_fields,
    sample,
    stage_fields,
    stationary_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

STAGE = stage_fields()
OPPONENT = {name: f for name, f in STAGE.items() if name != "agent"}
PRIORS = {name: STAGE[name] for name in ("q", "agent_prior", "opponent_prior")}

# -- A.1.3, line by line ---------------------------------------------------------------------------


def plug_in_printed(arithmetic: Arithmetic, q: Numbers, opponent: Numbers) -> Sides:
    """(7) at π*, and with log[exp(N P_prior)/P_prior · exp Q] as printed; uniform priors."""
    stage = Game.stage(arithmetic, q)
    pi, rho, soft = stage.agent_tilt(stage.u), opponent[None], stage.agent_soft(stage.u)
    printed = stage.u * stage.agent_prior - arithmetic.log(stage.agent_prior) + soft[:, None]
    right = stage.opponent_value((pi * (stage.u - printed)).sum(axis=1), rho)
    return sides(stage.value(stage.u, pi, rho), right)


row(
    "report.A.1.3.step1.printed",
    "refuted",
    "report A.1.3",
    r"\log\frac{\pi^*}{P_{\mathrm{prior}}} = \log \frac{\exp(\beta R \cdot P_{\mathrm{prior}})}"
    r"{P_{\mathrm{prior}}} \cdot \exp Q",
    "The prior stands inside the exponential and exp Q multiplies instead of dividing.",
    STAGE_SCOPE,
    Counterexample(plug_in_printed, {"q": [[0], [0]], "opponent": [1]}, "== 0"),
)


def plug_in(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Sides:
    """(7) at π*, and E_ρ[Q(b) − log ρ/P_prior]."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    pi, rho = stage.agent_tilt(stage.u), opponent[None]
    right = stage.opponent_value(stage.agent_soft(stage.u), rho)
    return sides(stage.value(stage.u, pi, rho), right)


def prove_plug_in() -> list[Proof]:
    t, mu, z = positive("t"), positive("mu"), positive("Z")
    log = sympy.log
    ratio = (t * mu / z) / mu
    return [
        prove_zero(log(ratio) - (log(t) - log(z)), "log π*/P_prior = N − Q, with t = e^N, Z = e^Q"),
        prove_zero(log(t) - log(ratio) - log(z), "N − log π*/P_prior = Q for every a"),
    ]


row(
    "report.A.1.3.step1.corrected",
    "proved",
    "report A.1.3",
    r"E_q\Big[\beta R - \log\frac{\pi^*}{P_{\mathrm{prior}}} - \log\frac{\rho}{P_{\mathrm{prior}}}"
    r"\Big] = E_q\Big[\beta R - \log\frac{\exp(\beta R) P_{\mathrm{prior}}}{P_{\mathrm{prior}} "
    r"\exp Q} - \log\frac{\rho}{P_{\mathrm{prior}}}\Big] "
    r"= E_{\rho P(s)}\Big[Q - \log\frac{\rho}{P_{\mathrm{prior}}}\Big]",
    "With exp Q below the line, as the printed lines that follow use it.",
    STAGE_SCOPE,
    Symbolic(prove_plug_in),
    sample(plug_in, OPPONENT, "== 0", STAGE_SIZES),
)

TABLE = {"table": array("opponent_actions"), "opponent_prior": STAGE["opponent_prior"]}
OPPONENTS = scope(opponent_actions=">= 1")


def opponent_divergence(
    arithmetic: Arithmetic, table: Numbers, opponent_prior: Numbers, opponent: Numbers
) -> Sides:
    """E_ρ[f(b) − log ρ/P_prior], and V − KL(ρ ‖ ρ*) for the table f [B]."""
    weights = opponent_prior * arithmetic.exp(table)
    best = tilt(table, opponent_prior, 1, 0, arithmetic)
    left = (opponent * table).sum(axis=0) - kl(opponent, opponent_prior, 0, arithmetic)
    return sides(left, arithmetic.log(weights.sum(axis=0)) - kl(opponent, best, 0, arithmetic))


def prove_opponent_divergence() -> list[Proof]:
    rho, nu, t, z, rest = (positive(n) for n in ("rho", "nu", "t", "Z", "rest"))
    log = sympy.log
    right = log(z) - log(rho / (nu * t / z))
    return [
        prove_zero(log(t) - log(rho / nu) - right, "each term, Z = e^V one symbol"),
        prove_zero(nu * t / (nu * t + rest) + rest / (nu * t + rest) - 1, "Σ_b ρ* = 1"),
    ]


row(
    "report.A.1.3.step2.printed",
    "proved",
    "report A.1.3",
    r"E_\rho\Big[Q - \log\frac{\rho}{P_{\mathrm{prior}}}\Big] = -D_{KL}\Big(\rho \Big\| "
    r"\frac{\exp(Q) P_{\mathrm{prior}}}{\exp V}\Big) + V",
    "Adding and subtracting the normaliser V(s); the last four printed lines. Q may be any "
    "function of (s, a^-i).",
    OPPONENTS,
    Symbolic(prove_opponent_divergence),
    sample(opponent_divergence, {**TABLE, "opponent": STAGE["opponent"]}, "== 0", STAGE_SIZES),
    assumes=("ρ ≪ P_prior",),
)


def opponent_optimum(
    arithmetic: Arithmetic, table: Numbers, opponent_prior: Numbers, opponent: Numbers
) -> Numbers:
    """V − E_ρ[f(b) − log ρ/P_prior]."""
    best = arithmetic.log((opponent_prior * arithmetic.exp(table)).sum(axis=0))
    return best - (opponent * table).sum(axis=0) + kl(opponent, opponent_prior, 0, arithmetic)


row(
    "report.A.1.3.arbitrary.printed",
    "proved",
    "report A.1.3",
    r"\text{for any } f(s, a^{-i}):\ \max_\rho E_\rho\Big[f - \log\frac{\rho}{P_{\mathrm{prior}}}"
    r"\Big] = V \text{ at } \rho \propto P_{\mathrm{prior}}\, e^{f}",
    "Finite sums: for every real f.",
    OPPONENTS,
    Deduction(("report.A.1.3.step2.printed", GIBBS), "chain of inequalities", "E = V − KL <= V"),
    sample(opponent_optimum, {**TABLE, "opponent": STAGE["opponent"]}, ">= 0", STAGE_SIZES),
    assumes=("ρ ≪ P_prior (else (7) is −∞)",),
)

# -- (9) -------------------------------------------------------------------------------------------


def model_optimum(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(7) at (π*, ρ*) minus (7) at (π*, ρ)."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    best = stage.agent_tilt(stage.u)
    model = stage.opponent_tilt(stage.agent_soft(stage.u))
    return stage.value(stage.u, best, model) - stage.value(stage.u, best, opponent[None])


row(
    "report.009.printed",
    "proved",
    "report (9)",
    r"\rho(a^{-i}_T|s_T) = \frac{\exp(Q^*(s_T, a^{-i}_T)) P_{\mathrm{prior}}(a^{-i}_T|s_T)}"
    r"{\exp V^*(s_T)} \text{ maximises (7) at } \pi = \pi^*",
    "Well printed.",
    STAGE_SCOPE,
    Deduction(
        ("report.A.1.3.step1.corrected", "report.A.1.3.arbitrary.printed"),
        "special case",
        "f = Q*, which is what (7) leaves when π* is plugged in",
    ),
    sample(model_optimum, OPPONENT, ">= 0", STAGE_SIZES),
    assumes=("ρ ≪ P_prior (else (7) is −∞)",),
)


def joint_optimum(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """V minus (7) at any pair."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    return stage.soft(stage.u) - stage.value(stage.u, laid_stage(agent), opponent[None])


row(
    "report.009.joint.added",
    "proved",
    "report (8); report (9)",
    r"\text{(7) at } (\pi^*, \rho^*) \ge \text{(7) at } (\pi, \rho) \text{ for all } \pi, \rho",
    "(8) and (9) together are the joint maximum, not only one after the other, because (8) does "
    "not depend on ρ.",
    STAGE_SCOPE,
    Deduction(
        ("report.008.printed", "report.009.printed"),
        "maximisation in stages",
        "first π given b, then ρ",
    ),
    sample(joint_optimum, STAGE, ">= 0", STAGE_SIZES),
)


def same_plug(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Sides:
    """π* put into (7), and into what A.1.2 leaves of it."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    pi, rho = stage.agent_tilt(stage.u), opponent[None]
    left_over = stage.agent_soft(stage.u) - kl(pi, pi, 1, arithmetic)
    return sides(stage.value(stage.u, pi, rho), stage.opponent_value(left_over, rho))


row(
    "report.009.plug.added",
    "proved",
    "report (9)",
    r"\pi^* \text{ plugged into (7)} = \pi^* \text{ plugged into } "
    r"E_\rho[-D_{KL}(\pi\|\pi^*) + Q - \log\tfrac{\rho}{P_{\mathrm{prior}}}]",
    "The report stresses that it plugs into the original objective 'instead of' into what A.1.2 "
    "leaves; the two are one function of ρ, so nothing is decoupled by the choice.",
    STAGE_SCOPE,
    Deduction(
        ("report.A.1.2.step1.corrected", "report.A.1.2.step2.corrected"),
        "substitution of equals",
        "A.1.2 rewrites (7) for every π, so also for π*",
    ),
    sample(same_plug, OPPONENT, "== 0", STAGE_SIZES),
)

# -- (11) and A.1.4 --------------------------------------------------------------------------------


def discounted_rest(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    gamma: Numbers,
) -> Sides:
    """(7) at (π*, ρ*), and γ V."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    agent, model = stage.tilts([stage.u])
    return sides(stage.value(stage.u, agent[0], model[0]), gamma * stage.soft(stage.u))


row(
    "report.011.printed",
    "refuted",
    "report (11)",
    r"\text{(7) at } (\pi^*, \rho^*) = \gamma\, E_{P(s_T)}[V(s_T)]",
    "A.1.4 itself ends in E_q[V(s_T)]: (7) has no γ. One action each, βR = 1: 1 against γ.",
    scope(actions=">= 1", opponent_actions=">= 1", gamma="[0, 1]"),
    Counterexample(
        discounted_rest,
        {"q": [[1]], "agent_prior": [[1]], "opponent_prior": [1], "gamma": "1/2"},
        "== 0",
    ),
)


def rest_printed(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """(7) at (π*, ρ*), and the printed second line of A.1.4: both exp(Q) multiply, the second
    ratio is over P_prior(a|s,b); uniform priors."""
    stage = Game.stage(arithmetic, q)
    (pi,), (rho,) = stage.tilts([stage.u])
    soft = stage.agent_soft(stage.u)
    first = stage.u + soft[:, None]
    second = 2 * soft[:, None] + arithmetic.log(stage.opponent_prior)[:, None]
    second = second - arithmetic.log(stage.agent_prior)
    printed = (pi * rho[:, None] * (stage.u - first - second)).sum(axis=(1, 2))
    return sides(stage.value(stage.u, pi, rho), printed)


row(
    "report.A.1.4.step1.printed",
    "refuted",
    "report A.1.4",
    r"\cdots = E_q\Big[\beta R - \log\frac{\exp(\beta R) P_{\mathrm{prior}}}{P_{\mathrm{prior}}} "
    r"\exp Q - \log\frac{\exp(Q) P_{\mathrm{prior}}(a^{-i}|s)}{P_{\mathrm{prior}}(a^i|s, a^{-i})} "
    r"\exp Q\Big]",
    "exp Q must divide the first ratio; the second is over P_prior(a^-i|s) exp V.",
    STAGE_SCOPE,
    Counterexample(rest_printed, {"q": [[1]]}, "== 0"),
)


def prove_rest() -> list[Proof]:
    t, mu, nu, z, v = (positive(n) for n in ("t", "mu", "nu", "Z", "V"))
    log = sympy.log
    agent, model = (t * mu / z) / mu, (z * nu / v) / nu
    return [
        prove_zero(log(t) - log(agent) - log(model) - log(v), "N − log π*/P − log ρ*/P = V"),
        prove_zero(
            log(t) - log(t) + log(z) - log(z) + log(v) - log(v), "the third printed line is V"
        ),
    ]


def rest(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Sides:
    """(7) at (π*, ρ*), and V."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    (pi,), (rho,) = stage.tilts([stage.u])
    return sides(stage.value(stage.u, pi, rho), stage.soft(stage.u))


row(
    "report.A.1.4.corrected",
    "proved",
    "report (11); report A.1.4",
    r"\text{(7) at } (\pi^*, \rho^*) = E_q\Big[\beta R - \log\frac{\exp(\beta R)}{\exp Q} "
    r"- \log\frac{\exp Q}{\exp V}\Big] = E_q[V(s_T)]",
    "For every (a, a^-i), before any expectation; the third and the last printed line are right.",
    STAGE_SCOPE,
    Symbolic(prove_rest),
    sample(rest, PRIORS, "== 0", STAGE_SIZES),
)


def message(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """The last two terms of (6)/γ^{T−1} from each s_{T−1}, π_T, ρ_T optimal; and (12) at T − 1."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    pi, rho = laid(agent), opponent
    (last_pi,), (last_rho,) = game.tilts([game.u])
    first = game.evaluate([pi, last_pi], [rho, last_rho])[0]
    q = game.backup(game.soft(game.u))
    return sides(game.value(first, pi, rho), game.value(q, pi, rho))


row(
    "report.011.corrected",
    "proved",
    "report (11); report (12)",
    r"\text{in units of } \gamma^{T-1} \text{ step } T \text{ passes } "
    r"\gamma\, E_{P(s_T|s_{T-1}, a_{T-1}, a^{-i}_{T-1})}[V(s_T)] \text{ to step } T-1",
    "γ belongs to the message as seen from T − 1, and the state's law is conditional on what T − 1 "
    "does: the marginal P(s_T) would not depend on the action that (12) chooses.",
    GAMES,
    Deduction(
        ("report.A.1.4.corrected", "report.028.corrected"),
        "substitution of equals",
        "V_T in place of the value of the last policies",
    ),
    sample(message, {**game_fields(), **stationary_fields()}, "== 0", SIZES),
)
