"""Improving the conditional agent against a fixed model: report A.5.4.

    Q^π(s,a,b) = β^i R + γ E_{s', b'~ρ}[Q^π(s',b')]           what is Q^π(s,b)?
      as a value        E_π[Q^π(s,a,b) − log π/P_prior]         the expansion, second line
      as a normaliser   log Σ_a P_prior exp Q^π(s,a,b)          the KL line, and (42)
    π̃(a|s,b) ∝ P_prior exp Q^π(s,a,b)   implies   Q^π <= Q^π̃

The two agree only at π = π̃, and A.5.4 needs both. ROMMEO's A.3.3 with both opponents equal to ρ.
Shapes: agent [S, B, A] in instances; game.opponent_prior is ρ.
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    beta,
    discount,
    distribution,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.arithmetic import kl as divergence
from tabular_marl.verification.claims._fictitious import (
    GAME,
    MINUS,
    SHORT,
    Play,
    game_scope,
    sample,
)
from tabular_marl.verification.claims._rommeo import Game, laid
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.fictitious_operator import CLOSED, GAMES, operator
from tabular_marl.verification.relation import Sides

AGENT = distribution("states", "opponent_actions", "actions")
BETA = {"beta": beta("both", zero=True, high=4)}
PLAY = {**GAME, **BETA, "gamma": discount(), "agent": AGENT}
EVEN = {
    "reward": [[[0], [0]]],
    "transition": [[[[1]], [[1]]]],
    "beta": 1,
    "gamma": "1/2",
    "agent": [[["1/4", "3/4"]]],
}


def setting(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    agent_prior: Numbers = None,
    opponent_prior: Numbers = None,
) -> tuple[Game, Numbers, Numbers]:
    """The game, π, and Q^π as a value (stationary, T = ∞)."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    pi = laid(agent)
    return game, pi, game.stationary(pi, game.opponent_prior)


# -- the definition and its expansion --------------------------------------------------------------


def expansion_by_normaliser(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """γ E[…] of the two first displays of A.5.4 at one table Q, Q(s,b) its normaliser."""
    game, pi, q = setting(arithmetic, **given)
    value = (game.opponent_prior * game.agent_value(q, pi)).sum(axis=1)
    return sides(operator(game, q), game.backup(value))


def expansion(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """Q^π, and the second display at it, Q(s,b) its value."""
    game, pi, q = setting(arithmetic, **given)
    value = (game.opponent_prior * game.agent_value(q, pi)).sum(axis=1)
    return sides(q, game.backup(value))


row(
    "report.A.5.4.expansion.printed",
    "refuted",
    "report A.5.4; report (42)",
    r"Q^{i,\pi,\rho}(s', a^{-i}) \text{ by (42)}: \ \gamma E_\rho[Q^{i,\pi,\rho}(s', a^{-i})] = "
    r"\gamma E_{\rho,\pi}[-\log\tfrac{\pi}{P_{\mathrm{prior}}} + Q^{i,\pi,\rho}(s', a, a^{-i})]",
    "With (42)'s log-integral for Q^i(s, a^-i) the definition does not depend on π, and “expanding "
    "the Bellman equation” is false unless π is the tilt of its own table.",
    GAMES,
    Counterexample(expansion_by_normaliser, EVEN, "== 0"),
)
row(
    "report.A.5.4.expansion.corrected",
    "proved",
    "report A.5.4",
    r"Q^{i,\pi,\rho}(s, a^{-i}) := E_\pi[Q^{i,\pi,\rho}(s, a, a^{-i}) - "
    r"\log\tfrac{\pi}{P_{\mathrm{prior}}}]: \ \text{the two displays are one equation, with one "
    r"solution}",
    "Q^i(s, a^-i) of a given π is its value, not its normaliser.",
    GAMES,
    Deduction(
        ("report.A.5.3.evaluation.corrected",),
        "banach fixed point",
        "the second display is the fixed-point equation of T_π",
    ),
    sample(expansion, PLAY, "== 0"),
    assumes=("π ≪ P_prior",),
)

# -- the one-step lines ----------------------------------------------------------------------------


def lost(game: Game, pi: Numbers, q: Numbers) -> Numbers:
    """KL(π ‖ π̃) at each (s, b)."""
    return divergence(pi, game.agent_tilt(q), 1, game.arithmetic)


def line_by_value(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """E_π[Q − log π/P], and −KL(π ‖ π̃) + Q(s,b) as the value."""
    game, pi, q = setting(arithmetic, **given)
    value = game.agent_value(q, pi)
    return sides(value, value - lost(game, pi, q))


def line_at_one(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """E_{s,b}[E_π[Q − log π/P]] against −KL(π ‖ π̃) + Q(s,b) at each b; one state."""
    game, pi, q = setting(arithmetic, **given)
    mean = (game.opponent_prior * game.agent_value(q, pi)).sum(axis=1)
    right = game.agent_soft(q) - lost(game, pi, q)
    return sides(mean[:, None] + 0 * right, right)


def line(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """E_ρ E_π[Q − log π/P], and E_ρ[−KL(π ‖ π̃) + log Σ P exp Q]."""
    game, pi, q = setting(arithmetic, **given)
    rho = game.opponent_prior
    right = (rho * (game.agent_soft(q) - lost(game, pi, q))).sum(axis=1)
    return sides((rho * game.agent_value(q, pi)).sum(axis=1), right)


def one_step(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """E_ρ E_π̃[Q − log π̃/P] − E_ρ E_π[Q − log π/P]."""
    game, pi, q = setting(arithmetic, **given)
    better = game.agent_value(q, game.agent_tilt(q)) - game.agent_value(q, pi)
    return (game.opponent_prior * better).sum(axis=1)


LINE = (
    r"E_{\rho,\pi}\Big[-\log\tfrac{\pi}{P_{\mathrm{prior}}} + Q^{i,\pi,\rho}(s', a, a^{-i})\Big] = "
)
row(
    "report.A.5.4.line.printed",
    "refuted",
    "report A.5.4",
    LINE + r"-D_{KL}(\pi \| \tilde\pi) + Q^{i,\pi,\rho}(s', a^{-i}), \ Q^{i,\pi,\rho}(s', a^{-i}) "
    r"\text{ as in the line before}",
    "The expansion needs Q^i(s, a^-i) as a value, this line as a normaliser: with the value it "
    "says KL(π‖π̃) = 0. (π̃, defined nowhere in A.5.4, is taken from (29).)",
    GAMES,
    Counterexample(line_by_value, EVEN, "== 0"),
)
row(
    "report.A.5.4.line-expectation.printed",
    "refuted",
    "report A.5.4",
    LINE + r"-D_{KL}(\pi \| \tilde\pi) + Q^{i,\pi,\rho}(s', a^{-i}), \ \text{no expectation on the "
    r"right}",
    "A mean over s' and a^-i on the left, a function of them on the right.",
    GAMES,
    Counterexample(
        line_at_one,
        {
            "reward": [[[0, 1]]],
            "transition": [[[[1], [1]]]],
            "beta": 1,
            "gamma": 0,
            "agent": [[[1], [1]]],
        },
        "== 0",
    ),
)
row(
    "report.A.5.4.line.corrected",
    "proved",
    "report A.5.4",
    LINE + r"E_\rho\Big[-D_{KL}(\pi \| \tilde\pi) + \log \int P_{\mathrm{prior}} "
    r"\exp Q^{i,\pi,\rho}(s', a, a^{-i})\, da\Big]",
    "With the normaliser and the expectation.",
    GAMES,
    Deduction(
        ("report.A.3.3.step2.printed",), "substitution of equals", "at each (s', a^-i), then E_ρ"
    ),
    sample(line, PLAY, "== 0"),
    assumes=("π ≪ P_prior",),
)
row(
    "report.A.5.4.step.printed",
    "proved",
    "report A.5.4",
    r"E_{\rho,\pi}\Big[-\log\tfrac{\pi}{P_{\mathrm{prior}}} + Q^{i,\pi,\rho}\Big] \le "
    r"E_{\rho,\tilde\pi}\Big[-\log\tfrac{\tilde\pi}{P_{\mathrm{prior}}} + Q^{i,\pi,\rho}\Big]",
    "At each (s', a^-i) already, for every ρ and every prior.",
    GAMES,
    Deduction(("report.A.3.3.step1.printed",), "special case", "at each (s', a^-i), then E_ρ"),
    sample(one_step, PLAY),
    assumes=("π ≪ P_prior",),
)

# -- the result ------------------------------------------------------------------------------------


def improvement(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """Q^π̃ − Q^π."""
    game, _, q = setting(arithmetic, **given)
    return game.stationary(game.agent_tilt(q), game.opponent_prior) - q


def convergence(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """γ ‖Q* − Q^π‖ − ‖Q* − Q^π̃‖, Q* of (42)."""
    game, _, q = setting(arithmetic, **given)
    best = q
    for _ in range(60):
        best = operator(game, best)
    better = game.stationary(game.agent_tilt(q), game.opponent_prior)
    return game.gamma * arithmetic.norm(best - q) - arithmetic.norm(best - better)


row(
    "report.A.5.4.printed",
    "proved",
    "report A.5.4",
    r"Q^{i,\pi,\rho}(s, a, a^{-i}) \le Q^{i,\tilde\pi,\rho}(s, a, a^{-i})",
    "“Recursively apply this inequality”: right for every prior of the agent, every model ρ that "
    "is held fixed, β^i of either sign; stationary, T = ∞ (for T < ∞ a table for each time).",
    GAMES,
    Deduction(
        ("report.A.5.4.step.printed", "report.A.5.3.evaluation.corrected"),
        "policy-evaluation monotonicity",
        "T_π̃ Q^π >= T_π Q^π = Q^π",
    ),
    sample(improvement, PLAY),
    assumes=("π ≪ P_prior", "ρ is held fixed"),
)
row(
    "report.A.5.4.limit.added",
    "proved",
    "report A.5.4; report (42)",
    r"\|Q^* - Q^{i,\tilde\pi,\rho}\|_\infty \le \gamma \|Q^* - Q^{i,\pi,\rho}\|_\infty, \ Q^* "
    r"\text{ of (42)}",
    "What A.5.4 leaves open: repeated, the improvement converges to (42), at least as fast as "
    "value iteration.",
    GAMES,
    Deduction(
        ("report.A.5.4.printed", "report.A.5.4.step.printed", "report.158.corrected"),
        "chain of inequalities",
        "T Q^π = T_π̃ Q^π <= Q^π̃ <= Q* = T Q*, and T is a γ-contraction",
    ),
    sample(convergence, {**PLAY, **SHORT}),
    assumes=("π ≪ P_prior", "ρ is held fixed"),
)


def negative_agent(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers, agent: Numbers
) -> Numbers:
    """(Q^π̃ − Q^π)/β^i in reward units, γ = 1/2, uniform priors."""
    given = {"gamma": arithmetic.number("1/2"), "agent": agent}
    moved = improvement(arithmetic, reward=reward, transition=transition, beta=beta, **given)
    return moved / beta


def alternated(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """V of (42) at the model (46) of the first round, minus V at P_prior."""
    path = Play.of(arithmetic, **given).rounds(2, kept=True)
    return path[1][1] - path[0][1]


row(
    "report.A.5.4.units.added",
    "refuted",
    "report A.5.4",
    r"\tfrac{1}{\beta^i} Q^{i,\pi,\rho} \le \tfrac{1}{\beta^i} Q^{i,\tilde\pi,\rho}",
    "“Improvement” is of Q^i, which carries β^i: for β^i < 0 the value in reward units falls.",
    CLOSED,
    Counterexample(
        negative_agent,
        {
            "reward": [[[0], [0]]],
            "transition": [[[[1]], [[1]]]],
            "beta": -1,
            "agent": [[["1/4", "3/4"]]],
        },
    ),
)
row(
    "report.A.5.4.alternation.added",
    "refuted",
    "report A.5.4; report (46)",
    r"\beta^i, \beta^{-i} \text{ of opposite signs: } Q^i(s, a^{-i}) \text{ does not fall when the "
    r"model is updated}",
    "A.5.4 holds ρ fixed. Each update of the model takes back what an opponent with β^i β^-i < 0 "
    "can: no monotone improvement through both halves of the alternation.",
    game_scope("(0, inf)", MINUS),
    Counterexample(
        alternated,
        {
            "reward": [[[0, 1]]],
            "transition": [[[[1], [1]]]],
            "beta_agent": 1,
            "beta_opponent": -1,
            "gamma": 0,
        },
    ),
)
