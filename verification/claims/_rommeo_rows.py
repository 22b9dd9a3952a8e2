"""What the ``rommeo_*`` claims share besides formulas: families of instances, scopes.

In an instance the last axis of a distribution sums to one: agent_prior [S, B, A], opponent_prior
[S, B], agent [T+1, S, B, A], opponent [T+1, S, B].
"""

from __future__ import annotations

from collections.abc import Mapping

from tabular_marl.verification.methods import Sampling
from tabular_marl.verification.relation import Gap
from tabular_marl.verification.scope import scope
from tabular_marl.verification.strategies import (
    Field,
    array,
    beta,
    discount,
    distribution,
    instances,
)

# -- families and scopes ------------------------------------------------------------------------

#: the claim that KL(q ‖ p) >= 0, wherever it lives
GIBBS = "kl.nonnegative"

STAGE_SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}
SIZES = {"states": (1, 3), **STAGE_SIZES}
SMALL = {"states": (1, 2), "actions": (1, 2), "opponent_actions": (1, 2)}
TIMES = {"times": (1, 3)}

STAGE_SCOPE = scope(actions=">= 1", opponent_actions=">= 1")
_EVERY = {"states": ">= 1", "actions": ">= 1", "opponent_actions": ">= 1", "beta": "(-inf, inf)"}
ANY_BETA = scope(**_EVERY)
GAMES = scope(**_EVERY, gamma="[0, 1]")
PLAYS = scope(**_EVERY, gamma="[0, 1]", times=">= 1")
UNDISCOUNTED = scope(**_EVERY, times=">= 1")


def stage_fields() -> dict[str, Field]:
    """q [A, B], priors, policies: one state, one time."""
    return {
        "q": array("actions", "opponent_actions"),
        "agent_prior": distribution("opponent_actions", "actions"),
        "opponent_prior": distribution("opponent_actions"),
        "agent": distribution("opponent_actions", "actions"),
        "opponent": distribution("opponent_actions"),
    }


def game_fields(discounted: bool = True) -> dict[str, Field]:
    """A game with its priors, β and γ."""
    fields: dict[str, Field] = {
        "reward": array("states", "actions", "opponent_actions"),
        "transition": distribution(
            "states", "actions", "opponent_actions", "states", degenerate=True
        ),
        "beta": beta("both", zero=True, high=4),
        "agent_prior": distribution("states", "opponent_actions", "actions"),
        "opponent_prior": distribution("states", "opponent_actions"),
    }
    return {**fields, "gamma": discount(high=1)} if discounted else fields


def policy_fields(agent: str = "agent", opponent: str = "opponent") -> dict[str, Field]:
    """Time-dependent policies."""
    return {
        agent: distribution("times", "states", "opponent_actions", "actions"),
        opponent: distribution("times", "states", "opponent_actions"),
    }


def stationary_fields(agent: str = "agent", opponent: str = "opponent") -> dict[str, Field]:
    """Policies of one time."""
    return {
        agent: distribution("states", "opponent_actions", "actions"),
        opponent: distribution("states", "opponent_actions"),
    }


def play_fields() -> dict[str, Field]:
    """A game, where it starts, and policies."""
    return {"initial": distribution("states"), **game_fields(), **policy_fields()}


# -- samples ------------------------------------------------------------------------------------


def sample(
    gap: Gap,
    fields: Mapping[str, Field],
    relation: str = ">= 0",
    sizes: Mapping[str, tuple[int, int]] = SIZES,
    where: Gap | None = None,
) -> Sampling:
    """Support for a row that is also proved: 2 000 games, no directed search."""
    family = instances(sizes, **fields)
    return Sampling(gap, family, relation, where, examples=2000, batched=True, search=False)
