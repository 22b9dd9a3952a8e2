"""The alternation with the prior replaced each round: report 1.3 after (46), and after (50).

    V_k = solution of (42) with ρ_k held fixed,   ρ_{k+1} ∝ ρ_k exp(κ Q_k(s,b)),  ρ_0 = P_prior

κ > 0: V_k rises, and tends to V* of the model that takes the best b for ever (κ < 0: falls; the
worst b). Along the way, for every law σ,

    κ E_σ Q_k(s,·) − log Σ_b ρ_k exp(κ Q_k) = KL(σ ‖ ρ_k) − KL(σ ‖ ρ_{k+1})          (potential)

so with D = max log 1/P_prior(b|s),  K ‖V* − V_K‖ <= γ Σ_{k<K} ‖V* − V_k‖ + D/|κ|. The same
holds where the message is (50)'s. Units are the report's. Shapes as in ``_fictitious``.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.arithmetic import kl as divergence
from tabular_marl.verification.claims._fictitious import (
    GAME,
    GIBBS,
    SHORT,
    SIGNED,
    Play,
    betas,
    game_scope,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.fictitious_tilt import TILTS
from tabular_marl.verification.relation import Sides

SYSTEM = {**GAME, **betas(), **SHORT}
ROUNDS = 3
PRIOR = ("P_prior(a^-i|s) > 0 for every a^-i",)


def monotone(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """κ (V_{k+1} − V_k) for the first rounds."""
    play = Play.of(arithmetic, **given)
    values = [value for _, value, _ in play.rounds(ROUNDS, kept=False)]
    return play.ratio * np.diff(np.stack(values), axis=0)


def potential(
    arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers, other: Numbers
) -> Sides:
    """β (E_σ x − F_β[p](x)), and KL(σ ‖ p) − KL(σ ‖ tilt); other is σ."""
    left = beta * ((other * x).sum(axis=0) - free_energy(x, prior, beta, 0, arithmetic))
    moved = divergence(other, tilt(x, prior, beta, 0, arithmetic), 0, arithmetic)
    return sides(left, divergence(other, prior, 0, arithmetic) - moved)


def prove_potential() -> Proof:
    import sympy

    q, p, t, z = (positive(n) for n in ("q", "p", "t", "Z"))
    log = sympy.log
    right = log(q / p) - log(q / (p * t / z))
    return prove_zero(log(t) - log(z) - right, "outcome by outcome, under σ")


def summed(play: Play, values: list[Numbers]) -> Sides:
    """K ‖V* − V_K‖ on the right, γ Σ_{k<K} ‖V* − V_k‖ + D/|κ| on the left."""
    arithmetic, best = play.arithmetic, play.best()
    away = [arithmetic.maximum(arithmetic.absolute(best - v), 0) for v in values]
    least = arithmetic.minimum(play.game.opponent_prior, (0, 1))
    bound = -arithmetic.log(least) / arithmetic.absolute(play.ratio)
    bound = bound + play.game.gamma * sum(away[:-1])
    return sides(bound, (len(values) - 1) * away[-1])


def rate(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    play = Play.of(arithmetic, **given)
    return summed(play, [value for _, value, _ in play.rounds(ROUNDS + 1, kept=False)])


# -- the first reading: (42) -----------------------------------------------------------------------

row(
    "free-energy.potential.added",
    "proved",
    "report (46)",
    r"\beta\,(E_\sigma x - F_\beta[p](x)) = D_{KL}(\sigma \| p) - D_{KL}(\sigma \| "
    r"\mathrm{tilt}_\beta[p](x))",
    "How far one tilt moves towards any law σ.",
    scope(outcomes=">= 1", beta=SIGNED),
    Symbolic(prove_potential),
    sample(
        potential,
        {**TILTS, "other": distribution("outcomes")},
        "== 0",
        sizes={"outcomes": (1, 4)},
    ),
)
row(
    "report.1.3.replaced.monotone.added",
    "proved",
    "report 1.3; report (42); report (46)",
    r"\tfrac{\beta^{-i}}{\beta^i}(V_{k+1} - V_k) \ge 0, \quad V_k = E_{\rho_k} Q^i_k(s, a^{-i}), \ "
    r"P_{\mathrm{prior}} \leftarrow \rho_k",
    "In reward units the value rises in every round and every state for β^-i > 0 and falls for "
    "β^-i < 0, whatever the sign of β^i: no cycles for any pattern of signs.",
    game_scope(),
    Deduction(
        ("free-energy.tilt-mean.added", GIBBS, "report.158.corrected"),
        "policy-evaluation monotonicity",
        "κ(T_{ρ_{k+1}} V_k − V_k) = κ(E_{ρ_{k+1}} − E_{ρ_k}) Q_k >= 0, and T_{ρ_{k+1}} is a "
        "monotone γ-contraction with fixed point V_{k+1}",
    ),
    sample(monotone, SYSTEM),
)
row(
    "report.1.3.replaced.rate.added",
    "proved",
    "report 1.3; report (42); report (46)",
    r"K \|V^* - V_K\|_\infty \le \gamma \sum_{k<K} \|V^* - V_k\|_\infty + "
    r"\tfrac{|\beta^i|}{|\beta^{-i}|} \max_{s, a^{-i}} "
    r"\log \tfrac{1}{P_{\mathrm{prior}}(a^{-i}|s)}",
    "V* belongs to the model that plays the best action (for κ < 0 the worst) b*(s) for ever.",
    game_scope(),
    Deduction(
        (
            "free-energy.potential.added",
            "free-energy.variational.maximum",
            "free-energy.variational.minimum",
            "report.1.3.replaced.monotone.added",
            "report.158.corrected",
            GIBBS,
        ),
        ("chain of inequalities", "sum of termwise inequalities"),
        "κ > 0: V_{k+1} = E_{ρ_{k+1}} Q_{k+1} >= E_{ρ_{k+1}} Q_k >= F_κ[ρ_k](Q_k), so Q_k(s,b*) − "
        "V_{k+1} <= (KL_k − KL_{k+1})/κ with σ = b*; and V* = Q*(s,b*) <= Q_k(s,b*) + γ‖V* − V_k‖. "
        "Sum over k < K at the state where V* − V_K, the least of them, is largest. κ < 0: "
        "mirrored",
    ),
    sample(rate, SYSTEM),
    assumes=PRIOR,
)
row(
    "report.1.3.replaced.printed",
    "proved",
    "report 1.3; report (42); report (46)",
    r"\text{training agent and model in turns, the model being the next prior, converges: } "
    r"V_k \to V^*, \ V^*(s) = \max_{a^{-i}} Q^*(s, a^{-i}) \text{ if } \beta^i \beta^{-i} > 0, \ "
    r"\min \text{ if } < 0",
    "It does converge, for every game, sign and full-support prior. In reward units the limit is "
    "a model that takes the a^-i best (β^-i > 0) or worst (β^-i < 0) for the agent.",
    game_scope(),
    Deduction(
        ("report.1.3.replaced.rate.added", "report.1.3.replaced.monotone.added"),
        (
            "monotone convergence",
            "averages of a convergent sequence",
            "limit of a closed statement",
        ),
        "e_k = ‖V* − V_k‖ does not rise, so it tends to some e, and so do its averages; the rate "
        "divided by K gives e <= γ e, so e = 0",
    ),
    assumes=PRIOR,
)


row(
    "report.1.3.replaced.model.added",
    "proved",
    "report 1.3; report (46)",
    r"\rho_k(a^{-i}|s) \to 0 \text{ for every } a^{-i} \text{ with } Q^*(s, a^{-i}) \ne V^*(s)",
    "So the model tends to the best (or worst) action where there is one; between equals it need "
    "not settle, and V does not depend on it.",
    game_scope(),
    Deduction(
        ("report.1.3.replaced.printed", "free-energy.repeated-tilt.added"),
        ("strict inequality of limits", "squeeze"),
        "Q_k -> Q*, so from some round on κ(Q_k(s,b*) − Q_k(s,b)) > δ > 0, and the odds of b "
        "against b* fall by e^{−δ} a round",
    ),
    assumes=PRIOR,
)
row(
    "report.1.3.replaced.forgets.added",
    "proved",
    "report 1.3; report (46)",
    r"\lim_k V_k \text{ depends on } \beta^{-i} \text{ only by its sign, and not on } "
    r"P_{\mathrm{prior}}(a^{-i}|s) \text{ at all}",
    "In this reading β^-i is a learning rate, not a degree of rationality: k rounds at β^-i tilt "
    "as much as one at kβ^-i, and the bounded opponent of Balancing-Q is lost.",
    game_scope(),
    Deduction(
        ("report.1.3.replaced.printed",),
        "substitution of equals",
        "V* is the solution with max or min over a^-i, which contains neither",
    ),
    assumes=PRIOR,
)


def cumulated(arithmetic: Arithmetic, first: Numbers, second: Numbers, **given: Numbers) -> Sides:
    """Two tilts in turn, and one of the mean table at twice the β."""
    prior, beta = given["prior"], given["beta"]
    rho = tilt(first, prior, beta, 0, arithmetic)
    mean = (first + second) / 2
    once = tilt(mean, prior, 2 * beta, 0, arithmetic)
    return sides(tilt(second, rho, beta, 0, arithmetic), once)


def prove_cumulated() -> Proof:
    p, t, u, z, total = (positive(n) for n in ("p", "T", "u", "Z", "W"))
    before = p * t / z  # the tilt by the first k tables, T = exp(κ Σ Q_j)
    return prove_zero(
        before * u / (total / z) - p * (t * u) / total, "exponents add, round by round"
    )


ONE_PRIOR = {"prior": distribution("outcomes"), "beta": TILTS["beta"]}
row(
    "free-energy.repeated-tilt.added",
    "proved",
    "report (46)",
    r"\mathrm{tilt}_\beta[\mathrm{tilt}_\beta[p](x)](y) = \mathrm{tilt}_{2\beta}[p]"
    r"\left(\tfrac{x + y}{2}\right), \text{ and so on for } k \text{ tilts}",
    "Exponents add: k tilts in turn are one tilt by the mean table at k times the β.",
    scope(outcomes=">= 1", beta=SIGNED),
    Symbolic(prove_cumulated),
    sample(
        cumulated,
        {**ONE_PRIOR, "first": array("outcomes"), "second": array("outcomes")},
        "== 0",
        sizes={"outcomes": (1, 4)},
    ),
)
row(
    "report.1.3.fictitious.added",
    "proved",
    "report 1.3; report (46)",
    r"\rho_k = \mathrm{tilt}_{k\kappa}[P_{\mathrm{prior}}]\Big(\tfrac{1}{k}\sum_{j<k} "
    r"Q^i_j(s, \cdot)\Big)",
    "In what sense it is fictitious play: with replaced priors the model is the logit response, "
    "ever sharper, to the average of all past tables (exponential weights). It is not a belief "
    "about how the opponent has played: no observation of the opponent enters.",
    game_scope(),
    Deduction(("free-energy.repeated-tilt.added",), "special case", "the tables Q_0, …, Q_{k−1}"),
)


def belief(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """ρ_2, and the mean of the two answers so far: the tilts of the prior by Q_0 and by Q_1."""
    play = Play.of(arithmetic, **given)
    path = play.rounds(3, kept=False)
    answers = [play.model(table) for _, _, table in path[:2]]
    return sides(path[2][0], (answers[0] + answers[1]) / 2)


row(
    "report.1.3.fictitious.printed",
    "refuted",
    "report 1.3",
    r"\rho_k \text{ is the average of the opponent's answers so far, as in fictitious play}",
    "“Fictitious Play like”: fictitious play best-responds to the empirical frequency of past "
    "play. Here the model is computed from the agent's own table, and tilts multiply instead of "
    "being averaged.",
    game_scope(),
    Counterexample(
        belief,
        {
            "reward": [[[0, 1]]],
            "transition": [[[[1], [1]]]],
            "beta_agent": 1,
            "beta_opponent": 1,
            "gamma": 0,
        },
        "== 0",
    ),
)

# -- the second reading: (50) with the latest model ------------------------------------------------


def latest(play: Play, count: int) -> list[Numbers]:
    """V_k of (50) with the prior P_k, P_{k+1} ∝ P_k exp(κ Q_k)."""
    prior, values = play.game.opponent_prior, []
    for _ in range(count):
        values.append(play.solve_corrected(prior))
        table = play.game.agent_soft(play.game.backup(values[-1]))
        prior = play.model(table, prior)
    return values


def latest_monotone(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """κ (V_{k+1} − V_k)."""
    play = Play.of(arithmetic, **given)
    return play.ratio * np.diff(np.stack(latest(play, ROUNDS)), axis=0)


def latest_rate(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    play = Play.of(arithmetic, **given)
    return summed(play, latest(play, ROUNDS + 1))


def doubled(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Sides:
    """F_β of the tilt, and 2 F_{2β} − F_β."""
    moved = free_energy(x, tilt(x, prior, beta, 0, arithmetic), beta, 0, arithmetic)
    twice = free_energy(x, prior, 2 * beta, 0, arithmetic)
    return sides(moved, 2 * twice - free_energy(x, prior, beta, 0, arithmetic))


def prove_doubled() -> Proof:
    import sympy

    z, squares = positive("Z"), positive("Z2")
    beta = sympy.Symbol("beta", real=True, nonzero=True)
    left = sympy.log(squares / z) / beta  # Σ (p t/Z) t = Σ p t² / Z
    right = 2 * sympy.log(squares) / (2 * beta) - sympy.log(z) / beta
    return prove_zero(left - right, "Σ tilt e^{βx} = Σ p e^{2βx} / Σ p e^{βx}")


row(
    "free-energy.doubled.added",
    "proved",
    "report (50)",
    r"F_\beta[\mathrm{tilt}_\beta[p](x)](x) = 2F_{2\beta}[p](x) - F_\beta[p](x)",
    "The free energy under the tilted prior; so β times it is at least β F_β[p](x).",
    scope(outcomes=">= 1", beta=SIGNED),
    Symbolic(prove_doubled),
    sample(doubled, TILTS, "== 0", sizes={"outcomes": (1, 4)}),
)
row(
    "report.050.latest-monotone.added",
    "proved",
    "report (50)",
    r"\text{(50) with } P_{\mathrm{prior}} \text{ the latest model: } "
    r"\tfrac{\beta^{-i}}{\beta^i}(V_{k+1} - V_k) \ge 0",
    "The other reading of the closing paragraph of 1.3: monotone too.",
    game_scope(),
    Deduction(
        ("free-energy.doubled.added", "free-energy.power-means.added", "report.050.printed"),
        "policy-evaluation monotonicity",
        "κ F_κ[P_{k+1}](Q_k) >= κ F_κ[P_k](Q_k) = κ V_k, and (50) is a monotone γ-contraction",
    ),
    sample(latest_monotone, SYSTEM),
)
row(
    "report.050.latest-model.added",
    "proved",
    "report (50)",
    r"\text{(50) with } P_{\mathrm{prior}} \text{ the latest model: } V_k \to V^*, \text{ the "
    r"same limit with } \max_{a^{-i}} \text{ or } \min_{a^{-i}}",
    "Both readings forget β^-i and the prior; only the prior that is kept gives Balancing-Q.",
    game_scope(),
    Deduction(
        ("free-energy.potential.added", "report.050.latest-monotone.added", "report.050.printed"),
        (
            "sum of termwise inequalities",
            "monotone convergence",
            "averages of a convergent sequence",
            "limit of a closed statement",
        ),
        "Q_k(s,b*) − V_k = (KL_k − KL_{k+1})/κ exactly; then as for (42): K e_K <= γ Σ e_k + "
        "D/|κ|, e_k does not rise, and e <= γ e in the limit",
    ),
    sample(latest_rate, SYSTEM),
    assumes=PRIOR,
)
