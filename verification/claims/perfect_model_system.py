"""The perfect model with fixed priors, line by line: report (51)-(56).

    Q^-i(b) = log Σ_a P(a|b) e^{Q^-i(a,b)},  V^-i = log Σ_b P(b) e^{Q^-i(b)},  ρ ∝ P e^{Q^-i(b)}
    Q^i(b)  = log Σ_a P(a|b) e^{Q^i(a,b)}
    V^i = E_ρ[Q^i(b)]  (55),      V^i = E_ρ[Q^i(b) − log ρ/P]  (56)

One state; q, opponent_q are the two players' Q(a, b) [A, B] in the report's units, which already
hold γE[V(s')]. Priors as in ``_rommeo_rows``; uniform where they are left out.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import Stage
from tabular_marl.verification.claims._rommeo import Game, laid_stage
from tabular_marl.verification.claims._rommeo_rows import (
    GIBBS,
    STAGE_SCOPE,
    STAGE_SIZES,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row

FIELDS = stage_fields()
TABLE = array("actions", "opponent_actions")
PRIORS = {name: FIELDS[name] for name in ("agent_prior", "opponent_prior")}
PAIR = {"q": TABLE, "opponent_q": TABLE, **PRIORS}
MIXED = {"opponent_prior": ["1/2", "1/2"], "agent_prior": [[1], [1]]}

# -- formulas --------------------------------------------------------------------------------------


def model(stage: Game, other: Game) -> tuple[Numbers, Numbers]:
    """(Q^i(b), ρ) of the two players' stages."""
    return stage.agent_soft(stage.u), other.opponent_tilt(other.agent_soft(other.u))


def stages(arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers) -> Any:
    return [Game.stage(arithmetic, x, **priors) for x in (q, opponent_q)]


def expectation_55(
    arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers
) -> Any:
    """V^i of (55) against V^-i of (54)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    return sides((rho * soft).sum(axis=1), other.soft(other.u))


def regularised_56(
    arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers
) -> Any:
    """V^i of (56) against V^-i of (54)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    return sides(stage.opponent_value(soft, rho), other.soft(other.u))


def rommeo_gap(arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers) -> Any:
    """V^i of (56) against ROMMEO's V less KL(ρ ‖ ρ^i), ρ^i the tilt of the agent's Q^i(b)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    away = kl(rho, stage.opponent_tilt(soft), 1, arithmetic)
    return sides(stage.opponent_value(soft, rho), stage.soft(stage.u) - away)


def shared(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """V^i − V^-i of (55) against KL(ρ ‖ P), where the players share Q."""
    stage = Game.stage(arithmetic, q, **priors)
    soft, rho = model(stage, stage)
    gap = (rho * soft).sum(axis=1) - stage.soft(stage.u)
    return sides(gap, kl(rho, stage.opponent_prior, 1, arithmetic))


def shared_56(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """V^i of (56) against ROMMEO's V, where the players share Q."""
    return regularised_56(arithmetic, q, q, **priors)


def shared_55(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """V^i of (55) against ROMMEO's V, where the players share Q."""
    return expectation_55(arithmetic, q, q, **priors)


def weighted(
    arithmetic: Arithmetic, table: Numbers, opponent_prior: Numbers, ratio: Numbers
) -> Any:
    """E_ρ[Q^i − (1/ratio) log ρ/P] against V^-i/ratio: ρ the tilt of ratio·Q^i, as in (46)."""
    stage = Game.stage(arithmetic, (ratio * table)[None], None, opponent_prior)
    rho = stage.opponent_tilt(stage.u[:, 0])
    left = (rho * (stage.u[:, 0] - stage.opponent_cost(rho))).sum(axis=1) / ratio
    return sides(left, stage.soft(stage.u) / ratio)


def unweighted(
    arithmetic: Arithmetic, table: Numbers, opponent_prior: Numbers, ratio: Numbers
) -> Any:
    """The same with weight 1 before the logarithm, as (56) has it."""
    stage = Game.stage(arithmetic, (ratio * table)[None], None, opponent_prior)
    rho = stage.opponent_tilt(stage.u[:, 0])
    left = (rho * (table[None] - stage.opponent_cost(rho))).sum(axis=1)
    return sides(left, stage.soft(stage.u) / ratio)


def best_reply(
    arithmetic: Arithmetic,
    opponent_q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Any:
    """What the opponent itself gets, E_{π,ρ} Q^-i − KL(ρ‖P): (54) against another ρ."""
    other = Game.stage(arithmetic, opponent_q, agent_prior, opponent_prior)
    earned = (laid_stage(agent) * other.u).sum(axis=1)
    own = other.opponent_tilt(other.agent_soft(other.u))
    return sides(other.opponent_value(earned, own), other.opponent_value(earned, opponent[None]))


def true_reply(
    arithmetic: Arithmetic,
    opponent_q: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Any:
    """The same for ρ ∝ P exp(E_π Q^-i)."""
    other = Game.stage(arithmetic, opponent_q, None, opponent_prior)
    earned = (laid_stage(agent) * other.u).sum(axis=1)
    reply = other.opponent_value(earned, other.opponent_tilt(earned))
    return sides(reply, other.opponent_value(earned, opponent[None]))


def hopes(arithmetic: Arithmetic, opponent_q: Numbers, agent_prior: Numbers, agent: Numbers) -> Any:
    """Q^-i(b) of (52) against E_π[Q^-i − log π/P] for every b."""
    other = Game.stage(arithmetic, opponent_q, agent_prior)
    return sides(other.agent_soft(other.u), other.agent_value(other.u, laid_stage(agent)))


def coupled_hopes(arithmetic: Arithmetic, opponent_q: Numbers, agent: Numbers) -> Any:
    """log Σ_a π(a|b) e^{Q^-i} against E_π Q^-i."""
    other = Game.stage(arithmetic, opponent_q, agent)
    return sides(other.agent_soft(other.u), (laid_stage(agent) * other.u).sum(axis=1))


def at_most_one(arithmetic: Arithmetic, reward: Numbers) -> Numbers:
    """1 − exp(R)."""
    return 1 - arithmetic.exp(reward)


def scaled(arithmetic: Arithmetic, reward: Numbers, beta: Numbers) -> Any:
    """log P(O=1) by (51) against the βR of (55)."""
    return sides(arithmetic.log(arithmetic.exp(reward)), beta * reward)


def entropic(
    arithmetic: Arithmetic, opponent_prior: Numbers, opponent: Numbers, other: Numbers
) -> Any:
    """E_ρ[−log ρ/P] − H(ρ) of two policies: equal if the term is entropy up to a constant."""
    log = arithmetic.log
    values = [
        -kl(rho, opponent_prior, 0, arithmetic) + (rho * log(rho)).sum(axis=0)
        for rho in (opponent, other)
    ]
    return sides(*values)


def balancing_views(arithmetic: Arithmetic, reward: Numbers, **betas: Numbers) -> Any:
    """V^i/β^i against V^-i/β^-i of (20), (21)."""
    stage = Stage.of(arithmetic, reward, **betas)
    return sides(stage.agent_value(), stage.opponent_value())


def prove_scaled() -> Proof:
    import sympy

    exponent = sympy.Symbol("x", real=True)
    return prove_zero(sympy.log(sympy.exp(exponent)) - exponent, "log e^x = x with x = β R")


def prove_entropy() -> Proof:
    import sympy

    rho, count = positive("rho"), positive("B")
    term = -sympy.log(rho / (1 / count)) + sympy.log(rho) + sympy.log(count)
    return prove_zero(term, "−log(ρ|B|) = −log ρ − log |B| for each b")


def prove_posterior() -> Proof:
    t, p, z, m = (positive(name) for name in ("t", "P", "Z", "m"))
    return prove_zero((t * p / m) / (z / m) - t * p / z, "P(O|b)P(b)/P(O) with e^Q = t, m scales O")


# -- (51)-(54): the opponent -----------------------------------------------------------------------

NUMBERS = scope(beta="(-inf, 0) u (0, inf)")
row(
    "report.051.beta.printed",
    "refuted",
    "report (51); report (55)",
    r"\log P(O^i = 1|s,a,b) = \beta^i R^i \text{ of (55)}",
    "(51) lost the β^i of (41). At R = 1, β = 2: 1 against 2.",
    NUMBERS,
    Counterexample(scaled, {"reward": 1, "beta": 2}, "== 0"),
)
row(
    "report.051.beta.corrected",
    "proved",
    "report (51); report (55)",
    r"P(O^i = 1|s,a,b) = e^{\beta^i R^i} \Rightarrow \log P(O^i=1) = \beta^i R^i",
    "With the β^i of (41) and (55).",
    NUMBERS,
    Symbolic(prove_scaled),
)
row(
    "report.051.solution.printed",
    "proved",
    "report (51); report (42)",
    r"\pi \propto P_{prior}(a|s,b) e^{Q^i(s,a,b)} \text{ maximises } E_\pi\Big[Q^i - "
    r"\log\tfrac{\pi}{P_{prior}}\Big] \text{ for each } b",
    '"Similar solution to equation 42": the same, whoever chooses b.',
    STAGE_SCOPE,
    Deduction(("free-energy.variational.maximum",), "special case", "β = 1, outcome a, for each b"),
)
row(
    "report.053.beta.printed",
    "refuted",
    "report (52); report (53)",
    r"Q^{-i} \text{ of (53), with } r^{-i} \text{ alone, is that of an opponent with inverse "
    r"temperature } \beta^{-i}",
    "1.5 has no β^-i at all, though (55) keeps β^i: the opponent is fixed at β^-i = 1.",
    NUMBERS,
    Counterexample(scaled, {"reward": 1, "beta": 2}, "== 0"),
)
row(
    "report.053.beta.corrected",
    "proved",
    "report (52); report (53)",
    r"Q^{-i} = \beta^{-i} r^{-i} + \gamma E[V^{-i}(s')]",
    "As in (21), (25); the sign of β^-i is free here too.",
    NUMBERS,
    Deduction(("report.051.beta.corrected",), "special case", "the opponent's optimality variable"),
)
row(
    "report.051.probability.printed",
    "refuted",
    "report (51); report (52)",
    r"e^{R^i} \le 1, \ e^{Q^{-i}} \le 1",
    "A probability only where the exponent is <= 0; shift it by its maximum, the posterior does "
    "not change (next row).",
    scope(),
    Counterexample(at_most_one, {"reward": 1}),
)
row(
    "report.054.posterior.printed",
    "proved",
    "report (52); report (54); report (56)",
    r"P_{prior}(b|s, O^{-i}=1) \propto e^{Q^{-i}(s,b)} P_{prior}(b|s) = \rho_{(54)}(b|s)",
    "So the prior over which (55), (56) take their mean is (54), for any scale of P(O).",
    STAGE_SCOPE,
    Symbolic(prove_posterior),
)
row(
    "report.054.optimum.printed",
    "proved",
    "report (54)",
    r"\rho_{(54)} = \arg\max_\rho E_\rho[Q^{-i}(s,b)] - D_{KL}(\rho \| P_{prior}), \ "
    r"\text{the maximum is } V^{-i}(s)",
    "Given Q^-i(s, b), whatever it is.",
    STAGE_SCOPE,
    Deduction(("report.A.1.3.arbitrary.printed", GIBBS), "special case", "f(b) = Q^-i(s,b)"),
)
row(
    "report.052.response.printed",
    "refuted",
    "report (52); report (54)",
    r"\rho_{(54)} \text{ is the opponent's soft best reply to the agent: it maximises } "
    r"E_{\pi,\rho}[Q^{-i}] - D_{KL}(\rho \| P_{prior})",
    "The model is not perfect: (52) is a soft maximum over the agent's actions, so this opponent "
    "waits for the agent's help. b = 0 gives it 2 if the agent plays a = 0, which it does not.",
    STAGE_SCOPE,
    Counterexample(
        best_reply,
        {
            "opponent_q": [[2, 0], [0, 0]],
            "agent_prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "opponent_prior": ["1/2", "1/2"],
            "agent": [[0, 1], [0, 1]],
            "opponent": ["1/2", "1/2"],
        },
    ),
)
row(
    "report.052.response.corrected",
    "proved",
    "report (52); report (54)",
    r"\rho \propto P_{prior}(b|s) \exp E_\pi[Q^{-i}(s,a,b)] \text{ is that reply}",
    "The expectation under the agent's policy in place of the soft maximum.",
    STAGE_SCOPE,
    Deduction(("report.A.1.3.arbitrary.printed", GIBBS), "special case", "f(b) = E_π[Q^-i]"),
    sample(
        true_reply,
        {"opponent_q": TABLE, **{n: FIELDS[n] for n in ("opponent_prior", "agent", "opponent")}},
        ">= 0",
        STAGE_SIZES,
    ),
)
row(
    "report.052.optimism.added",
    "proved",
    "report (52)",
    r"Q^{-i}_{(52)}(s,b) \ge E_\pi\Big[Q^{-i} - \log\tfrac{\pi}{P_{prior}}\Big] \text{ for every } "
    r"\pi",
    "What the opponent would get if the agent softly maximised the opponent's reward.",
    STAGE_SCOPE,
    Deduction(("free-energy.variational.maximum",), "special case", "β = 1, outcome a, for each b"),
    sample(
        hopes,
        {"opponent_q": TABLE, **{n: FIELDS[n] for n in ("agent_prior", "agent")}},
        ">= 0",
        STAGE_SIZES,
    ),
)
row(
    "report.052.coupled-optimism.added",
    "proved",
    "report (52); report (99)",
    r"\log \textstyle\sum_a \pi(a|s,b) e^{Q^{-i}} \ge E_\pi[Q^{-i}]",
    "Even where π stands for the prior, the opponent counts on luck: equal only if Q^-i does not "
    "depend on a.",
    STAGE_SCOPE,
    Deduction(
        ("free-energy.variational.maximum",), "special case", "the prior is π, and q = π costs 0"
    ),
    sample(coupled_hopes, {"opponent_q": TABLE, "agent": FIELDS["agent"]}, ">= 0", STAGE_SIZES),
)

# -- convergence -----------------------------------------------------------------------------------

SYSTEM = scope(
    states=">= 1",
    actions=">= 1",
    opponent_actions=">= 1",
    beta_agent="any",
    beta_opponent="any",
    gamma="[0, 1)",
)
row(
    "report.053.printed",
    "proved",
    "report (52); report (53); report (54)",
    r"(52), (53), (54) \text{ have one solution } Q^{-i}: \text{ ROMMEO's, with the reward } "
    r"r^{-i}",
    "a:β^-i given b, then b:β^-i, on the opponent's reward. No quantity of the agent enters.",
    SYSTEM,
    Deduction(("recipe.fixed-point",), "special case", "the recipe of ROMMEO"),
)
row(
    "report.055.printed",
    "proved",
    "report (55); report (42)",
    r"\text{given } \rho, (55) \text{ with } (42) \text{ has one solution } Q^i",
    "a:β^i given b, then the mean over ρ.",
    SYSTEM,
    Deduction(("recipe.fixed-point",), "special case", "the outer level has β = 0 and prior ρ"),
)
row(
    "report.1.5.convergence.corrected",
    "proved",
    "report 1.5",
    r"\text{with the priors of 1.5, alternating sweeps of (52)-(54) and of (55) or (56) converge "
    r"from every start}",
    "The report gives convergence up. Nothing is lost as long as (52) averages over the prior: the "
    "opponent's system does not contain the agent's, which is one more contraction with ρ's limit "
    "as data. It is lost where π replaces the prior: the coupled rows.",
    SYSTEM,
    Deduction(
        ("report.053.printed", "report.055.printed", "report.056.contraction.added"),
        "substitution of equals",
        "first ρ converges; then each sweep of the agent contracts towards a fixed point that "
        "moves, continuously in ρ, to its limit",
    ),
)

# -- (55), (56): the agent -------------------------------------------------------------------------

row(
    "report.055.proportional.added",
    "refuted",
    "report (55)",
    r"V^i(s) = V^{-i}(s) \text{ where } \beta^i R^i = \beta^{-i} R^{-i}",
    "The report finds V^i ∝ V^-i lost for different rewards. It is lost for equal ones too: (55) "
    "does not charge for ρ.",
    STAGE_SCOPE,
    Counterexample(expectation_55, {"q": [[0, 1]], "opponent_q": [[0, 1]], **MIXED}, "== 0"),
)
row(
    "report.055.shared.added",
    "proved",
    "report (54); report (55)",
    r"\beta^i R^i = \beta^{-i} R^{-i}: \ V^i_{(55)} - V^{-i} = D_{KL}(\rho \| P_{prior})",
    "At one and the same Q: the difference is what the opponent pays for leaving its prior.",
    STAGE_SCOPE,
    Deduction(
        ("free-energy.duality",),
        "special case",
        "q = tilt in E_q[x] − KL(q‖p) = F: E_ρ[Q(b)] = V + KL(ρ‖P)",
    ),
    sample(shared, {"q": TABLE, **PRIORS}, "== 0", STAGE_SIZES),
)
row(
    "report.1.5.general.printed",
    "refuted",
    "report 1.5; report (55)",
    r"\text{the most general case: with } R^{-i} = R^i, \beta^{-i} = \beta^i \text{ it is ROMMEO}",
    "(51)-(55) do not contain the models before: rewards 0 and 1 for b, V = log (1+e)/2 in ROMMEO "
    "and e/(1+e) here.",
    STAGE_SCOPE,
    Counterexample(shared_55, {"q": [[0, 1]], **MIXED}, "== 0"),
)
row(
    "report.1.5.general.corrected",
    "proved",
    "report 1.5; report (56)",
    r"\text{with (56): } R^{-i} = R^i, \beta^{-i} = \beta^i \Rightarrow V^i = V^{-i} = V_{ROMMEO}",
    "With the divergence of (56) the shared case is ROMMEO again.",
    STAGE_SCOPE,
    Deduction(
        ("report.056.identity.added",),
        "substitution of equals",
        "ρ = ρ^i, so the divergence is 0; V^-i is the same free energy",
    ),
    sample(shared_56, {"q": TABLE, **PRIORS}, "== 0", STAGE_SIZES),
)
row(
    "report.055.balancing.printed",
    "refuted",
    "report (55); report (22)",
    r"V^i(s) \propto V^{-i}(s) \text{ is guaranteed in the Balancing-Q case}",
    "It is not: (22) holds for β^i = β^-i. See report.022.",
    scope(beta_agent="(-inf, 0) u (0, inf)", beta_opponent="(-inf, 0) u (0, inf)"),
    Counterexample(
        balancing_views,
        {"reward": [[1, 0], [0, 0]], "beta_agent": 1, "beta_opponent": -1},
        "== 0",
    ),
)
row(
    "report.056.proportional.printed",
    "refuted",
    "report (56)",
    r"\text{with (56) } V^i(s) = V^{-i}(s) \text{, as is all that is left to do}",
    "Different rewards stay different: the agent who gets nothing pays for the opponent's reward.",
    STAGE_SCOPE,
    Counterexample(regularised_56, {"q": [[0, 0]], "opponent_q": [[0, 1]], **MIXED}, "== 0"),
)
row(
    "report.056.identity.added",
    "proved",
    "report (56)",
    r"V^i_{(56)} = \log \textstyle\sum_b P_{prior}(b|s) e^{Q^i(s,b)} - D_{KL}(\rho \| \rho^i), "
    r"\quad \rho^i \propto P_{prior} e^{Q^i(s,b)}",
    "What (56) really does: ROMMEO's value less the distance between the opponent and the one that "
    "the agent would wish for. Hence V^i of (56) <= ROMMEO's, equal only for ρ = ρ^i.",
    STAGE_SCOPE,
    Deduction(
        ("free-energy.duality",), "special case", "β = 1, x = Q^i(s, ·), q = ρ, for any ρ << P"
    ),
    sample(rommeo_gap, PAIR, "== 0", STAGE_SIZES),
)
RATIO = scope(opponent_actions=">= 1", ratio="(-inf, 0) u (0, inf)")
WEIGHED = {
    "table": array("opponent_actions"),
    "opponent_prior": FIELDS["opponent_prior"],
    "ratio": beta(high=4),
}
row(
    "report.056.weight.printed",
    "refuted",
    "report (56); report (46); report (50)",
    r"\rho \propto P_{prior} e^{\frac{\beta^{-i}}{\beta^i} Q^i}: \ E_\rho\Big[Q^i - \log"
    r"\tfrac{\rho}{P_{prior}}\Big] = \tfrac{\beta^i}{\beta^{-i}} V^{-i}",
    "(56) is to play the role of V in (50), where the opponent is (46); but its logarithm has "
    "weight 1 whatever β^-i is. For β^-i < 0 it even has the wrong sign.",
    RATIO,
    Counterexample(
        unweighted, {"table": [0, 1], "opponent_prior": ["1/2", "1/2"], "ratio": -1}, "== 0"
    ),
)
row(
    "report.056.weight.corrected",
    "proved",
    "report (56); report (46); report (50)",
    r"\rho \propto P_{prior} e^{\frac{\beta^{-i}}{\beta^i} Q^i}: \ E_\rho\Big[Q^i - "
    r"\tfrac{\beta^i}{\beta^{-i}}\log \tfrac{\rho}{P_{prior}}\Big] = \tfrac{\beta^i}{\beta^{-i}} "
    r"V^{-i}",
    "With the opponent's temperature in front of the opponent's logarithm, as in (17), (50).",
    RATIO,
    Deduction(("free-energy.duality",), "special case", "β = β^-i/β^i, q = the tilt"),
    sample(weighted, WEIGHED, "== 0", {"opponent_actions": (1, 3)}),
)
row(
    "report.056.contraction.added",
    "proved",
    "report (56)",
    r"\text{given } \rho \ll P_{prior}, (56) \text{ has one solution}",
    "The logarithm does not contain Q^i: it lowers the reward of the next state's b.",
    SYSTEM,
    Deduction(
        ("recipe.fixed-point",),
        "special case",
        "the reward R − (1/β^i) log(ρ/P), and the outer level with β = 0 and prior ρ",
    ),
)
ENTROPY = scope(opponent_actions=">= 1")
row(
    "report.056.entropy.printed",
    "refuted",
    "report (56)",
    r"-E_\rho \log\tfrac{\rho}{P_{prior}} = H(\rho) + const",
    '"Entropy regularization": a relative entropy, entropy only for a uniform prior.',
    ENTROPY,
    Counterexample(
        entropic,
        {
            "opponent_prior": ["1/4", "3/4"],
            "opponent": ["1/2", "1/2"],
            "other": ["1/4", "3/4"],
        },
        "== 0",
    ),
)
row(
    "report.056.entropy.corrected",
    "proved",
    "report (56)",
    r"P_{prior} \text{ uniform: } -E_\rho \log\tfrac{\rho}{P_{prior}} = H(\rho) - \log |B|",
    "Outcome by outcome.",
    ENTROPY,
    Symbolic(prove_entropy),
)
