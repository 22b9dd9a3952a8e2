"""B.1.1 line by line, the last step: report (159)-(168).

The objective of the last step, at given (s, z_), is

    E_τ[ b E_η(E_π[βr − log π/P] − log η/P^H) + (1 − b) E_π(·|z_)[βr − log π/P] − log τ/P^T ]

which B.1.1 maximises over η (160), then π (166), then τ (168). Q stands for βr: any table over
(s, z, a) will do. Shapes as in ``_options``.
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
    MAXIMUM,
    MONOTONE,
    POLICIES,
    PRIORS,
    STAGE,
    Options,
    Q,
    both,
    family,
    mean,
    outside,
)
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

OTHER = {f"other_{name}": field for name, field in POLICIES.items()}

# -- (159), (160) ----------------------------------------------------------------------------------


def printed_rest(arithmetic: Arithmetic, q: Numbers, low: Numbers, master: Numbers) -> Numbers:
    """What (72) has beyond (159) as printed, at b = 1, s = 0: E_η of −KL(π ‖ P); uniform priors."""
    options = Options.of(arithmetic, q)
    shown = options.master_value(mean(q, low), master)
    return options.master_value(options.low_value(q, low), master) - shown


def rest_moves(
    arithmetic: Arithmetic, q: Numbers, low: Numbers, master: Numbers, other_master: Numbers
) -> Sides:
    """The 'other quantities' at two masters."""
    left = printed_rest(arithmetic, q, low, master)
    return sides(left, printed_rest(arithmetic, q, low, other_master))


COSTLY = {"q": [[[0, 0], [0, 0]]], "low": [[[1, 0], ["1/2", "1/2"]]]}
row(
    "report.159.printed",
    "refuted",
    "report (159)",
    r"\text{the objective is } b E_{\pi^H}\Big[E_\pi[\beta r] - \log\frac{\pi^H}{P}\Big] + (1-b) "
    r"E_\pi[\beta r] + \text{terms without } \pi^H",
    "−log π(a|s,z)/P is not among the 'other quantities': at b = 1 it is averaged over the z that "
    "π^H chooses. (159) leaves it out, (160) uses it.",
    STAGE,
    Counterexample(rest_moves, {**COSTLY, "master": [[1, 0]], "other_master": [[0, 1]]}, "== 0"),
)


def full(
    arithmetic: Arithmetic,
    q: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Numbers:
    """The objective of the last step by its terms, over (s, z_): (161) with π^T(b|·) in both."""
    options = Options.of(arithmetic, q, **priors)
    spent = q - log_ratio(low, options.low_prior, arithmetic)
    chosen = (low * spent).sum(axis=2) - log_ratio(master, options.master_prior, arithmetic)
    chosen = (master * chosen).sum(axis=1)[:, None]
    kept = (low * spent).sum(axis=2)
    ended = log_ratio(stop, options.stop_prior, arithmetic)
    return stop[:, :, 1] * (chosen - ended[:, :, 1]) + stop[:, :, 0] * (kept - ended[:, :, 0])


def split(arithmetic: Arithmetic, q: Numbers, **given: Numbers) -> Sides:
    """(161) as corrected, and E_b of the objective."""
    priors = {name: given[name] for name in PRIORS}
    policies = [given[name] for name in ("low", "master", "stop")]
    value = Options.of(arithmetic, q, **priors).value(q, *policies)
    return sides(full(arithmetic, q, **given), value)


def prove_split() -> list[Proof]:
    tau, kept, chosen, first, second = sympy.symbols("tau kept chosen log0 log1")
    expected = sum(
        weight * (b * chosen + (1 - b) * kept - cost)
        for b, weight, cost in ((0, 1 - tau, first), (1, tau, second))
    )
    shown = tau * (chosen - second) + (1 - tau) * (kept - first)
    return [
        prove_zero(expected - shown, "E_b f(b) = τ f(1) + (1 − τ) f(0): b is discrete"),
    ]


row(
    "report.161.corrected",
    "proved",
    "report (159); report (161)",
    r"E_{b}\Big[b\,E\Big[\beta r - \log\frac{\pi(a|s,z_T)}{P} - \log\frac{\pi^T(b|\cdot)}{P^T} - "
    r"\log\frac{\pi^H}{P^H}\Big] + (1-b) E\Big[\beta r - \log\frac{\pi(a|s,z_{T-1})}{P} - "
    r"\log\frac{\pi^T(b|\cdot)}{P^T}\Big]\Big] \text{ is (72) at } T",
    "With π^T(b|·)/P^T(b|·) in both lines; at b = 0 the master's logarithm is 0 by (71). (159) "
    "with the low-level cost inside E_{π^H} is its part that depends on π^H.",
    STAGE,
    Symbolic(prove_split),
    identity(split, family(Q, PRIORS, POLICIES)),
)


def derived(arithmetic: Arithmetic, q: Numbers, low: Numbers, master: Numbers) -> Numbers:
    """(159) as printed, b = 1, at η of (160) minus at another η; uniform priors."""
    options = Options.of(arithmetic, q)
    best = options.master_tilt(options.low_value(q, low))
    shown = mean(q, low)
    return options.master_value(shown, best) - options.master_value(shown, master)


row(
    "report.160.derived.printed",
    "refuted",
    "report (159); report (160)",
    r"\text{(160) maximises (159)}",
    "'Which would lead to': the maximiser of (159) as printed has Q^H = E_π[βr]; (160) is the "
    "maximiser of what (159) should have been.",
    STAGE,
    Counterexample(derived, {**COSTLY, "master": [["1/2", "1/2"]]}),
)


def best_master(
    arithmetic: Arithmetic, q: Numbers, low: Numbers, master: Numbers, **priors: Numbers
) -> Numbers:
    """log Σ P^H exp Q^H_π − E_η[Q^H_π − log η/P^H]."""
    options = Options.of(arithmetic, q, **priors)
    table = options.low_value(q, low)
    return options.master_soft(table) - options.master_value(table, master)


row(
    "report.160.corrected",
    "proved",
    "report (160)",
    r"\pi^H = \frac{P^H \exp Q^H}{\exp V^H},\ Q^H = E_\pi\Big[\beta r - \log\frac{\pi}{P}\Big],\ "
    r"V^H = \log\textstyle\sum_z P^H \exp Q^H \text{ is the best master for any } \pi",
    "Numerator and Q^H are as printed; 1/m goes inside the logarithm, and exp(Q(s,z)) above the "
    "line is exp(Q^H(s,z)).",
    STAGE,
    Deduction((MAXIMUM,), "special case", "x = Q^H_π(s, ·), prior P^H, β = 1"),
    inequality(best_master, family(Q, PRIORS, LOW, {"master": POLICIES["master"]})),
)

# -- (161): the termination's logarithm ------------------------------------------------------------


def printed_ends(arithmetic: Arithmetic, q: Numbers, stop: Numbers) -> Numbers:
    """(161) as printed, π^T(1 − b|·) beside (1 − b), at the optimal π, η; uniform priors."""
    options = Options.of(arithmetic, q)
    kept = options.low_soft(q)
    chosen = options.master_soft(kept)[:, None]
    ended = log_ratio(stop, options.stop_prior, arithmetic)[:, :, 1]
    return stop[:, :, 1] * (chosen - ended) + stop[:, :, 0] * (kept - ended)


def ends_printed(arithmetic: Arithmetic, q: Numbers, stop: Numbers) -> Sides:
    """(161) as printed, and the objective (72)."""
    options = Options.of(arithmetic, q)
    kept = options.low_soft(q)
    right = options.stop_value(kept, options.master_soft(kept), stop)
    return sides(printed_ends(arithmetic, q, stop), right)


row(
    "report.161.termination.printed",
    "refuted",
    "report (161); report (162); report (169); report (171)",
    r"(1 - b)\Big[\cdots - \log\frac{\pi^T(1-b|s,z_{T-1})}{P^T(1-b|s,z_{T-1})}\Big] \text{ is the "
    r"part } b = 0 \text{ of (72)}",
    "The factor 1 − b leaves b = 0, where π^T(1 − b|·) is the probability of b = 1. It must be "
    "π^T(b|·), as (167) has it. (If b is read as the event b = 1 throughout, 1 − b is right, but "
    "then b and 1 − b are no factors.)",
    STAGE,
    Counterexample(ends_printed, {"q": [[[0]]], "stop": [[["3/4", "1/4"]]]}, "== 0"),
)


def ends_gain(arithmetic: Arithmetic, q: Numbers, stop: Numbers) -> Numbers:
    """(161) as printed at τ of (168) minus at another τ."""
    options = Options.of(arithmetic, q)
    kept = options.low_soft(q)
    best = options.stop_tilt(kept, options.master_soft(kept))
    return printed_ends(arithmetic, q, best) - printed_ends(arithmetic, q, stop)


row(
    "report.161.maximiser.printed",
    "refuted",
    "report (161); report (168); report (171)",
    r"\text{(168) maximises (161) as printed}",
    "It has no maximum: it grows without bound as π^T(1|·) → 0.",
    STAGE,
    Counterexample(ends_gain, {"q": [[[0]]], "stop": [[["15/16", "1/16"]]]}),
    rests_on=("report.161.unbounded.added",),
)


def prove_unbounded() -> Proof:
    tau, prior = positive("tau"), positive("prior")
    kept, chosen = sympy.symbols("kept chosen")
    ended = sympy.log(tau / prior)
    shown = tau * (chosen - ended) + (1 - tau) * (kept - ended)
    what = "= τ V^H + (1 − τ) V − log τ/P^T(1), and −log τ → ∞ as τ → 0"
    return prove_zero(shown - (tau * chosen + (1 - tau) * kept - ended), what)


row(
    "report.161.unbounded.added",
    "proved",
    "report (161); report (171)",
    r"\text{(161) as printed} = \tau V^H + (1-\tau) V - \log\frac{\tau}{P^T(1)}, \quad "
    r"\tau = \pi^T(1|\cdot)",
    "So as an objective of the termination policy it is unbounded above.",
    STAGE,
    Symbolic(prove_unbounded),
)

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
