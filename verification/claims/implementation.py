"""The package's own deep losses, each system's against its exact twin. Needs torch when it runs.

Supported, never proved: floats on random games. ``tabular_marl.deep.crosscheck.tabular`` says which
losses make up which system; where torch is not installed there are no such rows.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from tabular_marl.verification.programs import implementation

PRIOR = [0.2, 0.5, 0.3]
LOW = [[0.6, 0.1], [0.3, 0.2], [0.1, 0.7]]

#: model -> (parameters, the equations that its losses are, the losses)
ROWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "soft-q": (
        {"beta": 1.5, "agent_prior": PRIOR},
        "report (58); report (59); report (60); report (61); report (63)",
        "soft.q_target, q_loss, value_loss, policy_loss",
    ),
    "rommeo": (
        {"beta": 2.0, "agent_prior": PRIOR},
        "report (10); report (11); report (12); report (13); report (14)",
        "joint.partial_q, value; soft.q_loss, value_loss, policy_loss",
    ),
    "pr2": (
        {"beta": -1.0},
        "report (57)",
        "joint.partial_q, value; soft.q_loss, value_loss, policy_loss",
    ),
    "balancing-q": (
        {"beta_agent": 2.0, "beta_opponent": -1.0, "agent_prior": PRIOR},
        "report (65); report (66); report (67); report (68)",
        "joint.partial_q, value; soft.q_loss, value_loss, policy_loss",
    ),
    "fictitious-play": (
        {"beta_agent": 2.0, "beta_opponent": -1.0},
        "report (42); report (46)",
        "joint.partial_q; soft.q_loss, policy_loss; opponent.prior_loss",
    ),
    "perfect-model": (
        {"beta_agent": 2.0, "beta_opponent": 1.0},
        "report (55)",
        "joint.partial_q; soft.q_loss, policy_loss; opponent.prior_loss",
    ),
    "rommeo-em": (
        {"beta": 1.0, "agent_prior": PRIOR},
        "report (89); report (92); report (93)",
        "em.e_step, likelihood_loss, expected_value; soft.q_loss",
    ),
    "options": (
        {"beta": 1.5, "prior": LOW, "termination_prior": [0.3, 0.6]},
        "report (73); report (74); report (75); report (76)",
        "options.low_level_loss, master_loss, termination_loss; soft.q_loss",
    ),
    "further": (
        {"temperature": 0.4},
        "FURTHER (12); FURTHER (13); FURTHER (14)",
        "further.soft_value, critic_target, critic_loss, policy_loss; opponent.prior_loss",
    ),
    "lili": (
        {"temperature": 0.4},
        "FURTHER (25)",
        "further.soft_value, policy_loss; baselines.lili_critic_loss",
    ),
    "masac": (
        {"temperature": 0.4},
        "FURTHER (26)",
        "baselines.masac_critic_loss; further.policy_loss",
    ),
}

if importlib.util.find_spec("torch") is not None:
    for model, (parameters, source, losses) in ROWS.items():
        implementation(
            f"implementation.{model}",
            model,
            parameters,
            shape=(4, 3, 1 if model == "options" else 2),
            seeds=(0, 1),
            source=source,
            statement=rf"\text{{losses.{losses} compute the updates of {model}}}",
            note="E[target] against the NumPy backup; policies' gradients at the tilts of a random "
            "q, and all gradients at the exact solution, against 0.",
        )
