"""The pseudo-code. FURTHER E.3 (Algorithm 1).

    line 23   (ψ, ρ) ← (ψ, ρ) − α_q J_q           meant   (ψ, ρ) − α_q ∇J_q
    line 24   θ ← θ + α_π J_π                             θ + α_π ∇J_π
    line 25   φ ← φ − α_φ J_elbo                          φ + α_φ ∇J_elbo

Steps by the value of an objective instead of its gradient push every parameter the same way,
whatever is best. Line 25 also has the sign of a loss, though (11), (24) are bounds to be raised. On
quadratics J = level ± bend (x − best)²/2 all of this is exact arithmetic.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    instances,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row

# -- steps on a quadratic ------------------------------------------------------------------------


def loss(at: Numbers, best: Numbers, bend: Numbers) -> Numbers:
    """bend (x − best)²/2 >= 0, such as J_q of one pair (bend = 2)."""
    return bend * (at - best) * (at - best) / 2


def objective(at: Numbers, best: Numbers, bend: Numbers, level: Numbers) -> Numbers:
    """level − bend (x − best)²/2, to be maximised."""
    return level - loss(at, best, bend)


def descend_by_value(
    arithmetic: Arithmetic, at: Numbers, best: Numbers, bend: Numbers, step: Numbers
) -> Any:
    """J before and after x − α J."""
    now = loss(at, best, bend)
    return sides(now, loss(at - step * now, best, bend))


def descend(
    arithmetic: Arithmetic, at: Numbers, best: Numbers, bend: Numbers, share: Numbers
) -> Any:
    """J before and after x − α ∇J, α = share / bend."""
    after = at - share * (at - best)
    return sides(loss(at, best, bend), loss(after, best, bend))


def ascend_by_value(
    arithmetic: Arithmetic, at: Numbers, best: Numbers, bend: Numbers, level: Numbers, step: Numbers
) -> Any:
    """J after and before x + α J."""
    now = objective(at, best, bend, level)
    return sides(objective(at + step * now, best, bend, level), now)


def ascend(
    arithmetic: Arithmetic,
    at: Numbers,
    best: Numbers,
    bend: Numbers,
    level: Numbers,
    share: Numbers,
) -> Any:
    """J after and before x + α ∇J, α = share / bend."""
    after = at + share * (best - at)
    return sides(objective(after, best, bend, level), objective(at, best, bend, level))


def bound_by_value(
    arithmetic: Arithmetic, at: Numbers, best: Numbers, bend: Numbers, level: Numbers, step: Numbers
) -> Any:
    """The bound after and before x − α J, as printed."""
    now = objective(at, best, bend, level)
    return sides(objective(at - step * now, best, bend, level), now)


def bound_down(
    arithmetic: Arithmetic,
    at: Numbers,
    best: Numbers,
    bend: Numbers,
    level: Numbers,
    share: Numbers,
) -> Any:
    """The bound after and before x − α ∇J."""
    after = at - share * (best - at)
    return sides(objective(after, best, bend, level), objective(at, best, bend, level))


def towards(arithmetic: Arithmetic, online: Numbers, target: Numbers, rate: Numbers) -> Any:
    """Line 26: the new distance of ψ̄ to ψ against (1 − τ) times the old."""
    moved = rate * online + (1 - rate) * target
    away = arithmetic.absolute(online - target)
    return sides((1 - rate) * away, arithmetic.absolute(online - moved))


def once_for_each_critic(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, gain: Numbers, rate: Numbers
) -> Any:
    """ρ after line 23 for β = 1 and then 2, against one step on the mean of both losses.

    ``first``, ``second``: r + v − q_β, the gain that each critic asks for; ∇_ρ J = −2 (that − ρ).
    """
    after = gain + 2 * rate * (first - gain)
    after = after + 2 * rate * (second - after)
    return sides(after, gain + 2 * rate * ((first + second) / 2 - gain))


def distance_left(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, gain: Numbers, rate: Numbers
) -> Any:
    """One step on the mean loss: what is left of ρ's distance to the mean of the two."""
    mean = (first + second) / 2
    moved = gain + 2 * rate * (first - gain) / 2 + 2 * rate * (second - gain) / 2
    return sides(moved - mean, (1 - 2 * rate) * (gain - mean))


def stored_latents(arithmetic: Arithmetic, stored: Numbers, present: Numbers) -> Any:
    """The law of ẑ in the memory, from the encoder of then, and from the encoder of now."""
    return sides(stored, present)


# -- mean field ----------------------------------------------------------------------------------


# -- baselines -----------------------------------------------------------------------------------


# -- proofs ----------------------------------------------------------------------------------------


def prove_descend() -> list[Proof]:
    bend, away, share, rest = (positive(name) for name in ("bend", "away", "share", "rest"))
    drop = bend * away**2 / 2 * (1 - (1 - share) ** 2)
    return [
        prove_zero(drop - bend * away**2 * share * (2 - share) / 2, "J − J' = bend d² s (2 − s)/2"),
        prove_nonnegative((share * rest).subs(share, 2 / (1 + rest)), "s and 2 − s are >= 0"),
    ]


def prove_distance_left() -> Proof:
    one, two, rho, rate = symbols("u1 u2 rho alpha")
    mean = (one + two) / 2
    moved = rho + rate * (one - rho) + rate * (two - rho)
    return prove_zero(moved - mean - (1 - 2 * rate) * (rho - mean), "∇_ρ (J_1 + J_2)/2")


def prove_towards() -> Proof:
    psi, bar, tau = symbols("psi psibar tau")
    return prove_zero(psi - (tau * psi + (1 - tau) * bar) - (1 - tau) * (psi - bar))


# -- claims ----------------------------------------------------------------------------------------

PLANE = scope(bend="(0, inf)", step="(0, inf)")
SHARE = scope(bend="(0, inf)", share="[0, 2]")
ANY = number(-4, 4)
BEND = number("1/4", 4)
TWIN = scope(rate="(0, inf)")
E3 = "FURTHER E.3"

row(
    "further.E.3.line23.printed",
    "refuted",
    f"{E3}; FURTHER (12)",
    r"\{\psi, \rho\} \leftarrow \{\psi, \rho\} - \{\alpha_q, \alpha_\rho\}\, J_q \text{ does not "
    r"raise } J_q",
    "∇ is missing. J_q >= 0, so every parameter falls for ever; a q below its target moves away "
    "from it. q = 0, y = 1, any step.",
    PLANE,
    Counterexample(descend_by_value, {"at": 0, "best": 1, "bend": 2, "step": "1/10"}),
)
row(
    "further.E.3.line23.corrected",
    "proved",
    f"{E3}; FURTHER (12)",
    r"\{\psi, \rho\} \leftarrow \{\psi, \rho\} - \{\alpha_q, \alpha_\rho\}\, \nabla J_q \text{ "
    r"does not raise a quadratic } J_q, \ \alpha \le 2/\text{bend}",
    "Descent of a loss. The gradient reaches ρ through y.",
    SHARE,
    Symbolic(prove_descend),
    sample(descend, instances({}, at=ANY, best=ANY, bend=BEND, share=number(0, 2)), ">= 0"),
    assumes=("quadratic J, step at most 2/curvature",),
)
row(
    "further.E.3.line23-gain.printed",
    "refuted",
    f"{E3}; FURTHER (12)",
    r"\{\psi_\beta, \rho\} \leftarrow \ldots \text{ for } \beta = 1, 2 \text{ moves } \rho "
    r"\text{ once, at the rate } \alpha_\rho",
    "There is one gain and there are two critics: the loop moves ρ once for each, even with ∇ put "
    "in. Where the critics agree its error shrinks by (1 − 2α)², not 1 − 2α.",
    TWIN,
    Counterexample(
        once_for_each_critic, {"first": 1, "second": 1, "gain": 0, "rate": "1/10"}, "== 0"
    ),
)
row(
    "further.E.3.line23-gain.corrected",
    "proved",
    f"{E3}; FURTHER (12)",
    r"\rho \leftarrow \rho - \alpha_\rho \nabla_\rho \tfrac12(J_{q_1} + J_{q_2}): \ \rho' - \bar u "
    r"= (1 - 2\alpha_\rho)(\rho - \bar u)",
    "u_β = r + v − q_β is the gain that a critic asks for. One step for both, towards the mean; "
    "with the sum of the losses it is the same at twice the rate. Where ρ rests does not change.",
    TWIN,
    Symbolic(prove_distance_left),
    sample(
        distance_left, instances({}, first=ANY, second=ANY, gain=ANY, rate=number("1/10", "1/2"))
    ),
)
row(
    "further.E.3.line19.added",
    "refuted",
    f"{E3}; FURTHER (12); FURTHER (14)",
    r"\text{the } \hat z_t, \hat z_{t+1} \text{ of the replay memory are samples of the present "
    r"encoder}",
    "They are stored when they are inferred, and the encoder trains on: critic and actor see "
    "latents of encoders of the past. Exact where only the last transition is used, or where ẑ is "
    "inferred again along τ.",
    scope(latents=">= 1"),
    Counterexample(stored_latents, {"stored": [1, 0], "present": [0, 1]}, "== 0"),
)
row(
    "further.E.3.line24.printed",
    "refuted",
    f"{E3}; FURTHER (14); FURTHER (23)",
    r"\theta^i \leftarrow \theta^i + \alpha_\pi J_\pi \text{ does not lower } J_\pi",
    "∇ is missing: a positive J moves θ up even from its best value, a negative one down.",
    PLANE,
    Counterexample(ascend_by_value, {"at": 0, "best": 0, "bend": 1, "level": 1, "step": "1/10"}),
)
row(
    "further.E.3.line24.corrected",
    "proved",
    f"{E3}; FURTHER (14); FURTHER (23)",
    r"\theta^i \leftarrow \theta^i + \alpha_\pi \nabla J_\pi \text{ does not lower a quadratic } "
    r"J_\pi, \ \alpha \le 2/\text{bend}",
    "Plus is right: (14), (23) are to be maximised.",
    SHARE,
    Symbolic(prove_descend),
    sample(
        ascend,
        instances({}, at=ANY, best=ANY, bend=BEND, level=ANY, share=number(0, 2)),
        ">= 0",
    ),
    assumes=("quadratic J, step at most 2/curvature",),
)
row(
    "further.E.3.line25.printed",
    "refuted",
    f"{E3}; FURTHER (24)",
    r"\phi \leftarrow \phi - \alpha_\phi J_{\mathrm{elbo}} \text{ does not lower the bound}",
    "∇ is missing here too.",
    PLANE,
    Counterexample(bound_by_value, {"at": 0, "best": 0, "bend": 1, "level": 1, "step": "1/10"}),
)
row(
    "further.E.3.line25-sign.printed",
    "refuted",
    f"{E3}; FURTHER (24)",
    r"\phi \leftarrow \phi - \alpha_\phi \nabla J_{\mathrm{elbo}} \text{ does not lower the bound}",
    "With ∇ put in, the minus descends the evidence bound of (11), (24). It is right only if "
    "J_elbo is minus the bound, as “reconstruction loss” suggests for a log-likelihood.",
    SHARE,
    Counterexample(bound_down, {"at": 0, "best": 1, "bend": 1, "level": 0, "share": "1/10"}),
)
row(
    "further.E.3.line25.corrected",
    "proved",
    f"{E3}; FURTHER (24)",
    r"\phi \leftarrow \phi + \alpha_\phi \nabla J_{\mathrm{elbo}} \text{ does not lower a "
    r"quadratic bound}, \ \alpha \le 2/\text{bend}",
    "Ascent.",
    SHARE,
    Symbolic(prove_descend),
    sample(
        ascend,
        instances({}, at=ANY, best=ANY, bend=BEND, level=ANY, share=number(0, 2)),
        ">= 0",
    ),
    assumes=("quadratic J, step at most 2/curvature",),
)
row(
    "further.E.3.line26.printed",
    "proved",
    E3,
    r"\bar\psi \leftarrow \tau_q \psi + (1-\tau_q)\bar\psi: \ |\psi - \bar\psi'| = (1-\tau_q)\, "
    r"|\psi - \bar\psi|",
    "The slow copy closes in at rate τ_q.",
    scope(rate="[0, 1]"),
    Symbolic(prove_towards),
    sample(towards, instances({}, online=ANY, target=ANY, rate=number(0, 1))),
)
