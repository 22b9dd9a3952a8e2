"""A tour: solve games with proved error bounds, verify the ledger, write a report to look at.

python examples/tour.py [DIR]          DIR is ./report by default; open DIR/index.html
"""

from __future__ import annotations

import math
import sys
from html import escape
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import tabular_marl as tm
from tabular_marl.study.figures import phase_diagram
from tabular_marl.verification.reports import terminal, write

SOLVES = [
    ("Balancing-Q", tm.balancing_q, "prisoners-dilemma", (2, -1)),
    ("Balancing-Q", tm.balancing_q, "stag-hunt", (2, -1)),
    ("Balancing-Q", tm.balancing_q, "stag-hunt", (2, -1, "opponent")),
    ("ROMMEO", tm.rommeo, "stag-hunt", (2,)),
    ("PR2", tm.pr2, "climbing", (0.5,)),
    ("ROMMEO", tm.rommeo, "meeting", (5,)),
    ("Balancing-Q", tm.balancing_q, "grid-game-2", (10, -10)),
    ("minimax", tm.balancing_q, "soccer", (math.inf, -math.inf)),
]


def main(folder: Path) -> int:
    """Solve, verify, write; the exit code is 1 if a verdict is not the expected one."""
    folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    rows = []
    for title, model, name, setting in SOLVES:
        solution = model(tm.games.named(name), *setting)
        proof = solution.certify() if solution.value.size < 500 else None
        rows.append(
            (
                title,
                name,
                ", ".join(map(str, setting)),
                f"{len(solution.value)}",
                f"{solution.value.max():.8g}",
                f"{solution.error_bound:.1e}",
                f"{max(map(float, proof.radius)):.1e}" if proof else "none",
                f"{solution.iterations}",
            )
        )
    heads = (
        "model",
        "game",
        "setting",
        "states",
        "value",
        "error ≤",
        "128-bit",
        "steps",
    )
    table = Table(
        title="Exact solutions: the best state's value, in reward units",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for head in heads:  # 80 columns hold all; only settings may wrap
        table.add_column(head, no_wrap=head != "setting")
    for row in rows:
        table.add_row(*row)
    console.print(table)

    figure = phase_diagram(tm.games.stag_hunt(), np.linspace(-6, 6, 41))
    figure.savefig(folder / "phase-diagram.png")

    ledger = tm.verify()
    terminal.render(ledger)
    write(ledger, folder)

    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    (folder / "index.html").write_text(
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>tabular-marl: a tour</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}} img{{max-width:100%}}
td,th{{padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:left}}</style>
<h1>tabular-marl: a tour</h1>
<h2>Exact solutions, with proved error bounds</h2>
<p>The best state's value in reward units, its proved error, and the radius of the certificate in
128-bit balls.</p>
<table><tr>{"".join(f"<th>{escape(head)}</th>" for head in heads)}</tr>{body}</table>
<h2>One game at every pair of temperatures</h2>
<p>Balancing-Q on the stag hunt. On the right, what it is worth that the opponent moves first: zero
on the diagonal, where the report's equation (22) holds; elsewhere, what moving second is worth.</p>
<img src="phase-diagram.png" alt="Phase diagram of Balancing-Q on the stag hunt">
<h2>The ledger</h2>
<p><a href="ledger.html">{len(ledger.rows)} claims, with their verdicts, evidence and
counterexamples</a></p></html>
""",
        encoding="utf-8",
    )
    console.print(f"Open [bold]{folder / 'index.html'}[/bold]")
    return 0 if ledger.ok else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "report")))
