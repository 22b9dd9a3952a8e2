"""What the policies of two players follow: a right worth x of their actions, or a wrong one.

    the first mover     x = F_b[q], or E_b[q − (log ρ − log P)/β] where ρ is the other's policy
    who answers         x = q

b stands for the other's actions. Names say what is wrong; those of wrong free energies end in it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.systems.candidates import cost
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.deep.systems.wrong import F_WITH, MARGINAL, TRANSPOSED, TWINS, variants
from tabular_marl.deep.systems.wrong_steps import PLAYERS, wrongs_of

if TYPE_CHECKING:
    from tabular_marl.deep.systems.recipe import RecipeSystem


def worths(
    system: RecipeSystem, player: int, tables: Tables
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Candidates for x by name, broadcasting to q, and which of them are right."""
    step, other = system.of_player(player), system.of_player(1 - player)
    whose, along = PLAYERS[1 - player], 2 - player
    law, q = tables.policy(whose), tables.q
    charge = cost(getattr(tables, f"log_{whose}"), other)
    answers = step is system.answer or step.given
    found: dict[str, Tensor] = {}
    right: list[str] = []
    for kind, both in ({"q": q} | variants(q, tables.twin) | {"twin": tables.twin}).items():
        mean = (law * both).sum(along, keepdim=True)
        if answers:
            found[kind], best = both, [kind]
        else:
            charged = (law * charge).sum(along, keepdim=True)
            found |= {
                f"F_b[{kind}]": system.partial_q(both),
                f"E_b[{kind}]": mean,
                f"the mean over b of {kind}": both.mean(along, keepdim=True),
                f"max_b {kind}": both.amax(along, keepdim=True),
                f"min_b {kind}": both.amin(along, keepdim=True),
                f"E_b[{kind} − log ratio/β]": mean - charged,
                f"E_b[{kind} + log ratio/β]": mean + charged,
            }
            best = [f"F_b[{kind}]", f"E_b[{kind} − log ratio/β]"]
            best += [f"E_b[{kind}]"] if other.given else []
        right += best if kind in ("q", "twin", TWINS[0]) else []
    return found, tuple(right)


def rarer(system: RecipeSystem, player: int, tables: Tables) -> dict[str, Tensor]:
    """More that is wrong: free energies, what the other's policy says, the actions exchanged."""
    step, other = system.of_player(player), system.of_player(1 - player)
    along, q = 2 - player, tables.q
    answers, found = step is system.answer, {}
    if answers:
        laws = {"": tables.policy(PLAYERS[1 - player])}
        laws |= {", as given": other.log_prior.exp()} if other.given else {}
        found = {MARGINAL + form: (x * q).sum(along, keepdim=True) for form, x in laws.items()}
    else:
        for beta, prior, told in itertools.chain(*wrongs_of(system, 1 - player)):
            found[F_WITH + told] = free_energy(q, prior, beta, along).unsqueeze(along)
    if q.shape[1] == q.shape[2] > 1:
        exchanged = q.transpose(1, 2)
        found[TRANSPOSED] = exchanged if answers else system.partial_q(exchanged)
    return found
