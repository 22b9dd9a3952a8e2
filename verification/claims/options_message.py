"""B.1.1 line by line, the message and any step: report (168)-(171).

    U(s,z_) = Q − log π*/P − b log η*/P^H − log τ*/P^T        at every (b, z, a), z = z_ if b = 0

is the chain after (168); (169) carries it to step t, and (170) folds U(s',z) into Q. Shapes as in
``_options``.
"""

from __future__ import annotations

import numpy as np
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
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import identity
from tabular_marl.verification.claims._options import (
    GAME,
    GAMES,
    POLICIES,
    PRIORS,
    STAGE,
    UNIT,
    Options,
    Play,
    Q,
    both,
    family,
)
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- the chain after (168) -------------------------------------------------------------------------


def unrolled(options: Options, q: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Q − log π*/P (s, z, a), log η*/P^H (s, z), log τ*/P^T (s, z_, b), U (s, z_)."""
    low, master, stop = options.tilts(q)
    a = options.arithmetic
    return (
        q - log_ratio(low, options.low_prior, a),
        log_ratio(master, options.master_prior, a),
        log_ratio(stop, options.stop_prior, a),
        options.soft(q),
    )


def first_lines(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """U(s,z_), and U(s,z_,b) − log τ*/P^T for both b."""
    options = Options.of(arithmetic, q, **priors)
    _, _, ended, arrival = unrolled(options, q)
    kept = options.low_soft(q)
    right = both(kept, options.master_soft(kept)) - ended
    return sides(arrival[:, :, None] + 0 * right, right)


def prove_first_lines() -> Proof:
    t, prior, total = positive("t"), positive("prior"), positive("Z")
    log = sympy.log
    return prove_zero(
        log(total) - (log(t) - log((prior * t / total) / prior)), "t = e^{U(s,z_,b)}, Z = e^U"
    )


row(
    "report.168.first-lines.printed",
    "proved",
    "report (168); report B.1.1",
    r"U(s,z_{-}) = U(s,z_{-},b) - \log\frac{\pi^T}{P^T} = b V^H + (1-b)V(s,z_{-}) - "
    r"\log\frac{\pi^T}{P^T}",
    "At both b, no expectation needed.",
    STAGE,
    Symbolic(prove_first_lines),
    identity(first_lines, family(Q, PRIORS)),
)


def message(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """(167) at τ*, and U."""
    options = Options.of(arithmetic, q, **priors)
    kept = options.low_soft(q)
    chosen = options.master_soft(kept)
    best = options.stop_tilt(kept, chosen)
    return sides(options.stop_value(kept, chosen, best), options.soft(q))


row(
    "report.168.message.printed",
    "proved",
    "report (167); report (168); report B.1.1",
    r"\text{(167) at (168)} = U(s_T, z_{T-1})",
    "'We are left with the following message'.",
    STAGE,
    Deduction(
        ("report.168.first-lines.printed",),
        "substitution of equals",
        "the mean over b of what is the same for both b",
    ),
    identity(message, family(Q, PRIORS)),
)


def by_action(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """What stands for Q^H(s_T, a_T) in the third line, V^H + log η*/P^H, at z and at z = 0."""
    options = Options.of(arithmetic, q)
    _, chosen, _, _ = unrolled(options, q)
    needed = options.master_soft(options.low_soft(q))[:, None] + chosen
    return sides(needed, needed[:, :1] + 0 * needed)


row(
    "report.168.argument.printed",
    "refuted",
    "report (168); report B.1.1",
    r"V^H(s) = Q^H(s_T, a_T) - \log\frac{\pi^H(z_T|s_T)}{P(z_T|s_T)} \text{ for a function } Q^H "
    r"\text{ of } (s, a)",
    "The argument of Q^H is z, as in (160): what the line needs is V(s,z), which differs between "
    "options at the same action.",
    STAGE,
    Counterexample(by_action, {"q": [[[0], [1]]]}, "== 0"),
)


def without_log(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """U, and the last line at b = 0 as printed, with τ*/P^T for its logarithm; uniform priors."""
    options = Options.of(arithmetic, q)
    spent, _, _, arrival = unrolled(options, q)
    ratio = options.tilts(q)[2] / options.stop_prior
    right = spent - ratio[:, :, :1]
    return sides(arrival[:, :, None] + 0 * right, right)


row(
    "report.168.log.printed",
    "refuted",
    "report (168); report B.1.1",
    r"U(s,z_{-}) = \beta r - \log\frac{\pi}{P} - \frac{\pi^T}{P^T} - b\log\frac{\pi^H}{P}",
    "The last line has lost the logarithm before π^T/P^T. One option, action, r = 0: 0 against −1.",
    STAGE,
    Counterexample(without_log, {"q": [[[0]]]}, "== 0"),
)


def last_line(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """U(s,z_), and the last line at b = 0, z = z_ and at b = 1, every z; over (b, s, z_, z, a)."""
    options = Options.of(arithmetic, q, **priors)
    spent, chosen, ended, arrival = unrolled(options, q)
    kept = spent - ended[:, :, :1]
    drawn = (spent - chosen[:, :, None])[:, None] - ended[:, :, 1][:, :, None, None]
    right = np.stack([kept[:, :, None] + 0 * drawn, drawn])
    return sides(arrival[None, :, :, None, None] + 0 * right, right)


row(
    "report.168.corrected",
    "proved",
    "report (168); report B.1.1",
    r"U(s,z_{-}) = \beta r - \log\frac{\pi^*}{P} - b\log\frac{\pi^{H*}}{P^H} - "
    r"\log\frac{\pi^{T*}}{P^T} \text{ at every } (b, z, a),\ z = z_{-} \text{ if } b = 0",
    "'This value fits perfectly': with Q^H(s,z), the logarithm, and V^H = log Σ P^H exp V.",
    STAGE,
    Deduction(
        ("report.168.first-lines.printed", "report.164.corrected", "report.073.printed"),
        "substitution of equals",
        "V^H = V(s,z) − log η*/P^H for every z, V(s,z) = Q − log π*/P for every a",
    ),
    identity(last_line, family(Q, PRIORS)),
)

# -- any step: (169)-(171) -------------------------------------------------------------------------


def wrong_time(arithmetic: Arithmetic, stop: Numbers) -> Sides:
    """π^T(b|s,z_{t−1}), and π^T(b|s,z_{T−1}) where z_{T−1} is the first option; stop [Z, 2]."""
    return sides(stop, stop[:1] + 0 * stop)


row(
    "report.169.index.printed",
    "refuted",
    "report (169)",
    r"\pi^T(b_t|s_t, z_{T-1}) = \pi^T(b_t|s_t, z_{t-1})",
    "At time t the option to keep is z_{t−1}; the index T − 1 is left over from (161). In (169) "
    "also π(a_t|s_t, z_{T−1}); (171) has t − 1.",
    scope(options=">= 1"),
    Counterexample(wrong_time, {"stop": [["1/2", "1/2"], ["1/4", "3/4"]]}, "== 0"),
)


def any_step(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    value: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Sides:
    """(169): βr + γ E[U(s',z)] averaged over a, z beside the costs; and (171)."""
    options = Options.of(arithmetic, low, **priors)
    play = Play(options, reward, transition, gamma)
    q = play.backup(value)
    costs = options.value(0 * q, low, master, stop)
    gain = (low * q).sum(axis=2)
    drawn = (master * gain).sum(axis=1)
    gain = (stop * both(gain, drawn)).sum(axis=2)
    return sides(costs + gain, options.value(q, low, master, stop))


def prove_any_step() -> Proof:
    reward, gamma, ahead, costs, q = sympy.symbols("r gamma EU costs Q")
    folded = (q - costs).subs(q, reward + gamma * ahead)
    return prove_zero((-costs + reward + gamma * ahead) - folded, "Q = βr + γ E[U(s',z)]")


row(
    "report.171.corrected",
    "proved",
    "report (169); report (170); report (171)",
    r"E_{b,z,a}\Big[-\log\frac{\pi}{P} - b\log\frac{\pi^H}{P^H} - \log\frac{\pi^T}{P^T} "
    r"+ \beta r + \gamma E[U(s_{t+1}, z_t)]\Big] = E\Big[Q - \log\frac{\pi}{P} "
    r"- b\log\frac{\pi^H}{P^H} - \log\frac{\pi^T}{P^T}\Big]",
    "With z_{t−1}, π^T(b|·) in both cases, and γ where (72) is discounted. βr + E[U], printed "
    "outside the split over b, depends on a and z: the expectation over b, z, a includes it. At "
    "b = 0 (171)'s Q(s,a,z_t) is Q(s,a,z_{t−1}).",
    GAMES,
    Symbolic(prove_any_step),
    identity(any_step, family(GAME, POLICIES, UNIT, {"value": array("states", "options")})),
)
