"""Witnesses: a counterexample as JSON, small enough to check by hand and replayable for ever.

    {"claim": "report.034.printed", "check": 0, "instance": {"gamma": "9/10", …},
     "relation": ">= 0", "violation": "[-0.9 +/- 1e-38]", "left": …, "right": …,
     "arithmetic": "balls at 128 bits", "bits": 128, "version": "0.1.0",
     "code": "<hash of the gap's source>"}

Replaying recomputes the gap in rationals or balls and needs neither Hypothesis nor SymPy. A witness
against a program (:class:`tabular_marl.verification.methods.Measurement`) runs it again instead.
Committed witnesses live in ``verification/corpus/<claim id>.json``.
"""

from __future__ import annotations

import glob
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular_marl import __version__
from tabular_marl.validation import InputError
from tabular_marl.verification.claim import Claim, fingerprint
from tabular_marl.verification.relation import Decision, plain, settle

CORPUS = Path(__file__).parent / "corpus"
_FIELDS = ("claim", "check", "instance", "relation", "violation", "code")


def make_witness(claim: Claim, check: Any, instance: Any, found: Decision) -> dict[str, Any]:
    """The JSON form of a confirmed violation of ``check`` at ``instance``."""
    return {
        "claim": claim.id,
        "check": claim.checks.index(check),
        "instance": plain(instance),
        "relation": check.relation,
        "violation": found.violation,
        "left": found.left,
        "right": found.right,
        "arithmetic": found.arithmetic,
        "bits": found.bits,
        "version": __version__,
        "code": code_of(check),
        **({"module": claim.module} if claim.module.endswith(".py") else {}),
    }


def code_of(check: Any) -> str:
    """A hash of what a check states: its gap, and its assumption where it has one."""
    where = getattr(check, "where", None)
    return fingerprint(check.gap) if where is None else fingerprint(check.gap, where)


@dataclass(frozen=True)
class Replay:
    """What recomputing a witness says. ``confirmed``: the violation is still certain, and the
    instance is one that the claim is about.

    ``stale``: the gap's code changed since the witness was found.
    """

    claim: str
    source: str
    statement: str
    relation: str
    instance: dict[str, Any]
    confirmed: bool
    stale: bool
    violation: str
    left: str | None
    right: str | None
    arithmetic: str
    recorded: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(self.__dict__)

    def __str__(self) -> str:
        lines = [f"{self.claim} ({self.source})"]
        lines += [f"  {name} = {_shown(value)}" for name, value in self.instance.items()]
        if self.left is not None:
            lines += [f"  left side   {self.left}", f"  right side  {self.right}"]
        lines.append(f"  gap         {self.violation}   (the claim says {self.relation})")
        told = (
            "the miss is clear" if self.arithmetic == "float64" else "the violation excludes zero"
        )
        state = f"confirmed: {told}" if self.confirmed else "NOT confirmed"
        lines.append(f"  {state}, in {self.arithmetic}")
        if self.stale:
            lines.append("  stale: the claim's code changed since this witness was found")
        return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_shown(v) for v in value) + "]"
    return str(value)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A witness file, with one wording for whatever is wrong with it."""
    path = Path(path)
    try:
        witness = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("witness", "be an existing JSON file", f"{path} was not found") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError("witness", "be a JSON file", f"{path} was not ({error})") from None
    missing = [f for f in _FIELDS if not isinstance(witness, dict) or f not in witness]
    if missing:
        raise InputError("witness", f"hold {', '.join(_FIELDS)}", f"{path} lacked {missing[0]}")
    return dict(witness)


def write(witness: dict[str, Any], path: Path) -> None:
    """Write one JSON file atomically."""
    write_text(path, json.dumps(witness, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_again(claim: Claim, witness: dict[str, Any]) -> Replay:
    """Recompute a witness against a claim."""
    check = claim.checks[int(witness["check"])] if witness["check"] < len(claim.checks) else None
    if hasattr(check, "replay"):  # a program's own numbers: no gap, and no other arithmetic
        return check.replay(claim, witness)  # type: ignore[union-attr, no-any-return]
    if check is None or not hasattr(check, "gap"):
        check = next((c for c in claim.checks if hasattr(c, "gap")), None)
    if check is None:
        raise InputError("witness", "belong to a claim with a gap", f"{claim.id} has none")
    stated: Any = check
    instance, where = witness["instance"], getattr(check, "where", None)
    try:
        found = settle(stated.gap, instance, stated.relation, where)
        inside = claim.admits(instance)
    except (TypeError, ValueError) as error:
        raise InputError("witness", f"fit the claim {claim.id}", f"it did not ({error})") from None
    changed = code_of(check) != witness["code"] or stated.relation != witness["relation"]
    return Replay(
        claim=claim.id,
        source=claim.source,
        statement=claim.statement,
        relation=stated.relation,
        instance=instance,
        confirmed=inside and found.holds is False,
        stale=changed,
        violation=found.violation,
        left=found.left,
        right=found.right,
        arithmetic=found.arithmetic,
        recorded=witness["violation"],
    )


def replay(path: str | os.PathLike[str]) -> Replay:
    """Check one counterexample again, in rationals or balls; the claim is found in the ledger.

    Raises InputError where the file is no witness or its claim is unknown.
    """
    from tabular_marl.verification import ledger

    witness = read(path)
    return check_again(ledger.find(witness["claim"], witness.get("module", "")), witness)


def known_instances(claim: Claim, corpus: Path = CORPUS) -> tuple[dict[str, Any], ...]:
    """The committed counterexamples of a claim and of its other readings: what refuted the printed
    statement is the first thing that the corrected one must survive."""
    stem = claim.id.rsplit(".", 1)[0]
    paths = {corpus / f"{claim.id}.json", *corpus.glob(f"{glob.escape(stem)}.*.json")}
    return tuple(read(path)["instance"] for path in sorted(paths) if path.exists())
