"""When is the learned gain E[r] + α E[H]? FURTHER (12), (13), line 23.

    E_d[δ] = 0, d = μ π p:        ρ = E_μ[r] + α E_μ[H]                    whatever q is
    δ = 0 at every pair:          the same, whatever d is

μ is the stationary law of (s, ẑ) under the present policy and the *decoder*; so the gain is that of
play against the decoder, and of the memory only where the memory is present play. Two critics, and
wrong ones, are in deep_gain_critics. Shapes: as in _deep; ``present`` [n, B] is the others' play.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._deep import (
    DECODER,
    LOSSES,
    MEMORY,
    UNICHAIN,
    Q,
    ahead,
    gain_of,
    loss_family,
    mean,
    played,
    solution,
    value_of,
    visited,
)
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_soft import entropy

# -- formulas --------------------------------------------------------------------------------------


def on_policy(arithmetic: Arithmetic, q: Numbers, **game: Numbers) -> Any:
    """ρ with E_d[δ] = 0 where d is present play, against E_μ[r] + α E_μ[H]."""
    transition, policy, others = game["transition"], game["policy"], game["decoder"]
    value = value_of(arithmetic, q, policy, others, game["alpha"])
    weights = visited(arithmetic, transition, policy, others)
    asked = game["reward"] + ahead(transition, value) - q
    return sides((weights * asked).sum(axis=(0, 1, 2)), gain_of(arithmetic, **game))


def at_rest(arithmetic: Arithmetic, memory: Numbers, **game: Numbers) -> Numbers:
    """Every gradient of (12), of q and of ρ, at the table q = E[y] with that gain."""
    gain, _, q = solution(arithmetic, **game)
    value = value_of(arithmetic, q, game["policy"], game["decoder"], game["alpha"])
    pushes = memory * (game["reward"] - gain + ahead(game["transition"], value) - q)
    total = pushes.sum(axis=(0, 1, 2))
    flat = pushes.reshape(-1, *pushes.shape[3:])
    return np.concatenate([flat, np.asarray(total)[None]])


def of_the_memory(arithmetic: Arithmetic, memory: Numbers, **game: Numbers) -> Any:
    """The gain at the fixed point against E_d[r] + α E_d[H] of the memory, Σ d = 1."""
    paid = game["reward"] + game["alpha"] * entropy(arithmetic, game["policy"])[:, None, None]
    return sides(gain_of(arithmetic, **game), (memory * paid).sum(axis=(0, 1, 2)))


def decoder_error(arithmetic: Arithmetic, present: Numbers, **game: Numbers) -> Any:
    """The gain against the decoder less that against the others' present play, and E of
    Σ_b (p − present)(b) Σ_a π q where play is present."""
    gain, _, q = solution(arithmetic, **game)
    true = gain_of(arithmetic, **{**game, "decoder": present})
    weights = played(game["policy"], game["decoder"]) - played(game["policy"], present)
    law = visited(arithmetic, game["transition"], game["policy"], present).sum(axis=(1, 2))
    return sides(gain - true, (law * mean(weights, q)).sum(axis=0))


def by_decoder(arithmetic: Arithmetic, present: Numbers, **game: Numbers) -> Any:
    """The gain against the decoder, and against the others' present play."""
    true = gain_of(arithmetic, **{**game, "decoder": present})
    return sides(gain_of(arithmetic, **game), true)


# -- proofs ----------------------------------------------------------------------------------------


def prove_on_policy() -> list[Proof]:
    mu, w, p, v, q, alpha, bonus = symbols("mu w P v q alpha H")
    return [
        prove_zero(
            mu * w * (p * v) - (mu * w * p) * v,
            "E[v(x')] = E[v(x)]: Σ μ π p_dec P = μ, term by term",
        ),
        prove_zero(
            mu * (w * q + alpha * bonus) - mu * w * q - alpha * mu * bonus,
            "E[v(x)] − E[q] = α E[H], by (13)",
        ),
    ]


def prove_tabular() -> Proof:
    mu, w, r, rho, p, v, alpha, bonus = symbols("mu w r rho P v alpha H")
    whole = mu * (w * (r - rho + p * v) + alpha * bonus)
    parts = mu * w * r - mu * w * rho + mu * w * p * v + alpha * mu * bonus
    what = "μ times v = Σ π p (r − ρ + P v) + α H; Σ w = 1, and Σ μ w P v = Σ μ v leaves ρ"
    return prove_zero(whole - parts, what)


def prove_decoder_error() -> Proof:
    w, p, present, q, rho = symbols("w p present q rho")
    what = "π present (q + ρ) = π p (q + ρ) − π (p − present) q, as both laws sum to one over b"
    return prove_zero(w * present * q + rho - (w * p * q + rho) + w * (p - present) * q, what)


# -- claims ----------------------------------------------------------------------------------------

GAIN = "FURTHER (12); FURTHER (13)"
ONE_STATE = {
    "reward": [[[0], [1]]],
    "transition": [[[[1]], [[1]]]],
    "policy": [["1/2", "1/2"]],
    "decoder": [[1]],
    "alpha": 1,
    "memory": [[["1/4"], ["3/4"]]],
}
GUESSING = {
    "reward": [[[0, 1]]],
    "transition": [[[[1], [1]]]],
    "policy": [[1]],
    "alpha": 0,
    "decoder": [["1/2", "1/2"]],
    "present": [[0, 1]],
}

row(
    "deep.gain.on-policy.added",
    "proved",
    GAIN,
    r"E_d[\delta] = 0,\ d = \mu\,\pi\,p_{dec} \Rightarrow \rho = E_\mu[r] + \alpha "
    r"E_\mu[\mathcal{H}] \text{ for every } q",
    "On present play, with a calibrated decoder, the gain is right however wrong the critic is, "
    "and for every function class: only ρ itself must rest.",
    LOSSES,
    Symbolic(prove_on_policy),
    sample(on_policy, loss_family(q=Q)),
    assumes=(UNICHAIN, "one critic", "the replayed b has the decoder's law"),
)
row(
    "deep.gain.tabular.added",
    "proved",
    GAIN,
    r"q = E[y|x, a, b] \text{ at every pair} \Rightarrow \rho = E_\mu[r] + \alpha "
    r"E_\mu[\mathcal{H}] \text{ for every memory } d > 0",
    "On a table the memory may be of any policy: its weights do not enter, only its transitions. μ "
    "is the law of (s, ẑ) under the present policy and the decoder.",
    LOSSES,
    Symbolic(prove_tabular),
    sample(at_rest, loss_family(memory=MEMORY)),
    assumes=(UNICHAIN, "every (s, ẑ, a, b) is in the memory"),
)
row(
    "deep.gain.memory.added",
    "refuted",
    GAIN,
    r"\rho = E_d[r] + \alpha E_d[\mathcal{H}] \text{ of the replay memory}",
    "Not where it holds other policies' play. One state, rewards 0 and 1, a fair coin now, three "
    "ones in four in the memory: 1/2, not 3/4, plus log 2.",
    LOSSES,
    Counterexample(of_the_memory, ONE_STATE, "== 0"),
)
row(
    "deep.gain.decoder.added",
    "refuted",
    GAIN,
    r"\rho = E[r] + \alpha E[\mathcal{H}] \text{ of agent } i\text{'s actual play}",
    "It is what agent i would get from others who play as the decoder says. Reward b, b = 1 for "
    "ever, a decoder of fair coins: 1/2.",
    LOSSES,
    Counterexample(by_decoder, GUESSING, "== 0"),
)
row(
    "deep.gain.decoder-error.added",
    "proved",
    GAIN,
    r"\rho - \rho_{true} = E_{\mu_{true}}\big[\textstyle\sum_b (p_{dec} - p_{true})(b|x) \sum_a "
    r"\pi\, q(x, a, b)\big]",
    "By how much. Every table, both gains with entropy.",
    LOSSES,
    Symbolic(prove_decoder_error),
    sample(decoder_error, loss_family(present=DECODER)),
    assumes=(UNICHAIN + ", also under the others' own play",),
)
