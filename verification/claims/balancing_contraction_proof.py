"""The proof of the contraction, line by line: report A.4.1.

    V(Q) = log Σ_a exp((β^i/β^-i) log Σ_b exp(β^-i Q(a, b)) P(b)) p(a),   ε = ‖Q¹ − Q²‖
    V(Q¹) <= [ε beside β^-i Q²] = [ε beside (β^i/β^-i) log] = ε + V(Q²),   and >= with −ε

V is the printed V^i, in the report's units. One state: Q, one, two [A, B]. Steps 1 to 3 are the
inequality and the two equations of each case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Family,
    Proof,
    Symbolic,
    array,
    beta,
    discount,
    distribution,
    instances,
    number,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import (
    AGENT,
    MATRIX,
    MINUS,
    MONOTONE,
    PLUS,
    PRIORS,
    Stage,
    identity,
    inequality,
    reals,
    stage_family,
    stage_scope,
    successor,
)
from tabular_marl.verification.claims._rows import row


def inner(stage: Stage, exponent: Numbers) -> Numbers:
    """log Σ_b exp(exponent) P(b), [A]."""
    return stage.arithmetic.log((stage.P * stage.arithmetic.exp(exponent)).sum(axis=1))


def outer(stage: Stage, exponent: Numbers) -> Numbers:
    """log Σ_a exp(exponent) p(a)."""
    return stage.arithmetic.log((stage.p * stage.arithmetic.exp(exponent)).sum(axis=0))


def printed_value(stage: Stage, q: Numbers) -> Numbers:
    """V(Q) of (157)."""
    return outer(stage, stage.x / stage.y * inner(stage, stage.y * q))


def value_bound(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """ε against |V(Q¹) − V(Q²)|."""
    stage = Stage.of(arithmetic, one, **game)
    moved = printed_value(stage, one) - printed_value(stage, two)
    return sides(arithmetic.norm(one - two), arithmetic.absolute(moved))


def value_bound_scaled(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """|β^i| ε against |V(Q¹) − V(Q²)|."""
    step = value_bound(arithmetic, one, two, **game)
    return sides(arithmetic.absolute(game["beta_agent"]) * step.left, step.right)


def first_line(
    arithmetic: Arithmetic, one: Numbers, two: Numbers, sign: int, inside: bool, **game: Numbers
) -> Any:
    """sign·(right) against sign·V(Q¹): ε beside β^-i Q², or inside β^-i (Q² + sign ε)."""
    stage = Stage.of(arithmetic, one, **game)
    epsilon = sign * arithmetic.norm(one - two)
    exponent = stage.y * (two + epsilon) if inside else stage.y * two + epsilon
    right = outer(stage, stage.x / stage.y * inner(stage, exponent))
    return sides(sign * right, sign * printed_value(stage, one))


def upper_first(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """First case as printed: exp(β^-i Q² + ε)."""
    return first_line(arithmetic, one, two, 1, False, **game)


def lower_first(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """Second case as printed: exp(β^-i Q² − ε)."""
    return first_line(arithmetic, one, two, -1, False, **game)


def first_inside(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """Both cases with exp(β^-i (Q² ± ε))."""
    upper = first_line(arithmetic, one, two, 1, True, **game)
    lower = first_line(arithmetic, one, two, -1, True, **game)
    return sides(np.stack([upper.left, lower.left]), np.stack([upper.right, lower.right]))


def first_signed(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """β^i times both sides of :func:`first_inside`."""
    step, x = first_inside(arithmetic, one, two, **game), game["beta_agent"]
    return sides(step.left * x, step.right * x)


def second_line(arithmetic: Arithmetic, q: Numbers, epsilon: Numbers, **game: Numbers) -> Any:
    """(β^i/β^-i) log Σ exp(β^-i Q + ε) P against (β^i/β^-i) log Σ exp(β^-i Q) P + ε, at each a."""
    stage = Stage.of(arithmetic, q, **game)
    ratio = stage.x / stage.y
    left = ratio * inner(stage, stage.y * q + epsilon)
    return sides(left, ratio * inner(stage, stage.y * q) + epsilon)


def second_bracket(arithmetic: Arithmetic, q: Numbers, epsilon: Numbers, **game: Numbers) -> Any:
    """The same with ε under the factor: (β^i/β^-i)[log Σ exp(β^-i Q) P + ε]."""
    stage = Stage.of(arithmetic, q, **game)
    ratio = stage.x / stage.y
    left = ratio * inner(stage, stage.y * q + epsilon)
    return sides(left, ratio * (inner(stage, stage.y * q) + epsilon))


def second_inside(arithmetic: Arithmetic, q: Numbers, epsilon: Numbers, **game: Numbers) -> Any:
    """(β^i/β^-i) log Σ exp(β^-i (Q + ε)) P against (β^i/β^-i) log Σ exp(β^-i Q) P + β^i ε."""
    stage = Stage.of(arithmetic, q, **game)
    ratio = stage.x / stage.y
    left = ratio * inner(stage, stage.y * (q + epsilon))
    return sides(left, ratio * inner(stage, stage.y * q) + stage.x * epsilon)


def third_line(
    arithmetic: Arithmetic, exponents: Numbers, agent_prior: Numbers, epsilon: Numbers
) -> Any:
    """log Σ_a exp(g(a) + ε) p against ε + log Σ_a exp(g(a)) p; g [A]."""
    left = arithmetic.log((agent_prior * arithmetic.exp(exponents + epsilon)).sum(axis=0))
    right = arithmetic.log((agent_prior * arithmetic.exp(exponents)).sum(axis=0))
    return sides(left, epsilon + right)


def third_bracket(
    arithmetic: Arithmetic,
    logs: Numbers,
    agent_prior: Numbers,
    epsilon: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
) -> Any:
    """log Σ_a exp((β^i/β^-i)(L(a) + ε)) p against ε + log Σ_a exp((β^i/β^-i) L(a)) p."""
    ratio = beta_agent / beta_opponent
    moved = third_line(arithmetic, ratio * logs, agent_prior, ratio * epsilon)
    still = third_line(arithmetic, ratio * logs, agent_prior, epsilon)
    return sides(moved.left, still.right)


def upper_chain(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """First case, ends: ε + V(Q²) against V(Q¹)."""
    stage = Stage.of(arithmetic, one, **game)
    left = arithmetic.norm(one - two) + printed_value(stage, two)
    return sides(left, printed_value(stage, one))


def lower_chain(arithmetic: Arithmetic, one: Numbers, two: Numbers, **game: Numbers) -> Any:
    """Second case, ends: V(Q¹) against V(Q²) − ε."""
    stage = Stage.of(arithmetic, one, **game)
    right = printed_value(stage, two) - arithmetic.norm(one - two)
    return sides(printed_value(stage, one), right)


def last_step(
    arithmetic: Arithmetic, one: Numbers, two: Numbers, transition: Numbers, gamma: Numbers
) -> Any:
    """γ max |V¹ − V²| against ‖T Q¹ − T Q²‖, T without γ; one, two are values [S]."""
    reach = arithmetic.norm(successor(transition, one - two))
    return sides(gamma * arithmetic.norm(one - two), reach)


def last_step_discounted(
    arithmetic: Arithmetic, one: Numbers, two: Numbers, transition: Numbers, gamma: Numbers
) -> Any:
    """The same with γ in T."""
    step = last_step(arithmetic, one, two, transition, gamma)
    return sides(step.left, gamma * step.right)


def prove_second_inside() -> list[Proof]:
    x, y, logs, epsilon = reals("x y L epsilon")
    p, t, e = positive("P"), positive("t"), positive("e")
    return [
        prove_zero(p * (t * e) - e * (p * t), "Σ P e^{β^-i(Q+ε)} = e^{β^-i ε} Σ P e^{β^-i Q}"),
        prove_zero(x / y * (logs + y * epsilon) - (x / y * logs + x * epsilon), "its logarithm"),
    ]


def prove_second_bracket() -> list[Proof]:
    x, y, logs, epsilon = reals("x y L epsilon")
    p, t, e = positive("P"), positive("t"), positive("e")
    return [
        prove_zero(p * (t * e) - e * (p * t), "Σ P e^{β^-i Q + ε} = e^ε Σ P e^{β^-i Q}"),
        prove_zero(
            x / y * (logs + epsilon) - x / y * (logs + epsilon), "its logarithm, times β^i/β^-i"
        ),
    ]


def prove_third() -> Proof:
    p, t, e = positive("p"), positive("t"), positive("e")
    return prove_zero(p * (t * e) - e * (p * t), "Σ p e^{g+ε} = e^ε Σ p e^g, term by term")


# -- claims ----------------------------------------------------------------------------------------


def _pairs(agent: str = "both") -> Family:
    return stage_family(beta(agent, high=8), one=MATRIX, two=MATRIX, **PRIORS)


LINES = stage_family(beta(high=4), beta(high=4), q=MATRIX, epsilon=number(), **PRIORS)
ONE, ZERO = [[1]], [[0]]
DYNAMICS = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", gamma="[0, 1)")
VALUES = instances(
    {"states": (1, 3), "actions": (1, 3), "opponent_actions": (1, 3)},
    one=array("states"),
    two=array("states"),
    transition=distribution("states", "actions", "opponent_actions", "states", degenerate=True),
    gamma=discount(),
)


def _two_signs(step: str, gap: Any, instance: dict[str, Any], statement: str) -> None:
    """The printed first line of one case for β^i > 0, for each sign of β^-i."""
    for name, sign, value, why in (
        (
            "positive",
            PLUS,
            2,
            "ε beside β^-i Q² stands for ε/β^-i beside Q²: too little if β^-i > 1",
        ),
        ("negative", MINUS, -1, "for β^-i < 0 it moves V(Q²) the wrong way"),
    ):
        row(
            f"report.A.4.1.{step}-{name}.printed",
            "refuted",
            "report A.4.1",
            rf"{statement}, \quad \beta^i > 0, \ \beta^{{-i}} {'>' if value > 0 else '<'} 0",
            f"The ε must stand inside: β^-i (Q² ± ε). As printed, {why}.",
            stage_scope(PLUS, sign),
            Counterexample(gap, {**instance, "beta_agent": 1, "beta_opponent": value}),
        )


row(
    "report.A.4.1.target.printed",
    "refuted",
    "report A.4.1; report (157)",
    r"\max_s |V^1(s) - V^2(s)| \le \|Q^1 - Q^2\|_\infty = \varepsilon, \ V \text{ of (157)}",
    "What A.4.1 sets out to show is false for |β^i| > 1: V of (157) is V^i, and moves by β^i c "
    "when Q moves by c.",
    stage_scope(),
    Counterexample(value_bound, {"one": ONE, "two": ZERO, "beta_agent": 2, "beta_opponent": 1}),
)
row(
    "report.A.4.1.target.corrected",
    "proved",
    "report A.4.1; report (157)",
    r"\max_s |V^1(s) - V^2(s)| \le |\beta^i|\,\|Q^1 - Q^2\|_\infty",
    "Equivalently, V/β^i is non-expansive, for both signs. (The printed bound is right if |β^i| "
    "<= 1.)",
    stage_scope(),
    Deduction(
        ("report.034.values.corrected", "report.033.temperature.corrected"),
        "substitution of equals",
        "V of (157) is β^i times the agent's value",
    ),
    inequality(value_bound_scaled, _pairs()),
)
row(
    "report.A.4.1.target-small-beta.added",
    "proved",
    "report A.4.1; report (34)",
    r"|\beta^i| \le 1 \Rightarrow \max_s |V^1(s) - V^2(s)| \le \|Q^1 - Q^2\|_\infty",
    "Where the printed statement is true, though by another proof: its steps fail there too.",
    stage_scope("[-1, 0) u (0, 1]"),
    Deduction(("report.A.4.1.target.corrected",), "chain of inequalities", "|β^i| ε <= ε"),
    inequality(value_bound, stage_family(beta(high=1), one=MATRIX, two=MATRIX, **PRIORS)),
)
_two_signs(
    "upper-step-1",
    upper_first,
    {"one": ONE, "two": ZERO},
    r"V(Q^1) \le \log\int\exp(\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}Q^2 + "
    r"\varepsilon)P)P",
)
_two_signs(
    "lower-step-1",
    lower_first,
    {"one": ZERO, "two": ONE},
    r"V(Q^1) \ge \log\int\exp(\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}Q^2 - "
    r"\varepsilon)P)P",
)
row(
    "report.A.4.1.step-1-negative-agent.printed",
    "refuted",
    "report A.4.1",
    r"V(Q^1) \le \log\int\exp(\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}(Q^2 + "
    r"\varepsilon))"
    r"P)P \text{ for every sign of } \beta^i",
    "Even with ε inside, V is β^i times a value: for β^i < 0 it falls where Q rises and both "
    "inequalities turn round.",
    stage_scope(),
    Counterexample(first_inside, {"one": ZERO, "two": ONE, "beta_agent": -1, "beta_opponent": 1}),
)
row(
    "report.A.4.1.step-1.corrected",
    "proved",
    "report A.4.1",
    r"\beta^i\left(V(Q^2 \pm \varepsilon) - V(Q^1)\right) \gtrless 0, \ "
    r"V(Q^2 \pm \varepsilon) = \log\int\exp(\tfrac{\beta^i}{\beta^{-i}}\log\int"
    r"\exp(\beta^{-i}(Q^2 \pm \varepsilon))P)P",
    "With ε inside, and the direction that the sign of β^i asks for; that of β^-i does not matter.",
    stage_scope(),
    Deduction(
        (MONOTONE, "report.033.temperature.corrected"),
        "composition of monotone shift-equivariant maps",
        "Q² − ε <= Q¹ <= Q² + ε, and V/β^i is monotone in Q",
    ),
    inequality(first_signed, _pairs()),
)
for case, epsilon, sign in (("upper", 1, "+"), ("lower", -1, "-")):
    row(
        f"report.A.4.1.{case}-step-2.printed",
        "refuted",
        "report A.4.1",
        rf"\tfrac{{\beta^i}}{{\beta^{{-i}}}}\log\int\exp(\beta^{{-i}}Q {sign} \varepsilon)P = "
        rf"\tfrac{{\beta^i}}{{\beta^{{-i}}}}\log\int\exp(\beta^{{-i}}Q)P {sign} \varepsilon",
        "ε comes out of (β^i/β^-i) log with the factor β^i/β^-i: right only for β^i = β^-i.",
        stage_scope(),
        Counterexample(
            second_line,
            {"q": ZERO, "epsilon": epsilon, "beta_agent": 2, "beta_opponent": 1},
            "== 0",
        ),
    )
    row(
        f"report.A.4.1.{case}-step-3-bracket.printed",
        "refuted",
        "report A.4.1",
        rf"\log\int\exp(\tfrac{{\beta^i}}{{\beta^{{-i}}}}[L(a) {sign} \varepsilon])P = "
        rf"{sign}\varepsilon "
        r"+ \log\int\exp(\tfrac{\beta^i}{\beta^{-i}}L(a))P",
        "Read with ε under the factor, step 2 is right and step 3 is not: what comes out is "
        "(β^i/β^-i) ε.",
        stage_scope(),
        Counterexample(
            third_bracket,
            {
                "logs": [0],
                "agent_prior": [1],
                "epsilon": epsilon,
                "beta_agent": 2,
                "beta_opponent": 1,
            },
            "== 0",
        ),
    )
row(
    "report.A.4.1.step-2-bracket.printed",
    "proved",
    "report A.4.1",
    r"\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}Q + \varepsilon)P = "
    r"\tfrac{\beta^i}{\beta^{-i}}\left[\log\int\exp(\beta^{-i}Q)P + \varepsilon\right]",
    "Step 2 in the other reading of the line (both signs of ε).",
    stage_scope(),
    Symbolic(prove_second_bracket),
    identity(second_bracket, LINES),
)
row(
    "report.A.4.1.step-2.corrected",
    "proved",
    "report A.4.1",
    r"\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}(Q + \varepsilon))P = "
    r"\tfrac{\beta^i}{\beta^{-i}}\log\int\exp(\beta^{-i}Q)P + \beta^i\varepsilon",
    "With ε inside, β^-i ε comes out of the logarithm and becomes β^i ε.",
    stage_scope(),
    Symbolic(prove_second_inside),
    identity(second_inside, LINES),
)
row(
    "report.A.4.1.step-3.printed",
    "proved",
    "report A.4.1",
    r"\log\int\exp(g(a) + \varepsilon)P = \varepsilon + \log\int\exp(g(a))P",
    "Right, for both signs of ε, in the reading with ε beside (β^i/β^-i) log.",
    scope(actions=">= 1"),
    Symbolic(prove_third),
    identity(
        third_line,
        instances(
            {"actions": (1, 3)}, exponents=array("actions"), agent_prior=AGENT, epsilon=number()
        ),
    ),
)
row(
    "report.A.4.1.upper-chain.printed",
    "refuted",
    "report A.4.1",
    r"V(Q^1) \le \varepsilon + V(Q^2)",
    "The ends of the first case: false for β^i > 1 (and for β^i < −1, with Q¹ below Q²).",
    stage_scope(),
    Counterexample(upper_chain, {"one": ONE, "two": ZERO, "beta_agent": 2, "beta_opponent": 1}),
)
row(
    "report.A.4.1.lower-chain.printed",
    "refuted",
    "report A.4.1",
    r"V(Q^1) \ge -\varepsilon + V(Q^2)",
    "The ends of the second case: the same.",
    stage_scope(),
    Counterexample(lower_chain, {"one": ZERO, "two": ONE, "beta_agent": 2, "beta_opponent": 1}),
)
row(
    "report.A.4.1.conclusion.printed",
    "refuted",
    "report A.4.1; report (34)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\max_s|V^1(s) - V^2(s)|, \ T \text{ without } \gamma",
    "From values to (34): the operator of (157) has no γ to give.",
    DYNAMICS,
    Counterexample(last_step, {"one": [1], "two": [0], "transition": [[[[1]]]], "gamma": "9/10"}),
)
row(
    "report.A.4.1.conclusion.corrected",
    "proved",
    "report A.4.1; report (34)",
    r"\|TQ^1 - TQ^2\|_\infty \le \gamma\max_s|V^1(s) - V^2(s)|, \ T \text{ with } \gamma",
    "An expectation is non-expansive.",
    DYNAMICS,
    Deduction(
        ("report.A.4.1.expectation.added",),
        "non-expansive after a discounted expectation",
    ),
    inequality(last_step_discounted, VALUES),
)
row(
    "report.A.4.1.expectation.added",
    "proved",
    "report A.4.1",
    r"|E_{P}[V]| \le \max_s |V(s)|",
    "F at β = 0: the expectation is a free energy.",
    scope(outcomes=">= 1"),
    Deduction(("free-energy.non-expansive",), "special case", "β = 0, y = 0"),
)
