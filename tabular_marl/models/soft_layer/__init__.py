"""The soft single-agent layer: what its losses, samples and particles find.     report (58)-(68)

losses      the losses (59)-(61), (63), (66), (68) on a table, and their exact minimisers
importance  the sampled soft values (62), (65): their exact expectation with K samples
svgd        Stein particles (64) on an action line: where they come to rest
"""

from tabular_marl.models.soft_layer.importance import (
    BiasBounds,
    SampledFreeEnergy,
    sampled_balancing_value,
    sampled_bias_bounds,
    sampled_free_energy,
    sampled_soft_q,
)
from tabular_marl.models.soft_layer.losses import (
    Minimum,
    action_value_loss,
    best_action_value,
    best_policy,
    best_value,
    policy_loss,
    residual_loss,
    value_loss,
)
from tabular_marl.models.soft_layer.svgd import (
    ActionLine,
    Particles,
    resting_particle,
    stein_direction,
    stein_particles,
)

__all__ = [
    "ActionLine",
    "BiasBounds",
    "Minimum",
    "Particles",
    "SampledFreeEnergy",
    "action_value_loss",
    "best_action_value",
    "best_policy",
    "best_value",
    "policy_loss",
    "residual_loss",
    "resting_particle",
    "sampled_balancing_value",
    "sampled_bias_bounds",
    "sampled_free_energy",
    "sampled_soft_q",
    "stein_direction",
    "stein_particles",
    "value_loss",
]
