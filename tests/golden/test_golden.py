"""Every named game under every model gives the answers on file; see regenerate.py."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from tabular_marl.games import REGISTRY

FOLDER = Path(__file__).parent
GOLDEN = runpy.run_path(str(FOLDER / "regenerate.py"))
#: Where a model proves no bound, or its rounds start from the rounded answers of earlier ones.
STATED = 1e-8


@pytest.mark.parametrize("name", REGISTRY)
def test_the_answers_are_those_on_file(name):
    """Values within both proved error bounds ε of V*; policies, which are tilts by β Q of values
    within ε, within 4|β|ε; and a rounding error of the last arithmetic."""
    stored = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    game = GOLDEN["seen"](name)
    assert stored["discount"] == game.discount
    assert list(stored["models"]) == list(GOLDEN["models"](game))
    for model, old in stored["models"].items():
        new = GOLDEN["answer"](name, model)
        assert (new["parameters"], new["status"]) == (old["parameters"], old["status"]), model
        proved = None not in (old["error_bound"], new["error_bound"])
        slack = old["error_bound"] + new["error_bound"] if proved else STATED
        scale = 1 + np.abs(old["value"]).max()
        for field in GOLDEN["ARRAYS"]:
            allowed = slack if field == "value" else 4 * slack
            np.testing.assert_allclose(
                new[field], old[field], rtol=0, atol=allowed + 1e-13 * scale, err_msg=model
            )


def test_every_file_is_of_a_named_game():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(REGISTRY)
