"""The policy gradient of the average reward: one recurrent class. FURTHER Prop. 3, (17), (21).

    ∇ρ = Σ_x μ(x) Σ_a ∇π(a|s) q(x, a),    q(x, a) = r(x, a) − ρ + Σ_y p(y|x, a) v(y),   x = (s, θ)
    ρ' − ρ = Σ_x μ(x) Σ_a (π' − π)(a|s) q'(x, a)                  for any two policies π, π'

U may see a^i; it must not see θ^i. The proof's steps are in further_gradient_steps, several
recurrent classes in further_gradient_classes. Shapes as in _further; ``other`` [S, A] is π', a
direction is π' − π.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    AGENT,
    GAME,
    GAMES,
    UNICHAIN,
    Joint,
    gain_and_value,
    joint_family,
    onwards,
    sample,
    stationary,
    symbols,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


class Policy(Joint):
    """The joint chain with what is needed of it: ρ, v, q [n, A], μ and π laid on n."""

    def solved(self) -> tuple[Numbers, Numbers, Numbers]:
        """ρ, v [n] and q [n, A]; v(0) = ρ."""
        gain, value = gain_and_value(self.arithmetic, self.chain(), self.mean_reward())
        return gain, value, self.on_pairs(self.q(value, gain))

    def on_pairs(self, table: Numbers) -> Numbers:
        """[S, O, A] as [n, A]."""
        return table.reshape(-1, *table.shape[2:])

    def laid(self, policy: Numbers) -> Numbers:
        """π(a|s) [S, A] at every (s, θ), [n, A]."""
        return np.repeat(policy, len(self.opponent), axis=0)

    def rows(self) -> Numbers:
        """p(y|x, a), [n, A, n]."""
        law = self.moves()
        states, parameters, actions = law.shape[:3]
        size = states * parameters
        return law.reshape(size, actions, size, *law.shape[5:])

    def slope(self, direction: Numbers, update_slope: Numbers = None) -> tuple[Numbers, Numbers]:
        """dρ and dv along ``direction`` [S, A] (and dU), by differentiating the equations."""
        chain, (_, value, _) = self.chain(), self.solved()
        moved = type(self)(
            self.arithmetic, self.transition, direction, self.opponent, self.update, self.reward
        )
        right = moved.mean_reward() + onwards(moved.chain(), value)
        if update_slope is not None:
            changed = type(self)(
                self.arithmetic, self.transition, self.agent, self.opponent, update_slope
            )
            right = right + onwards(changed.chain(), value)
        gain, slope = gain_and_value(self.arithmetic, chain, right)
        return gain, slope

    def theorem(self, direction: Numbers, q: Numbers) -> Numbers:
        """Σ_x μ(x) Σ_a ∇π(a|s) q(x, a)."""
        law = stationary(self.arithmetic, self.chain())
        return (law * (self.laid(direction) * q).sum(axis=1)).sum(axis=0)


def pair(arithmetic: Arithmetic, agent: Numbers, other: Numbers, game: dict[str, Any]) -> Any:
    """The game under π and under π'."""
    return Policy(arithmetic, agent=agent, **game), Policy(arithmetic, agent=other, **game)


def theorem(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """dρ along π' − π against Prop. 3."""
    here = Policy(arithmetic, agent=agent, **game)
    direction = other - agent
    return sides(here.slope(direction)[0], here.theorem(direction, here.solved()[2]))


def blind_theorem(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """The same with q made from U averaged over a^i: τ^{-i} that does not contain a^i."""
    here = Policy(arithmetic, agent=agent, **game)
    weights = agent[None, :, :, None, None, None]
    mean = (weights * here.update).sum(axis=2)[:, :, None]
    game["update"] = np.broadcast_to(mean, here.update.shape)
    blind = Policy(arithmetic, agent=agent, **game)
    gain, value, _ = here.solved()
    direction = other - agent
    return sides(
        here.slope(direction)[0], here.theorem(direction, here.on_pairs(blind.q(value, gain)))
    )


def reading_theorem(
    arithmetic: Arithmetic, agent: Numbers, other: Numbers, update_slope: Numbers, **game: Numbers
) -> Any:
    """dρ where U changes with θ^i by ``update_slope``, against Prop. 3."""
    here = Policy(arithmetic, agent=agent, **game)
    direction = other - agent
    gain, _ = here.slope(direction, update_slope)
    return sides(gain, here.theorem(direction, here.solved()[2]))


def difference(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """ρ' − ρ against Σ μ Σ_a (π' − π) q'."""
    here, there = pair(arithmetic, agent, other, game)
    change = there.solved()[0] - here.solved()[0]
    return sides(change, here.theorem(other - agent, there.solved()[2]))


def with_baseline(
    arithmetic: Arithmetic, agent: Numbers, other: Numbers, baseline: Numbers, **game: Numbers
) -> Any:
    """Prop. 3 with q and with q + b(s, θ), b [S, O]."""
    here = Policy(arithmetic, agent=agent, **game)
    q = here.solved()[2]
    shifted = q + baseline.reshape(-1, *baseline.shape[2:])[:, None]
    direction = other - agent
    return sides(here.theorem(direction, q), here.theorem(direction, shifted))


# -- proofs ----------------------------------------------------------------------------------------


def prove_difference() -> Proof:
    mu, first, ahead, dv = symbols("mu first ahead dv")
    term = mu * (first + ahead - dv) - mu * first - mu * (ahead - dv)
    what = "μ times (18) term by term; Σ μ (P dv − dv) = 0 and Σ μ = 1"
    return prove_zero(term, what)


def prove_baseline() -> Proof:
    mu, dp, q, b = symbols("mu dp q b")
    what = "the difference is Σ_x μ(x) b(x) Σ_a ∇π(a|s), and Σ_a ∇π = ∇1 = 0"
    return prove_zero(mu * dp * (q + b) - mu * dp * q - (mu * b) * dp, what)


# -- claims ----------------------------------------------------------------------------------------

PLAY = joint_family(**GAME, other=AGENT)
#: one state, two policies of the other, who plays b = θ and copies a; reward b
COPYING = {
    "transition": [[[[1], [1]], [[1], [1]]]],
    "opponent": [[[1, 0]], [[0, 1]]],
    "update": [[[[[[1, 0]]] * 2, [[[0, 1]]] * 2]]] * 2,
    "reward": [[[0, 1], [0, 1]]],
    "agent": [["1/2", "1/2"]],
    "other": [[0, 1]],
}

row(
    "further.prop3.corrected",
    "proved",
    "FURTHER Prop. 3",
    r"\text{one recurrent class: } \nabla J = \sum_{s, \theta^{-i}} \mu(s, \theta^{-i}) "
    r"\sum_{a^i} \nabla\pi(a^i|s) \sum_{a^{-i}} \pi(a^{-i}|s; \theta^{-i})\, q",
    "The theorem holds, for μ and so for every mean over k of k-periodic laws.",
    GAMES,
    Deduction(
        ("further.021.difference.added", "further.019.mean.added"),
        ("derivative of a difference", "substitution of equals"),
        "q' is a rational function of π', regular at π as long as there is one recurrent class",
    ),
    sample(theorem, PLAY),
    assumes=(UNICHAIN + ", also for policies near π",),
)
row(
    "further.prop3.influence.added",
    "proved",
    "FURTHER Prop. 3",
    r"\text{Prop. 3 holds for every } \mathcal{U}^{-i}(\theta'|\theta, s, a^i, a^{-i}, s')",
    "It survives an update that sees a^i: q(s, θ, a) keeps a^i inside U, so Σ_a' ∇π(a^i) weighs "
    "the influence of each own action.",
    GAMES,
    Deduction(
        ("further.prop3.corrected",),
        "special case",
        "nothing was asked of U but that it does not contain θ^i",
    ),
    sample(theorem, PLAY),
    assumes=(UNICHAIN,),
)
row(
    "further.prop3.blind.added",
    "refuted",
    "FURTHER Prop. 3",
    r"\text{Prop. 3 with } \tau^{-i} \text{ without } a^i, \text{ that is } q \text{ from } "
    r"\textstyle\sum_{a^i} \pi\, \mathcal{U}^{-i}",
    "The superscript of τ^{-i} must not mean that a^i is left out of the transition. A learner who "
    "copies a, reward b: the slope is 1; averaged over a^i, q does not depend on a^i, and gives 0.",
    GAMES,
    Counterexample(blind_theorem, COPYING, "== 0"),
)
row(
    "further.prop3.baseline.added",
    "proved",
    "FURTHER Prop. 3",
    r"q \to q + b(s, \theta^{-i}) \text{ leaves } \nabla J",
    "So the constant that (15) leaves open in v does no harm, nor does a baseline.",
    GAMES,
    Symbolic(prove_baseline),
    sample(
        with_baseline, joint_family(**GAME, other=AGENT, baseline=array("states", "parameters"))
    ),
)
row(
    "further.017.reads-policy.added",
    "refuted",
    "FURTHER (17); FURTHER Prop. 3",
    r"\text{(17) and Prop. 3 hold for learners who read } \theta^i \text{ itself}",
    "Learners who differentiate through or best-respond to agent i's policy, not to its actions, "
    "add Σ μ Σ π ∇U v. A learner who plays 1 with the probability that i does: slope 1, not 0.",
    GAMES,
    Counterexample(
        reading_theorem,
        {
            **COPYING,
            "update": [[[[[["1/2", "1/2"]]] * 2] * 2]] * 2,
            "update_slope": [[[[[["-1/2", "1/2"]]] * 2] * 2]] * 2,
        },
        "== 0",
    ),
)
row(
    "further.021.difference.added",
    "proved",
    "FURTHER (21); FURTHER Prop. 3",
    r"\rho' - \rho = \sum_x \mu(x) \sum_a (\pi' - \pi)(a|s)\, q'(x, a)",
    "Exact for any two policies: no limit, no derivative. The gradient theorem is its limit.",
    GAMES,
    Symbolic(prove_difference),
    sample(difference, PLAY),
    assumes=(UNICHAIN + " under both",),
)
row(
    "further.E.2.period.printed",
    "proved",
    "FURTHER E.2; FURTHER I",
    r"k > 1 \text{ by } k \text{ consecutive samples: the same objective and gradient as } k = 1",
    "With one recurrent class k changes neither J nor ∇J, only how samples are correlated. The "
    "effect of k that appendix I leaves open is none in expectation.",
    GAMES,
    Deduction(
        ("further.prop3.corrected", "further.007.printed"),
        "conjunction",
        "both are averages against (1/k) Σ_ℓ μ_k(·|ℓ) = μ",
    ),
    assumes=(UNICHAIN,),
)
