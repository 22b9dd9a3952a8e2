"""The policy gradient of the average reward. FURTHER Prop. 3, (16)-(21).

    ∇ρ = Σ_x μ(x) Σ_a ∇π(a|s) q(x, a),    q(x, a) = r(x, a) − ρ + Σ_y p(y|x, a) v(y),   x = (s, θ)

Every step of the proof has a twin without derivatives, exact for any two policies π, π':

    (16)  v' − v = Σ_a (π' − π) q' + Σ_a π (q' − q)
    (17)  q' − q = −(ρ' − ρ) + P_a (v' − v)
    (21)  ρ' − ρ = Σ_x μ(x) Σ_a (π' − π)(a|s) q'(x, a)

and π' → π gives the document's. U may see a^i; it must not see θ^i. With several recurrent classes
a term is missing: what the policy of transient x does to the class that is reached. Shapes as in
_further; ``other`` [S, A] is π', a direction is π' − π.
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
    distribution,
    instances,
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
    backwards,
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


def product_rule(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(16): v' − v against Σ (π' − π) q' + Σ π (q' − q)."""
    here, there = pair(arithmetic, agent, other, game)
    (_, v, q), (_, v2, q2) = here.solved(), there.solved()
    right = here.laid(other - agent) * q2 + here.laid(agent) * (q2 - q)
    return sides(v2 - v, right.sum(axis=1))


def action_values(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(17): q' − q against −(ρ' − ρ) + P_a (v' − v)."""
    here, there = pair(arithmetic, agent, other, game)
    (rho, v, q), (rho2, v2, q2) = here.solved(), there.solved()
    return sides(q2 - q, rho - rho2 + (here.rows() * (v2 - v)).sum(axis=2))


def rearranged(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(18): ρ' − ρ against Σ (π' − π) q' + P (v' − v) − (v' − v), at every x."""
    here, there = pair(arithmetic, agent, other, game)
    (rho, v, _), (rho2, v2, q2) = here.solved(), there.solved()
    first = (here.laid(other - agent) * q2).sum(axis=1)
    return sides(rho2 - rho + 0 * v, first + onwards(here.chain(), v2 - v) - (v2 - v))


def dotted(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(18) with Σ_a π(·|s) read to the letter: the whole policy, of mass 1, once for each a."""
    here = Policy(arithmetic, agent=agent, **game)
    direction = other - agent
    gain, slope = here.slope(direction)
    first = (here.laid(direction) * here.solved()[2]).sum(axis=1)
    ahead = (here.rows() * slope).sum(axis=(1, 2))
    return sides(gain + 0 * slope, first + ahead - slope)


def weighted(arithmetic: Arithmetic, agent: Numbers, other: Numbers, **game: Numbers) -> Any:
    """(20), (21): Σ μ (P (v' − v)) against Σ μ (v' − v)."""
    here, there = pair(arithmetic, agent, other, game)
    change = there.solved()[1] - here.solved()[1]
    law = stationary(arithmetic, here.chain())
    ahead = (law * onwards(here.chain(), change)).sum(axis=0)
    return sides(ahead, (backwards(law, here.chain()) * change).sum(axis=0))


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


def two_ends(
    moves: Numbers, reward: Numbers, agent: Numbers, other: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """From state 0 to 1 or 2, which are never left: dJ, the term of Prop. 3, the missing term.

    moves [A, 3] from 0, reward [3, A], policies [3, A].
    """
    direction = other - agent
    law = (agent[0][:, None] * moves).sum(axis=0)
    gain1, gain2 = ((agent * reward).sum(axis=1)[k] for k in (1, 2))
    leave = law[1] + law[2]
    gain0 = (law[1] * gain1 + law[2] * gain2) / leave
    turned = (direction[0][:, None] * moves).sum(axis=0)
    paid = (direction * reward).sum(axis=1)
    slope = turned[0] * gain0 + turned[1] * gain1 + turned[2] * gain2
    slope = (slope + law[1] * paid[1] + law[2] * paid[2]) / leave
    stationary_term = (law[1] * paid[1] + law[2] * paid[2]) / leave
    ahead = moves[:, 0] * gain0 + moves[:, 1] * gain1 + moves[:, 2] * gain2
    return slope, stationary_term, (direction[0] * ahead).sum(axis=0) / leave


def without_transient_term(
    arithmetic: Arithmetic, moves: Numbers, reward: Numbers, agent: Numbers, other: Numbers
) -> Any:
    """dJ from state 0 against Prop. 3."""
    slope, first, _ = two_ends(moves, reward, agent, other)
    return sides(slope, first)


def with_transient_term(
    arithmetic: Arithmetic, moves: Numbers, reward: Numbers, agent: Numbers, other: Numbers
) -> Any:
    """dJ from state 0 against Prop. 3 and the missing term."""
    slope, first, second = two_ends(moves, reward, agent, other)
    return sides(slope, first + second)


def against_swapping(arithmetic: Arithmetic, reward: Numbers) -> Any:
    """Best average against a learner that swaps θ: policies of s alone, and of (s, θ).

    One state; reward[θ, a] is paid while θ; half of the time is spent in each θ.
    """
    blind = arithmetic.maximum(reward.sum(axis=0), 0) / 2
    return sides(blind, arithmetic.maximum(reward, 1).sum(axis=0) / 2)


# -- proofs ----------------------------------------------------------------------------------------


def prove_product_rule() -> list[Proof]:
    p, dp, q, dq, e = symbols("p dp q dq epsilon")
    grown = ((p + e * dp) * (q + e * dq)).expand().coeff(e, 1)
    p2, q2 = symbols("p2 q2")
    return [
        prove_zero(
            grown - dp * q - p * dq,
            "term a^i of v: the product rule; π(a^-i|s; θ^-i) is a constant factor",
        ),
        prove_zero(p2 * q2 - p * q - (p2 - p) * q2 - p * (q2 - q), "and without derivatives"),
    ]


def prove_action_values() -> Proof:
    t, u, r, rho, drho, v, dv, e = symbols("T U R rho drho v dv epsilon")
    term = (t * u * (r - (rho + e * drho) + v + e * dv)).expand().coeff(e, 1)
    what = "term (s', θ') of q; ΣTU = 1 collects −∇ρ; T, U and R do not contain θ^i"
    return prove_zero(term - t * u * (dv - drho), what)


def prove_rearranged() -> Proof:
    first, ahead, dv, drho = symbols("first ahead dv drho")
    sixteen = first + (-drho + ahead) - dv
    return prove_zero(sixteen.subs(drho, first + ahead - dv), "(16) with (17), Σ π π = 1, for ∇ρ")


def prove_weighted() -> Proof:
    mu, p, dv = symbols("mu P dv")
    return prove_zero(
        mu * (p * dv) - (mu * p) * dv, "Σ_x μ(x) Σ_y P(x,y) ∇v(y) = Σ_y (μP)(y) ∇v(y)"
    )


def prove_difference() -> Proof:
    mu, first, ahead, dv = symbols("mu first ahead dv")
    term = mu * (first + ahead - dv) - mu * first - mu * (ahead - dv)
    what = "μ times (18) term by term; Σ μ (P dv − dv) = 0 and Σ μ = 1"
    return prove_zero(term, what)


def prove_baseline() -> Proof:
    mu, dp, q, b = symbols("mu dp q b")
    what = "the difference is Σ_x μ(x) b(x) Σ_a ∇π(a|s), and Σ_a ∇π = ∇1 = 0"
    return prove_zero(mu * dp * (q + b) - mu * dp * q - (mu * b) * dp, what)


def prove_multichain() -> list[Proof]:
    r, r2, pv, pv2, v, g = symbols("r r2 Pv P2v v g")
    n, pg2, gx = symbols("N P2g g_x")
    return [
        prove_zero(
            ((r2 + pv2 - v) - (r2 - r + pv2 - pv) - g).subs(g, r + pv - v),
            "g' − P'* g = P'* [(r' − r) + (P' − P) v]: P'* (P'v − v) = 0 and g = r + P v − v",
        ),
        prove_zero(
            n * (pg2 - gx) - n * pg2 + n * gx,
            "P'* g − g = Σ_t P'^t (P' − P) g with P g = g: telescoping; on recurrent x g is one "
            "number and the term 0, so only the visits n'(x) to transient x count",
        ),
    ]


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
ENDS = instances(
    {"states": (3, 3), "parameters": (1, 1), "actions": (1, 3), "opponent_actions": (1, 1)},
    moves=distribution("actions", 3),
    reward=array(3, "actions"),
    agent=distribution(3, "actions"),
    other=distribution(3, "actions"),
)
LEAVING = {
    "moves": [[0, 1, 0], [0, 0, 1]],
    "reward": [[0, 0], [0, 0], [1, 1]],
    "agent": [["1/2", "1/2"]] * 3,
    "other": [[0, 1], ["1/2", "1/2"], ["1/2", "1/2"]],
}

row(
    "further.prop3.printed",
    "refuted",
    "FURTHER Prop. 3; FURTHER (7)",
    r"\nabla J = \tfrac{1}{k}\sum_\ell \sum \mu_k \sum \nabla\pi \sum \pi\, q \text{ for every "
    r"active Markov game}",
    "With no assumption on the chain: an action today may decide which way a learner locks in. "
    "State 0 leads to 1 (reward 0 for ever) or 2 (reward 1); J is the probability of 2, its slope "
    "1, but μ does not visit state 0 and the formula gives 0.",
    GAMES,
    Counterexample(without_transient_term, LEAVING, "== 0"),
)
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
    "further.prop3.multichain.added",
    "proved",
    "FURTHER Prop. 3; FURTHER (7)",
    r"\nabla J = \sum_x \mu(x) \sum_a \nabla\pi\, q(x, a) + \sum_{x \text{ transient}} n(x) "
    r"\sum_a \nabla\pi \sum_y p(y|x, a)\, \rho(y)",
    "For several classes: μ = p_0 P*, n(x) the expected visits to a transient x, ρ(y) the average "
    "from y. The second term is what Prop. 3 leaves out; it vanishes if ρ is one number.",
    GAMES,
    Deduction(
        ("further.prop3.steps.added",),
        "derivative of a difference",
        "J' − J = p_0 P'* [(r' − r) + (P' − P) v] + Σ n'(x) ((P' − P) ρ)(x), with the recurrent "
        "classes the same for π' near π",
    ),
    sample(with_transient_term, ENDS),
    assumes=("the recurrent classes do not change near π: policies of full support",),
)
row(
    "further.prop3.steps.added",
    "proved",
    "FURTHER Prop. 3; FURTHER (7)",
    r"p_0(\rho' - \rho) = p_0 P'^*[(r' - r) + (P' - P)v] + p_0 \textstyle\sum_t P'^t (P' - P)\rho",
    "For two policies with the same recurrent classes.",
    GAMES,
    Symbolic(prove_multichain),
)
row(
    "further.016.printed",
    "proved",
    "FURTHER (16)",
    r"\nabla v = \sum_{a^i} \nabla\pi \sum_{a^{-i}} \pi\, q + \sum_{a^i} \pi \sum_{a^{-i}} \pi\, "
    r"\nabla q",
    "",
    GAMES,
    Symbolic(prove_product_rule),
    sample(product_rule, PLAY),
    assumes=(UNICHAIN,),
)
row(
    "further.017.printed",
    "proved",
    "FURTHER (17)",
    r"\nabla q = -\nabla\rho + \sum_{s'} \mathcal{T} \sum_{\theta^{-i\prime}} \mathcal{U}^{-i}\, "
    r"\nabla v(s', \theta^{-i\prime})",
    "Uses that θ^{-i} and U do not depend on θ^i once τ is given.",
    GAMES,
    Symbolic(prove_action_values),
    sample(action_values, PLAY),
    assumes=(UNICHAIN, "U does not contain θ^i"),
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
    "further.018.printed",
    "refuted",
    "FURTHER (18)",
    r"\nabla\rho = \sum_{a^i} \nabla\pi \sum_{a^{-i}} \pi\, q + \sum_{a^i} \pi(\cdot|s; \theta^i) "
    r"\cdots \nabla v(s', \theta^{-i\prime}) - \nabla v",
    "π(·|s; θ^i) must be π(a^i|s; θ^i): to the letter Σ_{a^i} takes the whole policy once for each "
    "action. A slip: (20) has it right.",
    GAMES,
    Counterexample(
        dotted,
        {
            "transition": [[[[1, 0]], [[0, 1]]], [[[1, 0]], [[1, 0]]]],
            "opponent": [[[1], [1]]],
            "update": [[[[[[1], [1]]]] * 2] * 2],
            "reward": [[[0], [0]], [[1], [1]]],
            "agent": [["1/2", "1/2"]] * 2,
            "other": [[0, 1], ["1/2", "1/2"]],
        },
        "== 0",
    ),
)
row(
    "further.018.corrected",
    "proved",
    "FURTHER (18)",
    r"\nabla\rho = \sum_{a^i} \nabla\pi \sum_{a^{-i}} \pi\, q + \sum_{a^i} \pi(a^i|s; \theta^i) "
    r"\cdots \nabla v(s', \theta^{-i\prime}) - \nabla v",
    "At every (s, θ^{-i}).",
    GAMES,
    Symbolic(prove_rearranged),
    sample(rearranged, PLAY),
    assumes=(UNICHAIN,),
)
row(
    "further.020.printed",
    "proved",
    "FURTHER (20); FURTHER (21)",
    r"\tfrac{1}{k}\sum_\ell \sum \mu_k(\cdot|\ell)\, \nabla J = \nabla J, \text{ and } \sum \mu\, "
    r"\nabla J = \sum \mu\, [\text{right side of (18)}]",
    "Weights that sum to one. (20) prints π(a^i|s; θ^i) where (18) has the dot.",
    GAMES,
    Deduction(
        ("further.018.corrected",),
        "sum of termwise inequalities",
        "(18) is an equation at every (s, θ); weigh it by μ_k(s, θ|ℓ)/k and sum",
    ),
    assumes=(UNICHAIN,),
)
row(
    "further.021.step2.printed",
    "proved",
    "FURTHER (21); FURTHER (19)",
    r"\sum_\ell \sum \mu_k(s, \theta|\ell) \sum \pi \pi\, \mathcal{T}\, \mathcal{U}^{-i} \nabla v "
    r"= \sum_\ell \sum \mu_k(s', \theta'|\ell+1) \nabla v(s', \theta')",
    "Applying (19): here the average over ℓ is enough, since ∇v does not depend on ℓ.",
    GAMES,
    Symbolic(prove_weighted),
    sample(weighted, PLAY),
)
row(
    "further.021.corrected",
    "proved",
    "FURTHER (21); FURTHER Prop. 3",
    r"\nabla J = \tfrac{1}{k}\sum_\ell \sum \mu_k(s_\ell, \theta_\ell|\ell) \sum \nabla\pi \sum "
    r"\pi\, q",
    "The last line, once (19) closes: the two ∇v terms cancel. The statement of Prop. 3 leaves "
    "out the condition on ℓ in μ_k, which this line has.",
    GAMES,
    Deduction(
        (
            "further.020.printed",
            "further.021.step2.printed",
            "further.021.cancel.corrected",
        ),
        "substitution of equals",
        "(20), then (19), then the cancelling",
    ),
    assumes=(UNICHAIN, "μ_k(·|k+1) = μ_k(·|1)"),
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
row(
    "further.007.memory.added",
    "refuted",
    "FURTHER (7); FURTHER E.3",
    r"\max_{\pi(a|s)} \rho = \max_{\pi(a|s, \theta^{-i})} \rho",
    "(7) and Props. 2, 3 write π(a^i|s; θ^i); the pseudo-code plays π(a|s, ẑ^{-i}). It matters: a "
    "learner who swaps at every step, reward 1 for a = θ: 1/2 against 1.",
    GAMES,
    Counterexample(against_swapping, {"reward": [[1, 0], [0, 1]]}, "== 0"),
)
