"""What implementations get wrong at s', and what each mistake is called."""

from __future__ import annotations

import torch
from torch import Tensor

#: The two critics' combinations; the first is the right one.
TWINS = ("min(q, twin)", "the mean of q and twin", "max(q, twin)")

#: What a policy may follow in place of its worth; after the first comes what is wrong.
F_WITH = "F_b[q] with "
MARGINAL = "the other's expectation of q"
TRANSPOSED = "q at (b, a)"

_ONE = ("V(s') aggregated from {}", "E[{}(s') − log ratios/β]", "E[{}(s')] without log ratios")

#: candidate -> the mistake that it is.
LABELS: dict[str, str] = {
    "E[q(s')] without log ratios": "the entropy is missing",
    "E[min(q, twin)(s')] without log ratios": "the entropy is missing",
    "max q(s')": "a hard maximum for the soft value",
    "min q(s')": "a hard minimum for the soft value",
    "max over a of min over b of q(s')": "hard extrema for the soft value",
    "max over a of E_b q(s')": "a hard maximum for the soft value",
    "mean of q(s')": "a uniform policy at s'",
    "V(s') with the players' order exchanged": "the players' order is exchanged",
    "V(s') with 1/β for β": "the temperature for its inverse",
    "V(s') with −β for β": "the sign of β",
    "V(s') without priors (sums for means)": "the priors are missing (sums for means)",
    "V(s') with uniform priors": (
        "uniform priors for the given ones, or importance weights of uniform proposals missing"
    ),
    "V(s') with the policies for the priors": (
        "the policies for the priors, or importance weights of proposals from the policy, missing"
    ),
    "q(s') at the replayed actions": "actions at s' are the replayed ones, not the policy's",
    "E[q(s')] at the replayed opponent's action": (
        "the opponent's action at s' is the replayed one, and the entropy is missing"
    ),
    **{form.format(TWINS[1]): "the twins' mean for their minimum" for form in _ONE},
    **{form.format(TWINS[2]): "the twins' maximum for their minimum" for form in _ONE},
}

#: The same where nothing is charged: a free energy is then wrong in itself.
PLAIN_LABELS = LABELS | {
    "V(s') with the players' order exchanged": (
        "the divergences charged, which EM evaluates without"
    )
}


def variants(q: Tensor, twin: Tensor) -> dict[str, Tensor]:
    """The combinations of two critics, by name."""
    found = (torch.minimum(q, twin), (q + twin) / 2, torch.maximum(q, twin))
    return dict(zip(TWINS, found, strict=True))
