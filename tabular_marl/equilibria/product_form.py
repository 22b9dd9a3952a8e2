"""Balancing-Q in product form, its objective as stated: independent π and ρ.     report (17)-(19)

    π(a|s) ∝ P_prior(a|s) exp(β^i  E_ρ[Q(s,a,·)]),      Q(s,a,b) = R + γ E_{s'}[V(s')]
    ρ(b|s) ∝ P_prior(b|s) exp(β^-i E_π[Q(s,·,b)])
    V(s)   = E_{π ρ}[Q(s,·,·)] − KL(π‖P_prior)/β^i − KL(ρ‖P_prior)/β^-i

These are the stationary points of (17) under the factorisation (18): logit equilibria. (20) and
(21) solve something else, as their answers are conditional on the other's move (balancing_q.py).

Opposite signs: π maximises what ρ minimises, the saddle is unique and proved (saddle.py).
One sign: there can be several; the one returned lies on the branch from λ = 0, β = λ (β^i, β^-i),
at λ = 1, and Krawczyk's theorem proves that it exists and is alone nearby (krawczyk.py). With
an opponent_reward that differs the game is general-sum: ρ answers its own Q^-i, and V has no KL
terms unless evaluation="regularised" (each player then pays its own).

The three values of a common objective, proved order by order of the signs (V_A: the agent commits
first, V_O: the opponent does, both with answers conditional; V_P: product form):

    β^i > 0 > β^-i    V_A ≤ V_P ≤ V_O        answering with knowledge helps whoever answers
    β^i < 0 < β^-i    V_O ≤ V_P ≤ V_A
    both > 0          V_P ≤ V_A, V_O          a product is one of the joint policies maximised over
    both < 0          V_A, V_O ≤ V_P
    any signs         β^i ≥ β^-i  ⇒  V_A ≤ V_O        Minkowski's inequality for mixed norms

In one state by the variational form of the free energy; for γ > 0 since each of the operators is
monotone (the ledger's rows report.019.order-*, report.025.order). A player with β = 0 cannot
answer: V_P is then the other player's first-mover value.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.equilibria.exploitability import exploitability
from tabular_marl.equilibria.logit import LogitBranch, logit_equilibria
from tabular_marl.equilibria.system import Evaluation, Game, common_interest
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.balancing_q import balancing_q
from tabular_marl.models.recursive import independent_priors
from tabular_marl.models.solve import two_player
from tabular_marl.solution import Array, Enclosure, Solution, Status
from tabular_marl.validation import InputError, finite_array, one_of, positive, read_only

#: Equilibria with more unknowns than this are not proved unless ``certify`` is called.
PROVED_BY_DEFAULT = 120
#: Up to this precision the two policies alone prove the saddle's value: V is not refined.
SADDLE_BITS = 64


@dataclass(frozen=True)
class ProductForm(Solution):
    """A logit equilibrium as a Solution; joint_policy[s, a, b] = π(a|s) ρ(b|s).

    ``value`` and ``q`` are the agent's, ``opponent_value`` the opponent's; agent_q[s, a] and
    opponent_q[s, b] are each player's own Q in expectation over the other. ``unique``: no other
    equilibrium exists (a theorem). ``branch`` is the path from λ = 0 with its folds.
    """

    opponent_value: Array | None = None
    unique: bool = False
    evaluation: str = ""
    branch: LogitBranch | None = field(default=None, repr=False, compare=False)
    game: StochasticGame | None = field(default=None, repr=False, compare=False)

    def details(self) -> dict[str, Any]:
        """What a logit equilibrium holds beside a Solution's fields."""
        assert self.branch is not None
        assert self.game is not None
        gains = exploitability(self.game, (self.agent_policy, self.opponent_policy))
        return {
            "opponent_value": self.opponent_value,
            "evaluation": self.evaluation,
            "unique": self.unique,
            "branch_status": "The only equilibrium." if self.unique else self.branch.status.value,
            "folds": [turn.inverse_temperature for turn in self.branch.folds],
            "bifurcations": [turn.inverse_temperature for turn in self.branch.bifurcations],
            "exploitability": gains.largest,
        }


def logit(
    game: Game,
    beta_agent: float,
    beta_opponent: float,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    evaluation: Evaluation | None = None,
    discount: float | None = None,
    method: Literal["auto", "homotopy"] = "auto",
    tol: float = 1e-10,
    on_failure: Literal["raise", "return"] = "raise",
) -> ProductForm:
    """The product-form equilibrium of Balancing-Q, and of general-sum games at (β^i, β^-i).

    ``beta_agent``, ``beta_opponent`` finite, of any signs, in 1/reward; each is β of the player's
    *own* reward, so in a game without opponent_reward a negative one minimises the agent's.
    ``agent_prior`` [a] or [s, a], ``opponent_prior`` [b] or [s, b]. ``evaluation``: see
    :func:`tabular_marl.logit_equilibria`. Where the equilibrium need not be unique the status says
    so. Raises InputError, NotConverged (its ``partial`` is the LogitBranch).
    Source: report (17)-(19).

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[3.0, 1.0], [2.0, 4.0]])
    >>> saddle = tm.logit(game, beta_agent=2.0, beta_opponent=-2.0)
    >>> saddle.unique, saddle.value.round(6), saddle.error_bound < 1e-12
    (True, array([2.551034]), True)
    """
    started = time.perf_counter()
    one_of("method", method, ("auto", "homotopy"))
    betas = finite_array("(beta_agent, beta_opponent)", [beta_agent, beta_opponent])
    tol = positive("tol", tol)
    seen = two_player(game, discount)
    priors = independent_priors(seen.num_states, seen.action_counts, agent_prior, opponent_prior)
    branch = logit_equilibria(seen, 1.0, betas.tolist(), priors, evaluation, on_failure=on_failure)
    if not branch.equilibria:
        raise InputError("on_failure", "be 'raise' here", "the branch never reached these β")
    found = branch.equilibria[-1]
    pi, rho = found.policies
    one, two = found.values
    q = _q(seen, seen.reward, one)
    other = q if common_interest(seen) else _q(seen, seen.player_reward(1), two)
    shared = common_interest(seen) and branch.system.evaluation == "regularised"
    saddle = shared and betas[0] * betas[1] <= 0
    zero_sum = seen.opponent_reward is not None and np.array_equal(
        seen.opponent_reward, -seen.reward
    )
    unique = bool(saddle or (zero_sum and seen.discount == 0 and betas[0] * betas[1] >= 0))

    unknowns = branch.system.arrays[3].size + found.values.size

    def certify(bits: int) -> Enclosure:
        if saddle and (bits <= SADDLE_BITS or unknowns > PROVED_BY_DEFAULT):
            return _saddle(seen, betas.tolist(), branch, (pi, rho), one, bits)
        proof = found.certify(bits)
        return Enclosure(
            read_only(proof.values[0, 0].copy()), read_only(proof.values[1, 0].copy()),
            proof.value_midpoint, proof.value_radius, proof.method, bits, proof.seconds,
        )  # fmt: skip

    bound = None
    if saddle or unknowns <= PROVED_BY_DEFAULT:
        try:
            proof = certify(SADDLE_BITS)
            bound = float(max((proof.upper - one).max(), (one - proof.lower).max()))
        except ArithmeticError:
            bound = None
    if unique and bound is not None:
        status = Status.CONVERGED if bound <= tol else Status.FLOOR
    else:
        status = Status.CANDIDATE if bound is None else Status.EQUILIBRIUM
    joint = pi[:, :, None] * rho[:, None, :]
    return ProductForm(
        value=read_only(one.copy()),
        q=read_only(q),
        agent_policy=read_only(pi.copy()),
        opponent_policy=read_only(rho.copy()),
        agent_q=read_only((q * rho[:, None, :]).sum(axis=2)),
        opponent_q=read_only((other * pi[:, :, None]).sum(axis=1)),
        joint_policy=read_only(joint),
        status=status,
        iterations=branch.steps,
        residual=found.residual,
        error_bound=bound,
        history=(),
        seconds=time.perf_counter() - started,
        method="homotopy",
        model="logit",
        certifier=certify,
        opponent_value=read_only(two.copy()),
        unique=unique,
        evaluation=branch.system.evaluation,
        branch=branch,
        game=seen,
    )


@dataclass(frozen=True)
class ThreeValues:
    """Balancing-Q in its three forms at the same β's, and the order proved for their signs."""

    agent_first: Solution
    product_form: ProductForm
    opponent_first: Solution
    order: str


def three_values(
    game: Game,
    beta_agent: float,
    beta_opponent: float,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
) -> ThreeValues:
    """Agent first (20), opponent first (21) and the product form (18) of the agent's reward.

    Arguments as for :func:`tabular_marl.logit`. Raises InputError, NotConverged.
    Source: report (17)-(25).

    >>> import tabular_marl as tm
    >>> three = tm.three_values(tm.MatrixGame([[3.0, 1.0], [2.0, 4.0]]), 2.0, -2.0)
    >>> forms = (three.agent_first, three.product_form, three.opponent_first)
    >>> [round(form.value.item(), 4) for form in forms]
    [2.0544, 2.551, 2.9922]
    >>> three.order
    'agent first <= product form <= opponent first'
    """
    seen = two_player(game, discount)
    common = StochasticGame(seen.transition, seen.reward, discount=seen.discount)
    beta, priors = (beta_agent, beta_opponent), (agent_prior, opponent_prior)
    return ThreeValues(
        balancing_q(common, *beta, "agent", *priors),
        logit(common, *beta, *priors),
        balancing_q(common, *beta, "opponent", *priors),
        proved_order(*beta),
    )


def proved_order(beta_agent: float, beta_opponent: float) -> str:
    """The order of the three values that the module docstring proves for these β's."""
    one, two = beta_agent, beta_opponent
    first, product, second = "agent first", "product form", "opponent first"
    if one == 0 == two:
        return f"{first} = {product} = {second}"
    if one * two <= 0:
        low, high = (first, second) if one >= two else (second, first)
        return f"{low} <= {product} <= {high}"
    low, high = (first, second) if one >= two else (second, first)
    chain = f"{low} = {high}" if one == two else f"{low} <= {high}"
    return f"{product} <= {chain}" if one > 0 else f"{chain} <= {product}"


def _q(game: StochasticGame, reward: Array, value: Array) -> Array:
    """Q[s, a, b] of one player."""
    if game.discount == 0:
        return np.array(reward)
    future = np.asarray(game.transition_rows @ value).reshape(reward.shape)
    return np.asarray(reward + game.discount * future)


def _saddle(
    game: StochasticGame,
    betas: list[float],
    branch: LogitBranch,
    policies: tuple[Array, Array],
    value: Array,
    bits: int,
) -> Enclosure:
    """saddle.enclose for either order of the signs: swapping both negates the reward."""
    from tabular_marl.equilibria.saddle import enclose

    sign = 1.0 if betas[0] > 0 or betas[1] < 0 else -1.0
    rows = game.transition_rows
    dense = rows.toarray() if game.is_sparse else np.asarray(rows)
    rows = dense.reshape(*game.reward.shape, game.num_states)
    prior = branch.system.split(branch.system.arrays[3])
    proof = enclose(
        sign * game.reward,
        rows,
        game.discount,
        (sign * betas[0], sign * betas[1]),
        (prior[0], prior[1]),
        policies,
        sign * value,
        bits,
    )
    if sign > 0:
        return proof
    middle = tuple(m[1:] if m.startswith("-") else f"-{m}" for m in proof.midpoint)
    return Enclosure(
        read_only(-proof.upper), read_only(-proof.lower), middle, proof.radius, proof.method,
        bits, proof.seconds,
    )  # fmt: skip
