"""B.1.1 line by line, with the best master put in: report (162)-(167).

    V^H_π(s) = log Σ_z P^H exp Q^H_π(s, z),   Q^H_π = E_π[βr − log π/P]                (162), (164)
    E_b[b V^H_π(s) + (1 − b) Q^H_π(s, z_)]  is largest at π of (166)                   (163), (165)
    E_τ[b V^H(s) + (1 − b) V(s, z_) − log τ/P^T]  is left for τ                               (167)

Q stands for βr: any table over (s, z, a) will do. Shapes as in ``_options``.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._options import (
    LOW,
    MONOTONE,
    POLICIES,
    PRIORS,
    STAGE,
    Options,
    Q,
    both,
    family,
    outside,
)
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.options_master_first import OTHER
from tabular_marl.verification.relation import Sides

# -- (162)-(165) -----------------------------------------------------------------------------------


def plugged(arithmetic: Arithmetic, q: Numbers, low: Numbers) -> Sides:
    """V^H of (160) as printed, and E_η[Q^H − log η/P^H] at its normalised η; uniform priors."""
    options = Options.of(arithmetic, q)
    table = options.low_value(q, low)
    value = options.master_value(table, options.master_tilt(table))
    return sides(outside(arithmetic, table), value)


row(
    "report.164.printed",
    "refuted",
    "report (162); report (164)",
    r"V^H(s) = E_{z\sim\pi^{H*}}\Big[\int\pi\Big(\beta r - \log\frac{\pi}{P}\Big)da - "
    r"\log\frac{\pi^{H*}}{P}\Big] \text{ with (160)'s } V^H",
    "The left side is no normaliser: two options and Q^H = 0 give (log 2)/2 against 0.",
    STAGE,
    Counterexample(plugged, {"q": [[[0], [0]]], "low": [[[1], [1]]]}, "== 0"),
)


def rearranged(arithmetic: Arithmetic, q: Numbers, low: Numbers, **priors: Numbers) -> Sides:
    """V^H, and Q^H(s,z) − log η*/P^H for every z."""
    options = Options.of(arithmetic, q, **priors)
    table = options.low_value(q, low)
    best = options.master_tilt(table)
    right = table - log_ratio(best, options.master_prior, arithmetic)
    return sides(options.master_soft(table)[:, None] + 0 * right, right)


def prove_rearranged() -> Proof:
    t, prior, total = positive("t"), positive("prior"), positive("Z")
    log = sympy.log
    what = "log Z = Q^H − log[(P^H e^{Q^H}/Z)/P^H], t = e^{Q^H}"
    return prove_zero(log(total) - (log(t) - log((prior * t / total) / prior)), what)


row(
    "report.164.corrected",
    "proved",
    "report (162); report (164)",
    r"V^H(s) = Q^H(s,z) - \log\frac{\pi^{H*}(z|s)}{P^H(z|s)} \text{ for every } z, \ V^H = "
    r"\log\textstyle\sum_z P^H \exp Q^H",
    "'By rearranging the optimal policy', and so also under E_{z∼π^H*}, for any low-level policy.",
    STAGE,
    Symbolic(prove_rearranged),
    identity(rearranged, family(Q, PRIORS, LOW)),
)


def without_end(
    arithmetic: Arithmetic,
    q: Numbers,
    low: Numbers,
    other_low: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Sides:
    """(162) − (163), as corrected, at two low-level policies."""
    options = Options.of(arithmetic, q, **priors)
    gaps = []
    for policy in (low, other_low):
        kept = options.low_value(q, policy)
        chosen = options.master_soft(kept)
        shown = (stop * both(kept, chosen)).sum(axis=2)
        gaps.append(options.stop_value(kept, chosen, stop) - shown)
    return sides(*gaps)


def prove_without_end() -> Proof:
    tau, kept, chosen, first, second = sympy.symbols("tau kept chosen log0 log1")
    whole = tau * (chosen - second) + (1 - tau) * (kept - first)
    rest = -tau * second - (1 - tau) * first
    return prove_zero(whole - (tau * chosen + (1 - tau) * kept) - rest, "−KL(π^T ‖ P^T) only")


row(
    "report.163.printed",
    "proved",
    "report (163)",
    r"\text{(162)} - \text{(163) does not depend on } \pi_\theta",
    "'Removing irrelevant terms': only the termination's terms are removed, whichever "
    "V^H and π^T(b|·) or π^T(1−b|·) (162) has.",
    STAGE,
    Symbolic(prove_without_end),
    identity(
        without_end,
        family(Q, PRIORS, LOW, {k: OTHER[k] for k in ("other_low",)}, {"stop": POLICIES["stop"]}),
    ),
)


def merged_choice(
    options: Options, q: Numbers, low: Numbers, master: Numbers, stop: Numbers
) -> Numbers:
    """(165): E_{b, z}[E_π(βr − log π/P)], z from η if b = 1, else z_; over (s, z_)."""
    table = options.low_value(q, low)
    return (stop * both(table, (master * table).sum(axis=1))).sum(axis=2)


def held_fixed(
    arithmetic: Arithmetic,
    q: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Numbers:
    """(165) at π of (166) minus at another π, the master held fixed."""
    options = Options.of(arithmetic, q, **priors)
    best = merged_choice(options, q, options.low_tilt(q), master, stop)
    return best - merged_choice(options, q, low, master, stop)


row(
    "report.165.fixed.printed",
    "proved",
    "report (165); report (166)",
    r"\text{for a fixed } \pi^{H*}: \text{(165) is maximised by (166)}",
    "For any master and termination policy: the maximum is the same at every z.",
    STAGE,
    Deduction(
        ("report.073.printed",),
        "sum of termwise inequalities",
        "weights >= 0 on E_π[Q − log π/P], each at most V(s,z)",
    ),
    inequality(held_fixed, family(Q, PRIORS, POLICIES)),
)


def moving(arithmetic: Arithmetic, q: Numbers, low: Numbers, stop: Numbers) -> Numbers:
    """The same where the master is π^{H*} of the low-level policy in use; uniform priors."""
    options = Options.of(arithmetic, q)
    values = []
    for policy in (options.low_tilt(q), low):
        master = options.master_tilt(options.low_value(q, policy))
        values.append(merged_choice(options, q, policy, master, stop))
    return values[0] - values[1]


row(
    "report.165.dependent.printed",
    "refuted",
    "report (163); report (165)",
    r"\text{with } \pi^{H*} = \pi^{H*}(\pi_\theta): \text{(165) is maximised by (166)}",
    "(165) drops −b log π^{H*}/P as irrelevant, but π^{H*} depends on π_θ by (160). Without it the "
    "mean under π^{H*} rises when a poor option is made poorer still, since it is then chosen "
    "less: Q = (3, 3) and (0, 0).",
    STAGE,
    Counterexample(
        moving,
        {
            "q": [[[3, 3], [0, 0]]],
            "low": [[["1/2", "1/2"], [1, 0]]],
            "stop": [[[0, 1], [0, 1]]],
        },
    ),
)


def low_after_master(
    arithmetic: Arithmetic, q: Numbers, low: Numbers, stop: Numbers, **priors: Numbers
) -> Numbers:
    """(163), with V^H = log Σ P^H exp Q^H_π, at π of (166) minus at another π."""
    options = Options.of(arithmetic, q, **priors)
    values = []
    for policy in (options.low_tilt(q), low):
        table = options.low_value(q, policy)
        values.append((stop * both(table, options.master_soft(table))).sum(axis=2))
    return values[0] - values[1]


row(
    "report.166.corrected",
    "proved",
    "report (163); report (164); report (166)",
    r"\text{(163) with } V^H = \log\textstyle\sum_z P^H \exp Q^H_\pi \text{ is maximised by (166)}",
    "The conclusion of (165) is right: V^H is monotone in every Q^H_π(s,z), whose maximum is "
    "V(s,z). (166) is called an 'optimization problem'; it is the solution of one.",
    STAGE,
    Deduction(
        ("report.073.printed", MONOTONE),
        "chain of inequalities",
        "Q^H_π <= V at every z, so V^H_π <= V^H, and the kept value likewise",
    ),
    inequality(low_after_master, family(Q, PRIORS, LOW, {"stop": POLICIES["stop"]})),
)

# -- (167) -----------------------------------------------------------------------------------------


def reduced_printed(arithmetic: Arithmetic, q: Numbers, stop: Numbers) -> Sides:
    """(167) with V^H of (160), and the objective at (π*, η*); uniform priors."""
    options = Options.of(arithmetic, q)
    low, master, _ = options.tilts(q)
    value = options.low_soft(q)
    left = options.stop_value(value, outside(arithmetic, value), stop)
    return sides(left, options.value(q, low, master, stop))


row(
    "report.167.printed",
    "refuted",
    "report (160); report (167)",
    r"\text{(72) at } (\pi^*, \pi^{H*}) = E\Big[b V^H + (1-b) V(s,z_{T-1}) - "
    r"\log\frac{\pi^T}{P^T}\Big] \text{ with (160)'s } V^H",
    "Because of the normaliser alone.",
    STAGE,
    Counterexample(reduced_printed, {"q": [[[0], [0]]], "stop": [[["1/2", "1/2"]] * 2]}, "== 0"),
)


def reduced(arithmetic: Arithmetic, q: Numbers, stop: Numbers, **priors: Numbers) -> Sides:
    """(167) with V^H = log Σ P^H exp V, and the objective at (π*, η*)."""
    options = Options.of(arithmetic, q, **priors)
    low, master, _ = options.tilts(q)
    value = options.low_soft(q)
    left = options.stop_value(value, options.master_soft(value), stop)
    return sides(left, options.value(q, low, master, stop))


row(
    "report.167.corrected",
    "proved",
    "report (167)",
    r"\text{the same with } V^H = \log\textstyle\sum_z P^H \exp V",
    "Here π^T(b|·)/P^T(b|·) is printed right, against (161)-(162).",
    STAGE,
    Deduction(
        ("report.073.printed", "report.164.corrected", "report.161.corrected"),
        "substitution of equals",
        "E_π*[Q − log π*/P] = V, then E_η*[V − log η*/P^H] = V^H",
    ),
    identity(reduced, family(Q, PRIORS, {"stop": POLICIES["stop"]})),
)
