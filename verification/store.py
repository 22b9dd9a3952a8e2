"""Where finished work is kept, so that an interrupted run resumes: one small JSON file a claim.

The default place is ``.tabular-marl/`` in the working directory (or $TABULAR_MARL_CACHE). A result
is valid for one key: the claim's code, the options, and the ledger's own code. Files are written
whole.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular_marl import __version__
from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence
from tabular_marl.verification.witness import write_text


def default_root() -> Path:
    """$TABULAR_MARL_CACHE, else ``.tabular-marl`` in the working directory, else in the home."""
    named = os.environ.get("TABULAR_MARL_CACHE")
    if named:
        return Path(named)
    here = Path.cwd()
    return (here if os.access(here, os.W_OK) else Path.home()) / ".tabular-marl"


@functools.cache
def _machinery() -> str:
    """A hash of the ledger's own code, claims apart."""
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *here.glob("methods/*.py")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def key(claim: Claim, options: Options) -> str:
    """What a stored result depends on."""
    text = f"{__version__} {_machinery()} {claim.fingerprint()} {options!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Stored:
    """A claim's evidence as it was found; ``code`` is the claim's fingerprint then."""

    key: str
    code: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Store:
    """Results under ``root``; ``root`` None keeps nothing."""

    root: Path | None

    def _path(self, claim: Claim) -> Path | None:
        return None if self.root is None else self.root / "ledger" / f"{claim.id}.json"

    def get(self, claim: Claim) -> Stored | None:
        """What was kept for this claim, whatever its key; None for nothing or a broken file."""
        path = self._path(claim)
        if path is None or not path.exists():
            return None
        try:
            row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            evidence = tuple(Evidence.from_dict(e) for e in row["evidence"])
            return Stored(row["key"], row["code"], evidence)
        except (ValueError, KeyError, TypeError):
            return None

    def put(self, claim: Claim, options: Options, evidence: tuple[Evidence, ...]) -> None:
        """Keep a finished claim."""
        path = self._path(claim)
        if path is None or self.root is None:
            return
        if not (self.root / ".gitignore").exists():
            write_text(self.root / ".gitignore", "*\n")
        row = {
            "key": key(claim, options),
            "code": claim.fingerprint(),
            "evidence": [e.as_dict() for e in evidence],
        }
        write_text(path, json.dumps(row, ensure_ascii=False) + "\n")
