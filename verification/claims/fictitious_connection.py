"""From the model's normaliser to Balancing-Q: report (47)-(50).

    Q^i(s,b) = (1/κ)[log ρ(b|s)/P_prior(b|s) + V^-i(s)],  κ = β^-i/β^i                     (47)
             = Q^i(s,a,b) − log π(a|s,b)/P_prior(a|s,b)   at every (a, b)              (48), (49)
    E_ρ Q^i(s,b) = (1/κ)[V^-i(s) + KL(ρ ‖ P_prior)]       what (42) passes on
    Q^i(s,a,b) = β^i R + γ E[V^-i(s')/κ]                                                   (50)

(50) charges the model its divergence, (42) does not; with P_prior kept, (50) is Balancing-Q in the
opponent's view. Shapes as in ``_fictitious``; one stage: reward [A, B].
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    discount,
    distribution,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.arithmetic import kl as divergence
from tabular_marl.verification.claims._balancing import reals
from tabular_marl.verification.claims._fictitious import (
    GAME,
    GIBBS,
    SHORT,
    STAGE,
    Play,
    betas,
    game_scope,
    sample,
    stage_scope,
)
from tabular_marl.verification.claims._rommeo import laid_stage
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

ANY = {**STAGE, **betas()}
SYSTEM = {**GAME, **betas(), "gamma": discount()}

# -- (47)-(49) -------------------------------------------------------------------------------------


def model_ratio(play: Play, table: Numbers) -> Numbers:
    """log ρ/P_prior for ρ of (46)."""
    return play.arithmetic.log(play.model(table) / play.game.opponent_prior)


def inverted(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """(47): Q^i(s, b), and (1/κ)[log ρ/P_prior + V^-i]."""
    play = Play.stage(arithmetic, **given)
    table = play.game.agent_soft(play.game.u)
    right = (model_ratio(play, table) + play.normaliser(table)[:, None]) / play.ratio
    return sides(table, right)


def prove_inverted() -> Proof:
    ratio, table, log_prior, value = reals("kappa Q logP V")
    model = log_prior + ratio * table - value
    return prove_zero(table - ((model - log_prior) + value) / ratio, "(46) solved for Q^i(s,b)")


def through_agent(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """(48): (1/κ)[log ρ/P_prior + V^-i], and Q^i(s,a,b) − log π/P_prior at every (a, b)."""
    play = Play.stage(arithmetic, **given)
    game, table = play.game, play.game.agent_soft(play.game.u)
    left = (model_ratio(play, table) + play.normaliser(table)[:, None]) / play.ratio
    right = game.u - game.agent_cost(game.agent_tilt(game.u))
    return sides(left[:, None] + 0 * right, right)


def prove_through_agent() -> Proof:
    ratio, q, soft, log_prior, log_model, value = reals("kappa Q F logmu logP V")
    policy = log_prior + q - soft
    model = log_model + ratio * soft - value
    left = ((model - log_model) + value) / ratio
    return prove_zero(left - (q - (policy - log_prior)), "at every (a, b)")


def connection(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """(49): V^-i, and κ Q^i(s,a,b) − κ log π/P_prior − log ρ/P_prior at every (a, b)."""
    play = Play.stage(arithmetic, **given)
    game, table = play.game, play.game.agent_soft(play.game.u)
    right = play.ratio * (game.u - game.agent_cost(game.agent_tilt(game.u)))
    right = right - model_ratio(play, table)[:, None]
    return sides(play.normaliser(table)[:, None, None] + 0 * right, right)


def prove_connection() -> Proof:
    ratio, q, soft, log_prior, log_model, value = reals("kappa Q F logmu logP V")
    policy = log_prior + q - soft
    model = log_model + ratio * soft - value
    right = ratio * q - ratio * (policy - log_prior) - (model - log_model)
    return prove_zero(value - right, "at every (a, b)")


def expected(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """E_ρ Q^i(s,b), and (1/κ)[V^-i + KL(ρ ‖ P_prior)]."""
    play = Play.stage(arithmetic, **given)
    table = play.game.agent_soft(play.game.u)
    model = play.model(table)
    cost = divergence(model, play.game.opponent_prior, 1, arithmetic)
    return sides((model * table).sum(axis=1), (play.normaliser(table) + cost) / play.ratio)


SUPPORT = ("P_prior(a^-i|s) > 0 (else the ratio is 0/0)",)
BOTH = (*SUPPORT, "P_prior(a|s, a^-i) > 0")
row(
    "report.047.printed",
    "proved",
    "report (47)",
    r"Q^i(s, a^{-i}) = \tfrac{\beta^i}{\beta^{-i}}\left[\log\tfrac{\rho(a^{-i}|s)}"
    r"{P_{\mathrm{prior}}(a^{-i}|s)} + V^{-i}(s)\right]",
    "Right for every action, for either sign, with the P_prior of (46).",
    stage_scope(),
    Symbolic(prove_inverted),
    sample(inverted, ANY, "== 0", stage=True),
    assumes=SUPPORT,
)
row(
    "report.048.printed",
    "proved",
    "report (48)",
    r"\tfrac{\beta^i}{\beta^{-i}}\left[\log\tfrac{\rho}{P_{\mathrm{prior}}} + V^{-i}(s)\right] = "
    r"Q^i(s, a^{-i}) = -\log\tfrac{\pi(a|s, a^{-i})}{P_{\mathrm{prior}}(a|s, a^{-i})} + "
    r"Q^i(s, a, a^{-i})",
    "Right for every (a, a^-i).",
    stage_scope(),
    Symbolic(prove_through_agent),
    sample(through_agent, ANY, "== 0", stage=True),
    assumes=BOTH,
)
row(
    "report.049.printed",
    "proved",
    "report (49)",
    r"V^{-i}(s) = \tfrac{\beta^{-i}}{\beta^i} Q^i(s, a, a^{-i}) - \tfrac{\beta^{-i}}{\beta^i} "
    r"\log\tfrac{\pi(a|a^{-i}, s)}{P_{\mathrm{prior}}(a|a^{-i}, s)} - "
    r"\log\tfrac{\rho(a^{-i}|s)}{P_{\mathrm{prior}}(a^{-i}|s)}",
    "Right for every (a, a^-i): V^-i is in units of β^-i R, and the agent's divergence is in it.",
    stage_scope(),
    Symbolic(prove_connection),
    sample(connection, ANY, "== 0", stage=True),
    assumes=BOTH,
)
row(
    "report.047.regularisation.printed",
    "proved",
    "report (42); report (47)",
    r"E_\rho Q^i(s, a^{-i}) = \tfrac{\beta^i}{\beta^{-i}}\left[V^{-i}(s) + D_{KL}(\rho \| "
    r"P_{\mathrm{prior}})\right]",
    "“The addition in (47) is the way we remove the regularization of the opponent model”: what "
    "(42) passes on at (46) is V^-i with the model's divergence added back.",
    stage_scope(),
    Deduction(("report.047.printed",), "substitution of equals", "(47) under E_ρ"),
    sample(expected, ANY, "== 0", stage=True),
)

# -- (50): a change, and what it makes -------------------------------------------------------------


def messages(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """What (42) passes on at (46), and what (50) does."""
    play = Play.stage(arithmetic, **given)
    table = play.game.agent_soft(play.game.u)
    return sides(play.held(play.game.u, play.model(table)), play.corrected(play.game.u))


TWO = {"reward": [[0, 1]], "beta_agent": 1, "beta_opponent": 1}
row(
    "report.050.same.printed",
    "refuted",
    "report (42); report (50)",
    r"E_{a^{-i} \sim \rho}[Q^i(s', a^{-i})] = \tfrac{\beta^i}{\beta^{-i}} V^{-i}(s')",
    "(50) is not derived from (42), it replaces it: the two differ by (β^i/β^-i) KL(ρ ‖ P_prior).",
    stage_scope(),
    Counterexample(messages, TWO, "== 0"),
)


def messages_apart(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """The difference of the two messages, and KL(ρ ‖ P_prior)/κ."""
    play = Play.stage(arithmetic, **given)
    model = play.model(play.game.agent_soft(play.game.u))
    both = messages(arithmetic, **given)
    cost = divergence(model, play.game.opponent_prior, 1, arithmetic)
    return sides(both.left - both.right, cost / play.ratio)


row(
    "report.050.same.corrected",
    "proved",
    "report (42); report (50)",
    r"E_{a^{-i} \sim \rho}[Q^i(s', a^{-i})] - \tfrac{\beta^i}{\beta^{-i}} V^{-i}(s') = "
    r"\tfrac{\beta^i}{\beta^{-i}} D_{KL}(\rho \| P_{\mathrm{prior}})",
    "Equal only where Q^i(s', ·) is constant.",
    stage_scope(),
    Deduction(("report.047.regularisation.printed",), "substitution of equals"),
    sample(messages_apart, ANY, "== 0", stage=True),
)


def contraction(
    arithmetic: Arithmetic, one: Numbers, two: Numbers, gamma: Numbers, **given: Numbers
) -> Sides:
    """γ ‖Q − Q'‖ and ‖TQ − TQ'‖ for T of (50)."""
    play = Play.of(arithmetic, gamma=gamma, **given)
    game = play.game
    moved = game.backup(play.corrected(one)) - game.backup(play.corrected(two))
    return sides(gamma * arithmetic.norm(one - two), arithmetic.norm(moved))


Q = array("states", "actions", "opponent_actions")
row(
    "report.050.printed",
    "proved",
    "report (50)",
    r"Q^i = \beta^i R + \gamma E_{s'}\left[\tfrac{\beta^i}{\beta^{-i}} V^{-i}(s')\right] \text{ "
    r"has one solution: its right side is a } \gamma\text{-contraction of } Q^i",
    "The factor β^i/β^-i is right: it brings V^-i, in units of β^-i R, to those of Q^i. With "
    "(42)'s Q^i(s, a^-i) and (46)'s V^-i two free energies follow each other; any signs.",
    game_scope(),
    Deduction(
        ("recipe.non-expansive",),
        ("non-expansive after a discounted expectation", "banach fixed point"),
        "(β^i/β^-i) V^-i = F_κ[P_prior](b ↦ F_1[P_prior](Q^i(s,·,b))): a recipe of two levels",
    ),
    sample(contraction, {**SYSTEM, "one": Q, "two": Q}, ">= 0"),
)


def gap_identity(
    arithmetic: Arithmetic, agent: Numbers, opponent: Numbers, **given: Numbers
) -> Sides:
    """V^-i/κ minus E_ρ[E_π[Q^i − log π/P] − log ρ/P/κ], and the two divergences."""
    play = Play.stage(arithmetic, **given)
    game, table = play.game, play.game.agent_soft(play.game.u)
    pi, rho = laid_stage(agent), opponent[None]
    cost = divergence(rho, game.opponent_prior, 1, arithmetic) / play.ratio
    value = (rho * game.agent_value(game.u, pi)).sum(axis=1) - cost
    away = (rho * divergence(pi, game.agent_tilt(game.u), 1, arithmetic)).sum(axis=1)
    away = away + divergence(rho, play.model(table), 1, arithmetic) / play.ratio
    return sides(play.corrected(game.u) - value, away)


def prove_gap() -> Proof:
    ratio, q, soft, value = reals("kappa Q F V")
    pi, mu, rho, nu = reals("logpi logmu logrho logP")
    objective = q - (pi - mu) - (rho - nu) / ratio
    away = (pi - (mu + q - soft)) + (rho - (nu + ratio * soft - ratio * value)) / ratio
    return prove_zero(value - objective - away, "at every (a, b)")


row(
    "report.050.identity.added",
    "proved",
    "report (42); report (46); report (50)",
    r"\tfrac{1}{\kappa} V^{-i} - E_{\pi,\rho}\Big[Q^i - \log\tfrac{\pi}{P} - \tfrac{1}{\kappa}"
    r"\log\tfrac{\rho}{P}\Big] = E_\rho D_{KL}(\pi \| \text{(42)}) + \tfrac{1}{\kappa} "
    r"D_{KL}(\rho \| \text{(46)})",
    "What (50) is the Bellman equation of: the sum in which the model pays its divergence over κ. "
    "For κ > 0 (42) and (46) maximise it together; for κ < 0 the model minimises, the agent, who "
    "sees a^-i, answers.",
    stage_scope(),
    Symbolic(prove_gap),
    sample(
        gap_identity,
        {
            **ANY,
            "agent": distribution("opponent_actions", "actions"),
            "opponent": distribution("opponent_actions"),
        },
        "== 0",
        stage=True,
    ),
    assumes=("π, ρ ≪ P_prior",),
)


def fixed_gap(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """κ (T_B V − V) at V of (50), T_B the operator E_ρ Q^i(s,b) with ρ the tilt of Q^i(s,b)."""
    play = Play.of(arithmetic, **given)
    value = play.solve_corrected()
    q = play.game.backup(value)
    model = play.model(play.game.agent_soft(q))
    return play.ratio * (play.held(q, model) - value)


row(
    "report.050.order.added",
    "proved",
    "report (42); report (50)",
    r"\kappa\,(V_{(42)} - V_{(50)}) \ge 0 \text{ for every solution of (42) with } \rho = "
    r"\text{(46), } P_{\mathrm{prior}} \text{ kept}",
    "Without the divergence the model looks better at whatever it does: in reward units (42) "
    "promises more than (50) for β^-i > 0 and less for β^-i < 0.",
    game_scope(),
    Deduction(
        ("report.047.regularisation.printed", GIBBS, "report.050.printed"),
        "policy-evaluation monotonicity",
        "at such a solution V = E_ρ Q^i = (V^-i + KL)/κ, so κ V >= κ T_(50) V, and T_(50) is a "
        "monotone γ-contraction",
    ),
    sample(fixed_gap, {**GAME, **betas(), **SHORT}),
)
