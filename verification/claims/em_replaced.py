"""ROMMEO-EM with the last policies as priors: report 3.1, second point, (93).

    q_{k+1}(a,b|s) = q_k exp(Q_k(s,a,b) − log E_{q_k} exp Q_k),   q_k = π_k ρ_k,   q_0 = μ ν
    Q_{k+1} = u + γ E V_{k+1},   V_k the plain return of q_k

Tilting a tilt adds the exponents, so q_n ∝ μ ν exp(Q_0 + … + Q_{n−1}). Every round
    V_k <= log E_{q_k} exp Q_k <= E_{q_{k+1}} Q_k <= V_{k+1},
so V_k rises; and log μν(a,b) + Σ_{j<n} Q_j(a,b) <= n V_n, so its limit is the greedy optimum of one
decision maker over (a, b). Shapes as in ``_em``; u = βR, any sign of β.
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
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._em import (
    DUALITY,
    GAMES,
    GIBBS,
    SMALL_GAMES,
    STATES,
    Pair,
    bound,
    discounted_fields,
    e_step,
    joint,
    mean,
    replaced,
    returns,
    stage_fields,
    table_fields,
    tables,
)
from tabular_marl.verification.claims._rommeo import Game, laid, log_ratio
from tabular_marl.verification.claims._rommeo_rows import sample, stationary_fields
from tabular_marl.verification.claims._rows import row

ROUNDS = 3


def fixed_rounds(game: Game, q: Numbers, count: int) -> Pair:
    """``count`` E steps from the priors on one table, each prior replaced by the last policy."""
    pair = game.agent_prior, game.opponent_prior
    for _ in range(count):
        pair = e_step(replaced(game, pair), q)
    return pair


# -- (93) ------------------------------------------------------------------------------------------


def normaliser(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Any:
    """Q*(s,b) of (93), and Q − log π_t/π_{t−1} for every a."""
    last = laid(agent), opponent
    game = replaced(tables(arithmetic, q, **priors), last)
    new = e_step(game, q)[0]
    right = q - log_ratio(new, last[0], arithmetic)
    return sides(np.broadcast_to(game.agent_soft(q)[:, None], right.shape), right)


def prove_normaliser() -> Proof:
    import sympy

    p, t, z = positive("p"), positive("t"), positive("Z")
    log = sympy.log
    return prove_zero(log(z) - (log(t) - log((p * t / z) / p)), "at every a, Z = Σ π_{t−1} exp Q")


row(
    "report.093.printed",
    "proved",
    "report (93)",
    r"Q^*(s, b) = \log \int \exp Q(s, a, b)\, \pi_{t-1}(a|s, b)\, \mathrm{d}a \text{ is the "
    r"log-normaliser of } \pi_t \propto \pi_{t-1} \exp Q",
    "So the opponent model ρ_t ∝ ρ_{t-1} exp Q* anticipates π_{t-1} and its answer.",
    STATES,
    Symbolic(prove_normaliser),
    sample(normaliser, stage_fields(), "== 0"),
)


def over_own_action(arithmetic: Arithmetic, q: Numbers) -> Any:
    """(93)'s Q*(s,b) and the value Q(s,a) = log Σ_b ν exp Q of the line above it; A = B."""
    game = tables(arithmetic, q)
    return sides(game.agent_soft(q), free_energy(q, None, 1, 2, arithmetic))


row(
    "report.093.index.printed",
    "refuted",
    "report (93)",
    r"\text{the value that is based on the agent's old policy is } Q^i(s_t, a_t^i)",
    "The text above (93) names the agent's own action; (93) defines a function of a^-i.",
    STATES,
    Counterexample(over_own_action, {"q": [[[1, 1], [0, 0]]]}, "== 0"),
)


def two_models(arithmetic: Arithmetic, q: Numbers) -> Any:
    """ρ after two rounds with the latest model as prior, and with the first prior kept."""
    game = tables(arithmetic, q)
    return sides(fixed_rounds(game, q, 2)[1], e_step(game, q)[1])


row(
    "report.093.static.printed",
    "refuted",
    "report (93); report (50)",
    r"\text{in the models before 3.1 the prior is static: } \rho_{k+1} \propto P_{\mathrm{prior}} "
    r"e^{x} \text{ whichever prior 1.3 takes}",
    '"We always assume static prior policy" till now: the last paragraph of 1.3, after (50), '
    "takes the latest opponent model as prior. Its second round is another: e² against e.",
    STATES,
    Counterexample(two_models, {"q": [[[1, 0]]]}, "== 0"),
)


def nested(arithmetic: Arithmetic, q: Numbers, other: Numbers, **priors: Numbers) -> Any:
    """An E step on q, then one on other with the prior replaced; one E step on q + other."""
    game = tables(arithmetic, q, **priors)
    twice = e_step(replaced(game, e_step(game, q)), other)
    return sides(joint(twice), joint(e_step(game, q + other)))


def prove_nested() -> list[Proof]:
    import sympy

    p, t, u, z, w = (positive(name) for name in ["p", "t", "u", "Z", "W"])
    log = sympy.log
    return [
        prove_zero((p * t / z) * u / (w / z) - p * t * u / w, "Z = Σ p t, W = Σ p t u"),
        prove_zero(log(z) + log(w / z) - log(w), "the two log-normalisers add up to one"),
    ]


row(
    "report.093.nested.added",
    "proved",
    "report (93)",
    r"q_{k+1} \propto q_k e^{Q_k} \text{ for } k < n \ \Rightarrow\ q_n \propto \mu\nu "
    r"e^{Q_0 + \cdots + Q_{n-1}},\quad \textstyle\sum_{k<n} \log E_{q_k} e^{Q_k} = \log \sum "
    r"\mu\nu "
    r"e^{Q_0 + \cdots + Q_{n-1}}",
    'What the "nested recursive reasoning" amounts to: n rounds on one table Q are one round at n '
    "times the inverse temperature.",
    STATES,
    Symbolic(prove_nested),
    sample(
        nested,
        {**table_fields(), "other": array("states", "actions", "opponent_actions")},
        "== 0",
    ),
)


def hardening(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Numbers:
    """[E_{q_n} Q − (1/n) log Σ μν exp nQ, max Q − E_{q_n} Q], n = ROUNDS."""
    game = tables(arithmetic, q, **priors)
    found = (joint(fixed_rounds(game, q, ROUNDS)) * q).sum(axis=(1, 2))
    below = game.soft(ROUNDS * q) / ROUNDS
    return np.stack([found - below, arithmetic.maximum(q, (1, 2)) - found])


row(
    "report.093.greedy.added",
    "proved",
    "report (93)",
    r"Q \text{ fixed: } \max Q + \tfrac1n \log \mu\nu(a^*, b^*) \le \tfrac1n \log \textstyle\sum "
    r"\mu\nu e^{nQ} \le E_{q_n}[Q] \le \max Q, \text{ so } E_{q_n}[Q] \to \max_{a,b} Q",
    "The prior is forgotten at rate 1/n and the policy hardens to the argmax over (a, b), the "
    "prior's support only remembered. With the prior kept it stays soft, see (92).",
    STATES,
    Deduction(
        ("report.093.nested.added", DUALITY, GIBBS, "free-energy.sandwich"),
        ("chain of inequalities", "squeeze"),
        "F_n = E_{q_n} Q − KL(q_n‖μν)/n <= E_{q_n} Q; F_n >= Q(a*,b*) + log μν(a*,b*)/n",
    ),
    sample(hardening, table_fields()),
)


def evidence_rise(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Numbers:
    """log E_{q_1} exp Q − log E_{q_0} exp Q, state by state."""
    game = tables(arithmetic, q, **priors)
    return replaced(game, e_step(game, q)).soft(q) - game.soft(q)


row(
    "report.093.evidence.added",
    "proved",
    "report (88); report (93)",
    r"Q \text{ fixed: } \log E_{q_{k+1}} e^Q \ge \log E_{q_k} e^Q",
    "With the prior replaced EM does what 3.1 sets out to do: it raises the probability of "
    "optimality each round, to its maximum, the greedy one.",
    STATES,
    Deduction(
        ("report.093.nested.added", "free-energy.monotone-in-beta"),
        ("substitution of equals", "chain of inequalities"),
        "log E_{q_{k+1}} e^Q = log E_{q_k} e^{2Q} − log E_{q_k} e^Q = 2F_2 − F_1 >= F_1",
    ),
    sample(evidence_rise, table_fields()),
)

# -- rounds in a game ------------------------------------------------------------------------------


def game_round(
    arithmetic: Arithmetic, agent: Numbers, opponent: Numbers, **game: Numbers
) -> tuple[Game, Pair, Numbers, Pair, Numbers]:
    """(priors = policies, the policies, their Q, the E step, its Q)."""
    last = laid(agent), opponent
    here = replaced(Game.of(arithmetic, **game), last)
    q = returns(here, last)
    new = e_step(here, q)
    return here, last, q, new, returns(here, new)


def m_step_rise(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """Q_{k+1} − Q_k."""
    _, _, q, _, after = game_round(arithmetic, **given)
    return after - q


def three_rises(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """Rises of the bound in the E step, in the M step, and when the prior is replaced."""
    here, last, q, new, after = game_round(arithmetic, **given)
    path = [bound(here, q, last), bound(here, q, new), bound(here, after, new)]
    path.append(bound(replaced(here, new), after, new))
    return np.stack([path[1] - path[0], path[2] - path[1], path[3] - path[2]])


def round_order(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """[log E_{q_k} exp Q_k − V_k, V_{k+1} − log E_{q_k} exp Q_k]."""
    here, last, q, new, after = game_round(arithmetic, **given)
    soft = here.soft(q)
    before = (joint(last) * q).sum(axis=(1, 2))
    return np.stack([soft - before, (joint(new) * after).sum(axis=(1, 2)) - soft])


IN_A_GAME = {
    name: f
    for name, f in {**discounted_fields(), **stationary_fields()}.items()
    if not name.endswith("prior")
}
row(
    "report.092.replaced.rise.added",
    "proved",
    "report (92); report (93)",
    r"V_k \le \log E_{q_k} e^{Q_k} \le E_{q_{k+1}} Q_k \le V_{k+1},\quad Q_k \le Q_{k+1}",
    "The last policy as prior: every round improves the return, in every state.",
    GAMES,
    Deduction(
        (DUALITY, GIBBS, "report.092.joint.added", "recipe.monotone"),
        ("chain of inequalities", "policy-evaluation monotonicity"),
        "log E_{q_k} e^{Q_k} = max_q E_q Q_k − KL(q‖q_k) >= V_k, attained at q_{k+1}; so "
        "T_{q_{k+1}} Q_k >= Q_k",
    ),
    sample(m_step_rise, IN_A_GAME, sizes=SMALL_GAMES),
    sample(round_order, IN_A_GAME, sizes=SMALL_GAMES),
    assumes=("M step = evaluation of the policies' return",),
)
row(
    "report.092.replaced.bound.added",
    "proved",
    "report (91); report (92); report (93)",
    r"L_k(\theta_k, \omega_k) \le L_k(\theta_{k+1}, \omega_k) \le L_k(\theta_{k+1}, \omega_{k+1}) "
    r"\le L_{k+1}(\theta_{k+1}, \omega_{k+1})",
    "With the last policy as prior the E step, the M step and the replacement of the prior each "
    "raise the bound.",
    GAMES,
    Deduction(
        (
            "report.092.e-step.printed",
            "report.092.replaced.rise.added",
            "report.092.m-rise.corrected",
            GIBBS,
        ),
        "chain of inequalities",
        "Q_{k+1} >= Q_k raises L in ω; the new prior sets both divergences to 0",
    ),
    sample(three_rises, IN_A_GAME, sizes=SMALL_GAMES),
    assumes=("M step = evaluation of the policies' return",),
)


def path_of(game: Game, count: int) -> list[tuple[Pair, Numbers]]:
    """(π_k, ρ_k) and Q_k for k = 0 … count, from the priors."""
    pair = game.agent_prior, game.opponent_prior
    path = [(pair, returns(game, pair))]
    for _ in range(count):
        pair, q = path[-1]
        new = e_step(replaced(game, pair), q)
        path.append((new, returns(game, new)))
    return path


def rate(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """n V_n − log μν(a,b) − Σ_{j<n} Q_j(s,a,b), n = ROUNDS."""
    game = Game.of(arithmetic, **given)
    path = path_of(game, ROUNDS)
    pair, q = path[-1]
    value = (joint(pair) * q).sum(axis=(1, 2))
    prior = joint((game.agent_prior, game.opponent_prior))
    return ROUNDS * value[:, None, None] - arithmetic.log(prior) - sum(q for _, q in path[:-1])


row(
    "report.092.replaced.rate.added",
    "proved",
    "report (92); report (93)",
    r"\textstyle\sum_{j<n} Q_j(s, a, b) + \log \mu\nu(a, b|s) \le n V_n(s)",
    "No joint action stays better than the value for long.",
    GAMES,
    Deduction(
        ("report.092.replaced.rise.added", "report.093.nested.added", "free-energy.monotone"),
        "chain of inequalities",
        "n V_n >= Σ V_{k+1} >= Σ log E_{q_k} e^{Q_k} = log Σ μν e^{ΣQ_j} >= each of its terms",
    ),
    sample(rate, discounted_fields(), sizes=SMALL_GAMES),
    assumes=("M step = evaluation of the policies' return",),
)
row(
    "report.092.replaced.limit.added",
    "proved",
    "report (92); report (93)",
    r"V_k \uparrow V^*,\quad V^*(s) = \max_{(a, b):\, \mu\nu > 0} \{u + \gamma E V^*(s')\}",
    "What ROMMEO-EM converges to, whatever the temperature and the prior's weights: the greedy "
    "optimum of one decision maker who commands both players (β < 0: the minimum of R). The "
    "regularisation is gone.",
    GAMES,
    Deduction(
        ("report.092.replaced.rise.added", "report.092.replaced.rate.added", "recipe.fixed-point"),
        ("monotone convergence", "limit of a closed statement", "chain of inequalities"),
        "V_k rises and is at most max u/(1 − γ); in the limit the rate says Q <= V on the support, "
        "V_k = E_{q_k} Q_k <= max Q_k says V <= max Q; the hard Bellman equation has one solution",
    ),
    assumes=("M step = evaluation of the policies' return", "u bounded"),
)


def value_away(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """1/2 − |E_{q_4} R|, R = q zero-sum with value 0; uniform priors."""
    pair = fixed_rounds(tables(arithmetic, q), q, 4)
    found = (joint(pair) * q).sum(axis=(1, 2))
    return arithmetic.number("1/2") - arithmetic.absolute(mean(found))


row(
    "report.093.nash.printed",
    "refuted",
    "report (93)",
    r"\text{with the last policies as priors } E_{q_k}[R] \text{ approaches the Nash value of a "
    r"zero-sum game}",
    '"Similar usage to [14]", which regularises each player\'s own reward. Here both are trained '
    "on the agent's Q, so in matching pennies (value 0) the opponent model helps: E_{q_k} R = "
    "tanh k tends to 1.",
    STATES,
    Counterexample(value_away, {"q": [[[1, -1], [-1, 1]]]}),
    assumes=("each round multiplies the last policy by exp Q, as (93)",),
)
