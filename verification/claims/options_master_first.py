"""B.1.1 line by line, the last step's objective and its best master: report (159)-(161).

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
    POLICIES,
    PRIORS,
    STAGE,
    Options,
    Q,
    family,
    mean,
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
