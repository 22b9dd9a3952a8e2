"""What the proof of Prop. 1 takes for granted, step by step. FURTHER Prop. 1, (19).

    step 2   p is a Markov matrix                            it is
    step 3   the policies are a Markov chain                 not where U sees τ
    step 4   two joint classes need two of T                 two cycles in step refute it
    step 5   communicating T: one class of states under π    not under every π
    end      the periodic law is unique                      the stationary one is

Noise that makes the joint chain aperiodic leaves no law but the stationary one, for any ε > 0.
Shapes: as in _further and further_uniqueness; periodic laws [k, n].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    AGENT,
    GAMES,
    OPPONENT,
    UNICHAIN,
    UPDATE,
    Joint,
    T,
    backwards,
    chain_family,
    joint_family,
    sample,
    states_alone,
    symbols,
    within,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_uniqueness import (
    IN_STEP,
    ONE,
    SWAP,
    parts_connected,
    two_laws,
    visits,
)

# -- formulas --------------------------------------------------------------------------------------


def row_sums(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
) -> Numbers:
    """Σ_{s', θ'} p(s', θ'|s, θ) − 1."""
    return Joint(arithmetic, transition, agent, opponent, update).chain().sum(axis=1) - 1


def seen_state(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    update: Numbers,
) -> Any:
    """p(θ'|s=0, θ) against p(θ'|s=1, θ)."""
    law = Joint(arithmetic, transition, agent, opponent, update).chain()
    size = len(opponent)
    law = law.reshape(-1, size, len(transition), size).sum(axis=2)
    return sides(law[0], law[1])


def periodic_pair(arithmetic: Arithmetic, chain: Numbers, first: Numbers, second: Numbers) -> Any:
    """Two k-periodic laws [k, n] of one chain, which uniqueness makes equal."""
    return sides(first, second)


def both_periodic(
    arithmetic: Arithmetic, chain: Numbers, first: Numbers, second: Numbers
) -> Numbers:
    """μ(·|ℓ+1) = μ(·|ℓ) P cyclically for both; one recurrent class."""
    parts = []
    for laws in (first, second):
        for step in range(len(laws)):
            parts.append(backwards(laws[step - 1], chain) - laws[step])
    return np.concatenate([within(arithmetic, *parts), visits(arithmetic, chain)])


def one_state_chain(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    first: Numbers,
    second: Numbers,
) -> Any:
    """Two laws of the states under one policy."""
    return sides(first, second)


def state_laws(
    arithmetic: Arithmetic,
    transition: Numbers,
    agent: Numbers,
    opponent: Numbers,
    first: Numbers,
    second: Numbers,
) -> Numbers:
    """Both stationary; T communicates: under uniform actions state 0 is reached, and left."""
    (chain,) = states_alone(transition, agent, opponent)
    every = transition.sum(axis=(1, 2)) / arithmetic.number(int(np.prod(transition.shape[1:3])))
    moved = [backwards(law, chain) - law for law in (first, second)]
    flipped = every[::-1, ::-1]
    connected = [visits(arithmetic, every), visits(arithmetic, flipped)]
    return np.concatenate([within(arithmetic, *moved), *connected])


def graph_bound(
    arithmetic: Arithmetic, transition: Numbers, agent: Numbers, opponent: Numbers
) -> Numbers:
    """P_θ(s'|s) − π(a|s) π(b|s; θ) T(s'|s, a, b) for every a, b."""
    alone = states_alone(transition, agent, opponent)
    joint = agent[None, :, :, None] * opponent[:, :, None, :]
    return alone[:, :, None, None] - joint[:, :, :, :, None] * transition[None]


def lazy_pair(arithmetic: Arithmetic, epsilon: Numbers, first: Numbers) -> Any:
    """Two steps of the lazy swap that ends where it began, and the uniform law."""
    chain = np.stack([np.stack([epsilon, 1 - epsilon]), np.stack([1 - epsilon, epsilon])])
    twice = backwards(backwards(first, chain), chain)
    return sides(twice[0] - first[0], 4 * epsilon * (1 - epsilon) * (first[1] - first[0]) / 2)


def after_earlier_actions(arithmetic: Arithmetic, update: Numbers) -> Any:
    """U(θ'|a_{t−1}, a_t) after the one and the other a_{t−1}; update [2, A, O]."""
    return sides(update[0], update[1])


# -- proofs ----------------------------------------------------------------------------------------


def prove_row_sums() -> Proof:
    pi, rho, t, u = symbols("pi rho T U")
    sums = pi * rho * t * u
    what = "Σ_θ' U = 1, then Σ_s' T = 1, Σ_b π = 1, Σ_a π = 1: each sum acts on one factor alone"
    return prove_zero(sums.subs(u, 1).subs(t, 1).subs(rho, 1).subs(pi, 1) - 1, what)


def prove_graph_bound() -> Proof:
    one, rest = positive("one"), positive("rest")
    return prove_nonnegative(one + rest - one, "a sum of terms >= 0 is at least each of them")


def prove_lazy() -> Proof:
    e, p = symbols("epsilon p")
    back = p * (e**2 + (1 - e) ** 2) + (1 - p) * 2 * e * (1 - e)
    return prove_zero(back - p - 2 * e * (1 - e) * (1 - 2 * p), "μP² − μ at p = μ(0)")


# -- claims ----------------------------------------------------------------------------------------

row(
    "further.prop1.step2.printed",
    "proved",
    "FURTHER Prop. 1",
    r"\sum_{s', \theta'} \sum_a \pi(a|s; \theta)\, \mathcal{T}(s'|s, a)\, "
    r"\mathcal{U}_\epsilon(\theta'|\theta, \tau) = 1",
    "p is a Markov matrix, with U inside the sum over s' because τ contains s'.",
    GAMES,
    Symbolic(prove_row_sums),
    sample(
        row_sums,
        joint_family(transition=T, agent=AGENT, opponent=OPPONENT, update=UPDATE),
    ),
    assumes=("τ is the one transition (s, a, r, s')",),
)
row(
    "further.prop1.history.added",
    "refuted",
    "FURTHER Prop. 1",
    r"(s, \theta) \text{ is a Markov chain for updates that see a longer } \tau",
    "p is a kernel on (s, θ) only where τ is the transition at hand. A learner that copies the "
    "last action but one needs that action in the state, as does one with a replay buffer.",
    scope(actions=">= 1", parameters=">= 1"),
    Counterexample(after_earlier_actions, {"update": [[[1, 0], [1, 0]], [[0, 1], [0, 1]]]}, "== 0"),
)


row(
    "further.prop1.step3.printed",
    "refuted",
    "FURTHER Prop. 1",
    r"\mathcal{U}_\epsilon \text{ is a Markov chain of policies: } p(\theta'|s, \theta) \text{ "
    r"does not depend on } s",
    "“Contains a single recurrent class of policies” needs such a chain. U sees τ, so θ alone is "
    "none: two states, and an update that copies the state.",
    GAMES,
    Counterexample(
        seen_state,
        {
            "transition": [[[[1, 0]]], [[[0, 1]]]],
            **ONE,
            "update": [[[[[[1, 0], [1, 0]]]], [[[[0, 1], [0, 1]]]]]] * 2,
        },
        "== 0",
    ),
)


row(
    "further.prop1.step4.printed",
    "refuted",
    "FURTHER Prop. 1",
    r"p_\epsilon \text{ has several recurrent classes and the policies one} \Rightarrow "
    r"\mathcal{T} \text{ has several}",
    "The step on which the contradiction rests; the swap in step refutes it.",
    GAMES,
    Counterexample(two_laws, IN_STEP, "== 0", where=parts_connected),
)


row(
    "further.prop1.step5.printed",
    "refuted",
    "FURTHER Prop. 1",
    r"\mathcal{T} \text{ communicating} \Rightarrow \text{one recurrent class of states under } "
    r"\pi",
    "Communicating means that some actions lead from everywhere to everywhere. A policy that never "
    "takes them (two states, actions stay and go, always stay) leaves two classes.",
    GAMES,
    Counterexample(
        one_state_chain,
        {
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[1, 0]]]],
            "agent": [[1, 0], [1, 0]],
            "opponent": [[[1], [1]]],
            "first": [1, 0],
            "second": [0, 1],
        },
        "== 0",
        where=state_laws,
    ),
)


row(
    "further.prop1.step5.corrected",
    "proved",
    "FURTHER Prop. 1",
    r"\mathcal{T} \text{ communicating, } \pi(a|s; \theta) > 0 \Rightarrow \text{one recurrent "
    r"class of states under every } \theta",
    "With policies of full support, such as softmax or trembling ones, the chain has every edge "
    "of T.",
    GAMES,
    Deduction(
        ("further.prop1.edges.added",),
        "common reachable state",
        "every edge of T is an edge of P_θ, so every state is reached from everywhere",
    ),
    assumes=("every action has positive probability",),
)


row(
    "further.prop1.edges.added",
    "proved",
    "FURTHER Prop. 1",
    r"P_\theta(s'|s) \ge \pi(a|s)\,\pi(b|s; \theta)\,\mathcal{T}(s'|s, a, b)",
    "",
    GAMES,
    Symbolic(prove_graph_bound),
    sample(graph_bound, joint_family(transition=T, agent=AGENT, opponent=OPPONENT), ">= 0"),
)


row(
    "further.prop1.periodic.printed",
    "refuted",
    "FURTHER Prop. 1; FURTHER (19)",
    r"\text{one recurrent class} \Rightarrow \text{the } k\text{-periodic } \mu_k(\cdot|\ell) "
    r"\text{ is unique}",
    "The citation is about the stationary distribution. A cycle of two has two 2-periodic ones, "
    "each the other a step later; noise in U alone leaves the period of T.",
    scope(states=">= 1", period=">= 1"),
    Counterexample(
        periodic_pair,
        {"chain": SWAP, "first": [[1, 0], [0, 1]], "second": [[0, 1], [1, 0]]},
        "== 0",
        where=both_periodic,
    ),
)


row(
    "further.prop1.periodic.corrected",
    "proved",
    "FURTHER Prop. 1; FURTHER (19)",
    r"\text{one recurrent class, aperiodic} \Rightarrow \mu_k(\cdot|\ell) \text{ is unique and the "
    r"stationary } \mu \text{ for every } \ell",
    "So with noise that makes the joint chain aperiodic nothing periodic is left for any ε > 0, "
    "nor in the limit: “jointly-stable periodic” is then jointly stable and stationary.",
    scope(states=">= 1", period=">= 1"),
    Deduction(
        ("further.019.each.corrected", "further.019.powers.added"),
        ("convergence of a finite chain", "substitution of equals"),
        "μ_k(·|ℓ) = μ_k(·|ℓ) P^{km} for every m, and P^{km} → 1 μ",
    ),
    assumes=(UNICHAIN, "aperiodic"),
)


row(
    "further.prop1.order.added",
    "proved",
    "FURTHER Prop. 1; FURTHER (19)",
    r"P_\epsilon = \big(\begin{smallmatrix} \epsilon & 1-\epsilon \\ 1-\epsilon & \epsilon "
    r"\end{smallmatrix}\big): \ (\mu P_\epsilon^2 - \mu)(0) = 2\epsilon(1-\epsilon)(1 - 2\mu(0))",
    "The limits do not commute. For ε in (0, 1) only the uniform law has period 2; at ε = 0 every "
    "law has. So the set of periodic laws jumps at ε = 0, and the stable one is stationary.",
    scope(epsilon="[0, 1]"),
    Symbolic(prove_lazy),
    sample(
        lazy_pair,
        chain_family(epsilon=number(0, 1), first=distribution(2)),
    ),
)
