"""ROMMEO's variational objective: report (5), (6), A.1.1.

    KL(q ‖ P(τ | O=1)) = log P(O=1) − E_q Σ_t (βR − log π/P_prior − log ρ/P_prior)     (5), A.1.1
    J(π, ρ) = E_q Σ_t γ^t (βR − log π/P_prior − log ρ/P_prior)                          (6)

The graph of (2) knows no γ: (6) is the bound of (5) only for γ = 1, or in a graph where play
survives each step with probability γ. Shapes and trajectories as in ``_rommeo``.
"""

from __future__ import annotations

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
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._rommeo import (
    Game,
    divergence,
    every,
    laid,
    log_ratio,
    model,
    policies,
    tally,
    variational,
)
from tabular_marl.verification.claims._rommeo_rows import (
    GIBBS,
    SMALL,
    UNDISCOUNTED,
    game_fields,
    play_fields,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

TWO_TIMES = {**SMALL, "times": (1, 2)}


PLAY = {name: field for name, field in play_fields().items() if name != "gamma"}

# -- A.1.1, line by line ---------------------------------------------------------------------------


def evidence_printed(
    arithmetic: Arithmetic, q: Numbers, optimal: Numbers, other: Numbers, chance: Numbers
) -> Sides:
    """First line with its P(O^i=1): ``optimal``, ``other`` [τ] are P(τ, O^i=1 | O^-i=1 or 0),
    ``chance`` is P(O^-i=1)."""
    evidence = optimal.sum(axis=0)
    marginal = chance * evidence + (1 - chance) * other.sum(axis=0)
    left = (q * log_ratio(q, optimal / evidence, arithmetic)).sum(axis=0)
    return sides(left, (q * log_ratio(q * marginal, optimal, arithmetic)).sum(axis=0))


row(
    "report.A.1.1.step1.printed",
    "refuted",
    "report A.1.1",
    r"D_{KL}(q \| P(\tau|O^i=1, O^{-i}=1)) = "
    r"E_q \log \frac{q\,P(O^i=1)}{P(\tau, O^i=1|O^{-i}=1)}",
    "Bayes' rule needs P(O^i=1 | O^-i=1); the unconditional P(O^i=1) also counts suboptimal "
    "opponents. One trajectory: 0 against log 1/2.",
    scope(trajectories=">= 1"),
    Counterexample(
        evidence_printed, {"q": [1], "optimal": [1], "other": [0], "chance": "1/2"}, "== 0"
    ),
)


def evidence_corrected(arithmetic: Arithmetic, q: Numbers, optimal: Numbers) -> Sides:
    """First line with P(O^i=1 | O^-i=1) = Σ_τ P(τ, O^i=1 | O^-i=1)."""
    evidence = optimal.sum(axis=0)
    left = kl(q, optimal / evidence, 0, arithmetic)
    return sides(left, (q * arithmetic.log(q * evidence / optimal)).sum(axis=0))


def prove_evidence() -> Proof:
    import sympy

    q, joint, evidence = positive("q"), positive("joint"), positive("evidence")
    left = sympy.log(q / (joint / evidence))
    return prove_zero(left - sympy.log(q * evidence / joint), "Bayes' rule inside the logarithm")


row(
    "report.A.1.1.step1.corrected",
    "proved",
    "report A.1.1",
    r"D_{KL}(q \| P(\tau|O^i=1, O^{-i}=1)) = "
    r"E_q \log \frac{q\,P(O^i=1|O^{-i}=1)}{P(\tau, O^i=1|O^{-i}=1)}",
    "True trajectory by trajectory.",
    scope(trajectories=">= 1"),
    Symbolic(prove_evidence),
    sample(
        evidence_corrected,
        {"q": distribution("trajectories"), "optimal": array("trajectories", low="1/8", high=1)},
        "== 0",
        {"trajectories": (1, 4)},
    ),
)


def misprinted_dynamics(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    transition: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """log of the one-step ratio with P(s'|s,b,b) above and below, and with P(s'|s,a,b)."""
    game = Game.of(arithmetic, reward, beta, transition, None, agent_prior, opponent_prior)
    above = laid(agent) * opponent[:, None]
    below = game.agent_prior * game.opponent_prior[:, None] * arithmetic.exp(game.u)
    above, below = above[:, :, :, None], below[:, :, :, None]
    wrong = transition[:, :1]
    log = arithmetic.log
    return sides(
        log(above * wrong / (below * wrong)), log(above * transition / (below * transition))
    )


def prove_same_dynamics() -> Proof:
    import sympy

    above, below, wrong, right = (positive(n) for n in ("above", "below", "wrong", "right"))
    left = sympy.log((above * wrong) / (below * wrong))
    return prove_zero(left - sympy.log((above * right) / (below * right)), "any one kernel cancels")


row(
    "report.A.1.1.step2.printed",
    "proved",
    "report A.1.1",
    r"\frac{\cdots\pi\rho\,P(s_{t+1}|s_t, a^{-i}_t, a^{-i}_t)}"
    r"{\cdots P(s_{t+1}|s_t, a^{-i}_t, a^{-i}_t)\cdots} "
    r"= \frac{\cdots\pi\rho\,P(s_{t+1}|s_t, a^i_t, a^{-i}_t)}"
    r"{\cdots P(s_{t+1}|s_t, a^i_t, a^{-i}_t)\cdots}",
    "The transition is misprinted with a^-i twice, above and below alike: it cancels.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)"),
    Symbolic(prove_same_dynamics),
    sample(
        misprinted_dynamics,
        {
            **game_fields(discounted=False),
            "transition": distribution("states", "actions", "opponent_actions", "states"),
            "agent": distribution("states", "opponent_actions", "actions"),
            "opponent": distribution("states", "opponent_actions"),
        },
        "== 0",
    ),
    assumes=("the misprinted kernel is positive wherever q goes (else 0/0)",),
)


def per_trajectory(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """q(τ) times: log(q P(O=1)/P(τ, O=1)), and log P(O=1) + Σ_t (−βR + log π/… + log ρ/…)."""
    game = Game.of(arithmetic, reward, beta, transition, None, agent_prior, opponent_prior)
    agents, opponents = policies(agent), list(opponent)
    q = variational(game, initial, agents, opponents)
    joint = model(game, initial, len(agents))
    evidence = joint.sum(axis=every(len(agents)))
    terms = [
        game.agent_cost(pi) + game.opponent_cost(rho)[:, None] - game.u
        for pi, rho in zip(agents, opponents, strict=True)
    ]
    left = q * (log_ratio(q, joint, arithmetic) + arithmetic.log(evidence))
    return sides(left, q * (arithmetic.log(evidence) + tally(q, terms)))


def prove_per_trajectory() -> Proof:
    import sympy

    names = ("q", "joint", "pi", "rho", "mu", "nu", "move", "t")
    q, joint, pi, rho, mu, nu, move, t = (positive(n) for n in names)
    longer = sympy.log(q * pi * rho * move / (joint * mu * nu * move * t))
    shorter = sympy.log(q / joint)
    term = sympy.log(pi / mu) + sympy.log(rho / nu) - sympy.log(t)
    what = "one more step adds log π/P_prior + log ρ/P_prior − βR, with t = e^{βR}"
    return prove_zero(longer - shorter - term, what)


row(
    "report.A.1.1.step3.printed",
    "proved",
    "report A.1.1",
    r"\log \frac{q\,P(O=1)}{P(\tau, O=1)} = \log P(O=1) + \sum_{t=0}^{T} \Big({-\beta R_t} "
    r"+ \log\frac{\pi}{P_{\mathrm{prior}}} + \log\frac{\rho}{P_{\mathrm{prior}}}\Big)",
    "The logarithm of the product, by induction over time; initial law and transitions cancel.",
    UNDISCOUNTED,
    Symbolic(prove_per_trajectory),
    sample(per_trajectory, PLAY, "== 0", TWO_TIMES),
)


def printed_constant(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """KL against −ELBO − log P(O=1); uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, 1)
    agents, opponents = policies(agent), list(opponent)
    left, evidence = divergence(game, initial, agents, opponents)
    return sides(left, -game.objective(initial, agents, opponents) - evidence)


row(
    "report.A.1.1.step4.printed",
    "refuted",
    "report A.1.1",
    r"D_{KL} = -E_q\Big[\sum_t \cdots\Big] - \mathrm{const.},\quad "
    r"\mathrm{const.} = \log P(O^i=1)",
    "The constant of the line above is log P(O=1) with a plus (read as some constant: see "
    "the row of that name). One action each, βR = −1: 0 against 2.",
    UNDISCOUNTED,
    Counterexample(
        printed_constant,
        {
            "initial": [1],
            "reward": [[[-1]]],
            "transition": [[[[1]]]],
            "beta": 1,
            "agent": [[[[1]]]],
            "opponent": [[[1]]],
        },
        "== 0",
    ),
)


def split(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """KL(q ‖ P(τ|O=1)) against log P(O=1) − ELBO."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    agents, opponents = policies(agent), list(opponent)
    left, evidence = divergence(game, initial, agents, opponents)
    return sides(left, evidence - game.objective(initial, agents, opponents))


row(
    "report.A.1.1.corrected",
    "proved",
    "report (5); report A.1.1",
    r"D_{KL}(q \| P(\tau|O=1)) = \log P(O=1|O^{-i}=1) - E_q\Big[\sum_{t=0}^{T} \beta R_t "
    r"- \log\frac{\pi}{P_{\mathrm{prior}}} - \log\frac{\rho}{P_{\mathrm{prior}}}\Big]",
    "The two lines above under E_q; log P(O=1) comes out because q has mass one.",
    UNDISCOUNTED,
    Deduction(
        ("report.A.1.1.step1.corrected", "report.A.1.1.step3.printed", "report.004.corrected"),
        "substitution of equals",
        "take E_q of the identity that holds for every trajectory",
    ),
    sample(split, PLAY, "== 0", TWO_TIMES),
    assumes=("π ≪ P_prior and ρ ≪ P_prior (else both sides are infinite)",),
)


def evidence_bound(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """log P(O=1) − ELBO."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    evidence = arithmetic.log(model(game, initial, len(agent)).sum(axis=every(len(agent))))
    return evidence - game.objective(initial, policies(agent), list(opponent))


row(
    "report.A.1.1.jensen.printed",
    "proved",
    "report A.1.1",
    r"E_q\Big[\sum_t \beta R_t - \log\frac{\pi}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho}{P_{\mathrm{prior}}}\Big] \le \log P(O=1|O^{-i}=1)",
    "The same bound as Jensen's inequality gives: the difference is a KL-divergence.",
    UNDISCOUNTED,
    Deduction(
        ("report.A.1.1.corrected", GIBBS),
        "chain of inequalities",
        "log P(O=1) − ELBO = KL >= 0",
    ),
    sample(evidence_bound, PLAY, ">= 0", TWO_TIMES),
)
