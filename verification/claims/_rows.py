"""How a file of claims states one row of the ledger."""

from __future__ import annotations

from tabular_marl.verification.claim import Check, Claim
from tabular_marl.verification.ledger import register
from tabular_marl.verification.scope import Scope


def row(
    claim_id: str,
    expects: str,
    source: str,
    statement: str,
    note: str,
    about: Scope,
    *checks: Check,
    assumes: tuple[str, ...] = (),
    rests_on: tuple[str, ...] = (),
) -> Claim:
    """Register a claim; its reading is the last part of its id."""
    return register(
        Claim(
            id=claim_id,
            source=source,
            reading=claim_id.rsplit(".", 1)[1],
            statement=statement,
            scope=about,
            checks=checks,
            expects=expects,
            assumes=assumes,
            note=note,
            rests_on=rests_on,
        )
    )
