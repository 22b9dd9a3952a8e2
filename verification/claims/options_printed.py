"""The two printed systems of soft options against (72), and as equations to iterate.

    (73)-(75)    Q^H = E_π[Q],  V^H = (1/m) log Σ_z exp Q^H
    (172)-(174)  Q^H = V,       V^H = (1/m) log Σ_z exp V

Neither solves (72). With a γ put into (76) the second is still a γ-contraction, so that iterating
it converges, elsewhere; the first is none, since E_π[Q] is not even monotone in Q. Shapes as in
``_options``.
"""

from __future__ import annotations

from tabular_marl.verification import Counterexample, Deduction, array, discount, scope, sides
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import inequality
from tabular_marl.verification.claims._options import (
    GAME,
    MONOTONE,
    SHIFT,
    STAGE,
    Options,
    Play,
    family,
    mean,
    outside,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- against (72) ----------------------------------------------------------------------------------


def printed_system(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """(72), T = 0, at (73)-(75) as printed (the master normalised), minus at the corrected ones."""
    options = Options.of(arithmetic, q)
    value, low = options.low_soft(q), options.low_tilt(q)
    average = mean(q, low)
    stop = options.stop_tilt(value, outside(arithmetic, average))
    printed = options.value(q, low, options.master_tilt(average), stop)
    return printed - options.soft(q)


row(
    "report.072.solution.printed",
    "refuted",
    "report (72); report (73); report (74); report (75)",
    r"\text{(73), (74), (75) as printed maximise (72)}",
    "The closed form of 2.1, the master's policy normalised in its favour. One option, Q = (1, −1)"
    ": it terminates with another probability than the prior's, for nothing.",
    STAGE,
    Counterexample(printed_system, {"q": [[[1, -1]]]}),
)


def printed_appendix(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """The same at (172)-(174) as printed."""
    options = Options.of(arithmetic, q)
    value, low = options.low_soft(q), options.low_tilt(q)
    stop = options.stop_tilt(value, outside(arithmetic, value))
    return options.value(q, low, options.master_tilt(value), stop) - options.soft(q)


row(
    "report.072.appendix.printed",
    "refuted",
    "report (72); report (172); report (173); report (174)",
    r"\text{(172), (173), (174) as printed maximise (72)}",
    "Here the master is right up to its normaliser, but 1/m outside the logarithm reaches the "
    "termination policy through V^H. Two options alike.",
    STAGE,
    Counterexample(printed_appendix, {"q": [[[0], [0]]]}),
)


# -- iterated --------------------------------------------------------------------------------------


def arrival(options: Options, q: Numbers, main_text: bool) -> Numbers:
    """U(s,z_) of the printed systems: Q^H of (74) or of (173), 1/m outside the logarithm."""
    value = options.low_soft(q)
    table = mean(q, options.low_tilt(q)) if main_text else value
    return options.stop_soft(value, outside(options.arithmetic, table))


def shrinks(play: Play, value: Numbers, other: Numbers, main_text: bool) -> Numbers:
    """γ ‖U − W‖ − ‖TU − TW‖."""
    norm = play.options.arithmetic.norm
    one, two = (arrival(play.options, play.backup(u), main_text) for u in (value, other))
    return play.gamma * norm(value - other) - norm(one - two)


def averages(arithmetic: Arithmetic, q: Numbers, rise: Numbers) -> Sides:
    """E_π[Q] after a rise of Q and before; uniform priors."""
    options = Options.of(arithmetic, q)
    before, after = (mean(table, options.low_tilt(table)) for table in (q, q + rise))
    return sides(after, before)


row(
    "report.074.monotone.added",
    "refuted",
    "report (74); report (177)",
    r"Q \le Q' \Rightarrow E_{\pi}[Q] \le E_{\pi'}[Q'],\ \pi \propto P e^{Q},\ "
    r"\pi' \propto P e^{Q'}",
    "(74)'s Q^H is no free energy: when the poorer of two actions gets better it is chosen more "
    "often, and the mean falls. Q = (3, 0) and (3, 1).",
    STAGE,
    Counterexample(averages, {"q": [[[3, 0]]], "rise": [[[0, 1]]]}),
)


def main_text_distance(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    value: Numbers,
    other: Numbers,
) -> Numbers:
    """The distance for (73)-(75) as printed, one option; uniform priors."""
    like = value[:, :, None] + 0 * reward[:, None]
    play = Play(Options.of(arithmetic, like), reward, transition, gamma)
    return shrinks(play, value, other, main_text=True)


GAMMA = scope(states=">= 1", options=">= 1", actions=">= 1", gamma="[0, 1)")
row(
    "report.076.main-text-contraction.added",
    "refuted",
    "report (73); report (74); report (75); report (76)",
    r"\text{(73)-(75) as printed, } \gamma \text{ put into (76)}: \ \|TU - TW\|_\infty \le \gamma "
    r"\|U - W\|_\infty",
    "So nothing is known of the convergence of the system of the main text.",
    GAMMA,
    Counterexample(
        main_text_distance,
        {
            "reward": [[3, 0], [0, 0], [0, 0]],
            "transition": [
                [[0, 1, 0], [0, 0, 1]],
                [[0, 1, 0], [0, 1, 0]],
                [[0, 0, 1], [0, 0, 1]],
            ],
            "gamma": "9/10",
            "value": [[0], ["-1/2"], ["1/2"]],
            "other": [[0], ["1/2"], ["-1/2"]],
        },
    ),
)


def appendix_distance(
    arithmetic: Arithmetic, value: Numbers, other: Numbers, gamma: Numbers, **game: Numbers
) -> Numbers:
    """The distance for (172)-(174) as printed."""
    reward, transition = game.pop("reward"), game.pop("transition")
    options = Options.of(arithmetic, game["low_prior"], **game)
    return shrinks(Play(options, reward, transition, gamma), value, other, main_text=False)


row(
    "report.076.appendix-contraction.added",
    "proved",
    "report (76); report (172); report (173); report (174)",
    r"\text{(172)-(174) as printed, } \gamma \text{ put into (170)}: \ "
    r"\|TU - TW\|_\infty \le \gamma \|U - W\|_\infty",
    "(1/m) log Σ exp moves by at most 1/m of its argument. So the printed appendix can be iterated "
    "to one solution, which is not that of (72).",
    GAMMA,
    Deduction(
        (MONOTONE, SHIFT),
        (
            "monotone and shift-equivariant implies non-expansive",
            "chain of inequalities",
            "non-expansive after a discounted expectation",
        ),
        "V is non-expansive, V^H as printed even 1/m-Lipschitz in V, U in the pair of the two",
    ),
    inequality(
        appendix_distance,
        family(
            GAME,
            {
                "value": array("states", "options"),
                "other": array("states", "options"),
                "gamma": discount(),
            },
        ),
    ),
)
