"""Improvement of the opponent model over time, and of both players: report (31), (32).

    (31)   ρ̃ from Q^{π_s,ρ}(s,b), π_s kept               (32)   π̃ from (29) and ρ̃ from (31)

"Simultaneous" takes π̃ and ρ̃ from one table Q^{π,ρ}; "sequential" takes the second from the table
of the first. The readings of Q(s,b), by (30), as a mean, and as a value, are those of
``rommeo_model_improvement``. Shapes: agent [T+1, S, B, A], opponent [T+1, S, B].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tabular_marl.verification import Counterexample, Deduction, Sampling
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import (
    Game,
    Reading,
    by_expectation,
    by_normaliser,
    by_value,
    laid_stage,
    policies,
)
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SIZES,
    STAGE_SCOPE,
    STAGE_SIZES,
    TIMES,
    play_fields,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row

PLAY = {name: f for name, f in play_fields().items() if name != "initial"}
PLAY_SIZES = {**SIZES, **TIMES}
Tables = Sequence[Numbers]
Pair = tuple[Tables, Tables]
Update = Callable[[Game, Reading, Tables, Tables], Pair]
HALF, SURE = ["1/2", "1/2"], [["1/2", "1/2"], ["1/2", "1/2"]]


def models_of(game: Game, reading: Reading, table: Tables, agent: Tables) -> list[Numbers]:
    """ρ̃_t of (31) from tables Q_t and policies π_t."""
    return [game.opponent_tilt(reading(game, q, pi)) for q, pi in zip(table, agent, strict=True)]


def agents_of(game: Game, table: Tables) -> list[Numbers]:
    """π̃_t of (29)."""
    return [game.agent_tilt(q) for q in table]


def model_only(game: Game, reading: Reading, agent: Tables, opponent: Tables) -> Pair:
    """(31): π_s kept."""
    return agent, models_of(game, reading, game.evaluate(agent, opponent), agent)


def simultaneous(game: Game, reading: Reading, agent: Tables, opponent: Tables) -> Pair:
    """(32), both from Q^{π,ρ}."""
    table = game.evaluate(agent, opponent)
    return agents_of(game, table), models_of(game, reading, table, agent)


def agent_first(game: Game, reading: Reading, agent: Tables, opponent: Tables) -> Pair:
    """(32), ρ̃ from Q^{π̃,ρ}."""
    better = agents_of(game, game.evaluate(agent, opponent))
    return better, models_of(game, reading, game.evaluate(better, opponent), better)


def model_first(game: Game, reading: Reading, agent: Tables, opponent: Tables) -> Pair:
    """(32), π̃ from Q^{π,ρ̃}."""
    _, better = model_only(game, reading, agent, opponent)
    return agents_of(game, game.evaluate(agent, better)), better


def gain(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
    agent_prior: Numbers = None,
    opponent_prior: Numbers = None,
    *,
    update: Update,
    reading: Reading,
) -> Numbers:
    """Q_n(s,b), in a reading, after an update minus before, for every n."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    old = policies(agent), list(opponent)
    new = update(game, reading, *old)
    tables = zip(game.evaluate(*new), game.evaluate(*old), new[0], old[0], strict=True)
    return np.stack([reading(game, x, p) - reading(game, y, q) for x, y, p, q in tables])


def table_gain(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
    agent_prior: Numbers = None,
    opponent_prior: Numbers = None,
    *,
    update: Update,
    reading: Reading,
) -> Numbers:
    """Q_n(s,a,b) after an update minus before, for every n."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    old = policies(agent), list(opponent)
    new = update(game, reading, *old)
    return np.stack(game.evaluate(*new)) - np.stack(game.evaluate(*old))


def samples(update: Update, reading: Reading) -> tuple[Sampling, ...]:
    """Support for both Q(s,b) and Q(s,a,b)."""
    return tuple(
        sample(partial(g, update=update, reading=reading), PLAY, ">= 0", PLAY_SIZES)
        for g in (gain, table_gain)
    )


# -- (31) ------------------------------------------------------------------------------------------

MODEL = r"Q^{\pi_s,\rho}(s, a^{-i}) \le Q^{\pi_s,\tilde\rho}(s, a^{-i}),\ "
TEMPTED = {
    "reward": [[[1, 0], [-1, 0]]],
    "transition": [[[[1], [1]], [[1], [1]]]],
    "beta": 1,
    "gamma": "1/2",
    "agent": [[SURE]] * 2,
    "opponent": [[HALF]] * 2,
}
row(
    "report.031.normaliser.printed",
    "refuted",
    "report (31)",
    MODEL + r"Q(s, a^{-i}) \text{ by (30)}",
    "(30) is the only definition of Q(s, a^-i) at hand, and it is wrong here: for an arbitrary π_s "
    "it values each a^-i by the best reply instead of by π_s. R = (1, −1) against (0, 0), all "
    "policies uniform: ρ̃ turns to the first column and gains nothing for its KL.",
    PLAYS,
    Counterexample(partial(gain, update=model_only, reading=by_normaliser), TEMPTED),
)
row(
    "report.031.expectation.printed",
    "refuted",
    "report (31)",
    MODEL + r"Q(s, a^{-i}) = E_{\pi_s}[Q(s, a, a^{-i})]",
    "The mean forgets that π_s costs KL(π_s ‖ P_prior), which differs between the a^-i.",
    PLAYS,
    Counterexample(
        partial(gain, update=model_only, reading=by_expectation),
        {
            **TEMPTED,
            "reward": [[[0, 0], [0, 0]]],
            "agent": [[[["9/10", "1/10"], HALF]]] * 2,
            "opponent": [[["2/5", "3/5"]]] * 2,
        },
    ),
)
row(
    "report.031.corrected",
    "proved",
    "report (31); report A.3.4",
    MODEL + r"Q(s, a^{-i}) = E_{\pi_s}\Big[Q - \log\frac{\pi_s}{P_{\mathrm{prior}}}\Big]",
    "The value of π_s against a^-i; equal to (30) where π_s is already the tilt of its Q. Also "
    "for Q(s, a, a^-i) and for V.",
    PLAYS,
    Deduction(
        ("report.A.3.4.step1.corrected", "report.028.corrected"),
        "backward induction over time",
        "equal at T; at n replace Q_{n+1} by the larger table of ρ̃, then ρ by ρ̃",
    ),
    *samples(model_only, by_value),
    assumes=("ρ ≪ P_prior", "the exponent t − n in (28)", "a table for each time"),
)


def reply_gain(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Numbers:
    """Q_n(s,b) by (30) after (31) minus before, for every n, π_s the soft best reply to ρ."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    models, table = list(opponent), [game.u]
    for model in models[:0:-1]:
        table.append(game.backup(game.value(table[-1], game.agent_tilt(table[-1]), model)))
    replies = agents_of(game, table[::-1])
    _, better = model_only(game, by_normaliser, replies, models)
    after = zip(game.evaluate(replies, better), table[::-1], strict=True)
    return np.stack([game.agent_soft(x) - game.agent_soft(y) for x, y in after])


row(
    "report.031.normaliser.corrected",
    "proved",
    "report (30); report (31)",
    MODEL + r"Q(s, a^{-i}) \text{ by (30), } \pi_s \propto P_{\mathrm{prior}} "
    r"\exp Q^{\pi_s,\rho}",
    "(30) may be used where π_s is the soft best reply to ρ: there it is the value of π_s.",
    PLAYS,
    Deduction(
        ("report.031.corrected", "report.A.3.2.step1.printed", "free-energy.monotone"),
        "substitution of equals",
        "A.3.2 makes E_{π_s}[Q − log π_s/P_prior] the normaliser of the tilt",
    ),
    sample(reply_gain, {k: f for k, f in PLAY.items() if k != "agent"}, ">= 0", PLAY_SIZES),
)

# -- (32) ------------------------------------------------------------------------------------------

BOTH = r"Q^{\pi,\rho}(s, a^{-i}) \le Q^{\tilde\pi,\tilde\rho}(s, a^{-i}),\ "
row(
    "report.032.normaliser.printed",
    "proved",
    "report (32)",
    BOTH + r"\text{both from } Q^{\pi,\rho},\ Q(s, a^{-i}) \text{ by (30)}",
    "True, but not 'given the results on the improvement': (31) fails in this reading. Together π̃ "
    "and ρ̃ are the joint maximiser of E[Q − log π/P − log ρ/P], which is another proof.",
    PLAYS,
    Deduction(
        ("report.009.joint.added", "report.028.corrected", "free-energy.monotone"),
        "backward induction over time",
        "equal at T; at n replace Q_{n+1} by the larger new table, then (π, ρ) by the joint "
        "maximiser for the old one; (30) is monotone",
    ),
    *samples(simultaneous, by_normaliser),
    assumes=("the exponent t − n in (28)", "a table for each time"),
)
row(
    "report.032.simultaneous.corrected",
    "proved",
    "report (32)",
    BOTH + r"\text{both from } Q^{\pi,\rho},\ Q(s, a^{-i}) = "
    r"E_\pi\Big[Q - \log\frac{\pi}{P_{\mathrm{prior}}}\Big]",
    "With (31) corrected the simultaneous update improves too: ρ̃ raises the value at π, and then "
    "π̃ raises it against every a^-i.",
    PLAYS,
    Deduction(
        ("report.A.3.3.step1.printed", "report.A.3.4.step1.corrected", "report.028.corrected"),
        "backward induction over time",
        "at each step E_{π,ρ} <= E_{π,ρ̃} <= E_{π̃,ρ̃} for the old table, which the new one exceeds",
    ),
    *samples(simultaneous, by_value),
)
row(
    "report.032.sequential.corrected",
    "proved",
    "report (32)",
    BOTH + r"\text{first } \tilde\pi, \text{ then } \tilde\rho \text{ from } Q^{\tilde\pi,\rho},\ "
    r"Q(s, a^{-i}) = E_{\tilde\pi}\Big[Q - \log\frac{\tilde\pi}{P_{\mathrm{prior}}}\Big]",
    "The derivation that the report has in mind, with (31) corrected.",
    PLAYS,
    Deduction(
        ("report.029.printed", "report.029.marginal.added", "report.031.corrected"),
        "chain of inequalities",
        "Q^{π,ρ} <= Q^{π̃,ρ} <= Q^{π̃,ρ̃}",
    ),
    *samples(agent_first, by_value),
)
row(
    "report.032.model-first.corrected",
    "proved",
    "report (32)",
    BOTH + r"\text{first } \tilde\rho, \text{ then } \tilde\pi \text{ from } Q^{\pi,\tilde\rho},\ "
    r"Q(s, a^{-i}) = E_\pi\Big[Q - \log\frac{\pi}{P_{\mathrm{prior}}}\Big]",
    "The other order.",
    PLAYS,
    Deduction(
        ("report.029.printed", "report.029.marginal.added", "report.031.corrected"),
        "chain of inequalities",
        "Q^{π,ρ} <= Q^{π,ρ̃} <= Q^{π̃,ρ̃}",
    ),
    *samples(model_first, by_value),
)
EVEN = [HALF, HALF]
row(
    "report.032.normaliser.sequential.printed",
    "refuted",
    "report (32)",
    BOTH + r"\text{first } \tilde\pi, \text{ then } \tilde\rho \text{ from } Q^{\tilde\pi,\rho},\ "
    r"Q(s, a^{-i}) \text{ by (30)}",
    "As the text argues, (29) then (31). π̃ is the tilt of the old table; when better play later "
    "makes a neglected action worth much, (30) of the new table counts it and π̃ does not take it.",
    PLAYS,
    Counterexample(
        partial(gain, update=agent_first, reading=by_normaliser),
        {
            "reward": [[[0, 0], [4, 0]], [[-8, -8], [0, 0]], [[0, 0], [0, 0]]],
            "transition": [
                [[[0, 0, 1], [0, 0, 1]], [[0, 1, 0], [0, 0, 1]]],
                [[[0, 1, 0], [0, 1, 0]], [[0, 1, 0], [0, 1, 0]]],
                [[[1, 0, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 0]]],
            ],
            "beta": 1,
            "gamma": 1,
            "agent": [[EVEN, [["7/8", "1/8"], ["7/8", "1/8"]], EVEN]] * 3,
            "opponent": [[["1/4", "3/4"], HALF, HALF]] * 3,
        },
    ),
)
row(
    "report.032.normaliser.model-first.printed",
    "refuted",
    "report (32)",
    BOTH + r"\text{first } \tilde\rho, \text{ then } \tilde\pi \text{ from } Q^{\pi,\tilde\rho},\ "
    r"Q(s, a^{-i}) \text{ by (30)}",
    "ρ̃ first spoils the value of a good state for π (see (31)), and π̃ then turns away from it.",
    PLAYS,
    Counterexample(
        partial(gain, update=model_first, reading=by_normaliser),
        {
            "reward": [[[0, 0], [0, 0]], [[8, 5], [-8, 5]], [[1, 1], [1, 1]]],
            "transition": [
                [[[0, 1, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]],
                [[[0, 1, 0], [0, 1, 0]], [[0, 1, 0], [0, 1, 0]]],
                [[[1, 0, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 0]]],
            ],
            "beta": 1,
            "gamma": 1,
            "agent": [[[["3/4", "1/4"], ["3/4", "1/4"]], EVEN, EVEN]] * 3,
            "opponent": [[HALF, ["1/8", "7/8"], HALF]] * 3,
        },
    ),
)
row(
    "report.032.expectation.printed",
    "refuted",
    "report (32)",
    BOTH + r"\text{both from } Q^{\pi,\rho},\ Q(s, a^{-i}) = E_\pi[Q(s, a, a^{-i})]",
    "π is already the best reply, so only ρ̃ moves, and it forgets what π costs against the first "
    "a^-i.",
    PLAYS,
    Counterexample(
        partial(gain, update=simultaneous, reading=by_expectation),
        {
            "reward": [[[0, 0], [0, 0]], [[2, "7/4"], [0, "7/4"]]],
            "transition": [[[[0, 1], [0, 1]], [[0, 1], [0, 1]]]] * 2,
            "beta": 1,
            "gamma": "1/2",
            "agent": [[EVEN, [["7/8", "1/8"], HALF]]] * 2,
            "opponent": [[HALF, ["2/5", "3/5"]]] * 2,
        },
    ),
)

# -- 'only in cooperative settings' ----------------------------------------------------------------


def own_gain(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, *, sign: int
) -> Numbers:
    """What ρ̃ does to the opponent's own E[sign·Q − log ρ/P_prior]; uniform priors, and the
    agent's costs left out, as they are not the opponent's."""
    stage = Game.stage(arithmetic, q)
    pi, rho = laid_stage(agent), opponent[None]
    better = stage.opponent_tilt((pi * stage.u).sum(axis=1))
    own = sign * (pi * stage.u).sum(axis=1)
    return stage.opponent_value(own, better) - stage.opponent_value(own, rho)


STAGE = {name: stage_fields()[name] for name in ("q", "agent", "opponent")}
row(
    "report.1.2.1.cooperative.printed",
    "proved",
    "report 1.2.1",
    r"R^{-i} = R: \tilde\rho \propto P_{\mathrm{prior}}\, e^{E_\pi[Q]} \text{ raises } "
    r"E_\rho\Big[Q - \log\frac{\rho}{P_{\mathrm{prior}}}\Big] \text{ of the opponent itself}",
    "In a common-reward game the model is also the opponent's own soft best reply.",
    STAGE_SCOPE,
    Deduction(("report.A.1.3.arbitrary.printed",), "special case", "f(b) = E_π[Q]"),
    sample(partial(own_gain, sign=1), STAGE, ">= 0", STAGE_SIZES),
)
row(
    "report.1.2.1.zero-sum.added",
    "refuted",
    "report 1.2.1",
    r"R^{-i} = -R: \tilde\rho \text{ raises } E_\rho\Big[-Q - \log\frac{\rho}{P_{\mathrm{prior}}}"
    r"\Big] \text{ of the opponent itself}",
    "In a zero-sum game the model expects the opponent to act against itself, as the report says: "
    "useful in cooperative games only.",
    STAGE_SCOPE,
    Counterexample(
        partial(own_gain, sign=-1), {"q": [[0, 1]], "agent": [[1], [1]], "opponent": HALF}
    ),
)


def optimism(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    opponent: Numbers,
) -> Numbers:
    """V minus what π* gets against another opponent."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    pi = stage.agent_tilt(stage.u)
    return stage.soft(stage.u) - stage.value(stage.u, pi, opponent[None])


row(
    "report.1.2.1.optimistic.added",
    "proved",
    "report 1.2.1",
    r"V^*(s) \ge E_{\pi^*,\rho}\Big[Q^* - \log\frac{\pi^*}{P_{\mathrm{prior}}} - "
    r"\log\frac{\rho}{P_{\mathrm{prior}}}\Big] \text{ for every opponent } \rho",
    "ROMMEO's value is the most that any opponent grants: an upper bound outside cooperation.",
    STAGE_SCOPE,
    Deduction(("report.009.joint.added",), "special case", "π = π*, ρ any"),
    sample(
        optimism, {k: f for k, f in stage_fields().items() if k != "agent"}, ">= 0", STAGE_SIZES
    ),
)
