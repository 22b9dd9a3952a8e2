"""The ledger: claims as data, evidence from methods, verdicts derived from evidence.

How a claim is written (``claims/`` holds the report's own; users write the same):

    from tabular_marl.verification import (
        Claim, Deduction, Sampling, array, beta, distribution, free_energy, instances, register,
        scope, sides,
    )

    def non_expansive(arithmetic, x, y, prior, beta):        # one statement, every arithmetic
        fx = free_energy(x, prior, beta, 0, arithmetic)
        fy = free_energy(y, prior, beta, 0, arithmetic)
        return sides(arithmetic.norm(x - y), arithmetic.absolute(fx - fy))     # left − right

    points = instances({"outcomes": (1, 4)}, x=array("outcomes"), y=array("outcomes"),
                       prior=distribution("outcomes"), beta=beta("both"))

    register(Claim(
        id="free-energy.non-expansive", source="report (34)", reading="added",
        statement=r"|F_\\beta[p](x) - F_\\beta[p](y)| \\le \\|x - y\\|_\\infty",
        scope=scope(outcomes=">= 1", beta="(-inf, 0) u (0, inf)"), expects="proved",
        checks=(Sampling(non_expansive, points, ">= 0", batched=True),
                Deduction(("free-energy.monotone", "free-energy.shift-equivariant"),
                          "monotone and shift-equivariant implies non-expansive")),
    ))

Importing this package is light: Hypothesis, SymPy and FLINT are loaded by the check that needs
them.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType

_NAME = "tabular_marl.verification"

if __name__ != _NAME:
    # imported as plain `verification` from the repository's root: be the one real package, so
    # that no class exists twice

    class _OneCopy(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        """Resolves ``verification.x`` to ``tabular_marl.verification.x``."""

        def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
            if not fullname.startswith(f"{__name__}."):
                return None
            return importlib.machinery.ModuleSpec(fullname, self)

        def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
            module = importlib.import_module(f"tabular_marl.{spec.name}")
            self.real = module.__spec__
            return module

        def exec_module(self, module: ModuleType) -> None:
            module.__spec__ = self.real

    sys.meta_path.insert(0, _OneCopy())
    sys.modules[__name__] = importlib.import_module(_NAME)
else:
    from tabular_marl.verification.arithmetic import (
        EXACT,
        FLOAT,
        SYMBOLIC,
        ball,
        expectation,
        free_energy,
        kl,
        rational,
        tilt,
    )
    from tabular_marl.verification.claim import Claim, Options
    from tabular_marl.verification.evidence import Evidence, Outcome
    from tabular_marl.verification.methods import (
        Counterexample,
        Deduction,
        Enclosure,
        Enumeration,
        Measured,
        Measurement,
        Proof,
        Sampling,
        Symbolic,
        between,
        positive,
        prove_nonnegative,
        prove_positive,
        prove_zero,
    )
    from tabular_marl.verification.relation import settle, sides
    from tabular_marl.verification.strategies import (
        Family,
        array,
        beta,
        choice,
        discount,
        distribution,
        general_sum_game,
        instances,
        matrix_game,
        number,
        option_policies,
        option_priors,
        policy,
        prior,
        stochastic_game,
    )
    from tabular_marl.verification.verdict import Verdict, derive
    from tabular_marl.verification.witness import Replay, replay

    # these functions share the names of submodules, so they are bound last
    from tabular_marl.verification.scope import Scope, scope  # isort: skip
    from tabular_marl.verification.ledger import Ledger, claim, register, verify  # isort: skip
    from tabular_marl.verification.programs import implementation  # isort: skip

__all__ = [
    "EXACT",
    "FLOAT",
    "SYMBOLIC",
    "Claim",
    "Counterexample",
    "Deduction",
    "Enclosure",
    "Enumeration",
    "Evidence",
    "Family",
    "Ledger",
    "Measured",
    "Measurement",
    "Options",
    "Outcome",
    "Proof",
    "Replay",
    "Sampling",
    "Scope",
    "Symbolic",
    "Verdict",
    "array",
    "ball",
    "beta",
    "between",
    "choice",
    "claim",
    "derive",
    "discount",
    "distribution",
    "expectation",
    "free_energy",
    "general_sum_game",
    "implementation",
    "instances",
    "kl",
    "matrix_game",
    "number",
    "option_policies",
    "option_priors",
    "policy",
    "positive",
    "prior",
    "prove_nonnegative",
    "prove_positive",
    "prove_zero",
    "rational",
    "register",
    "replay",
    "scope",
    "settle",
    "sides",
    "stochastic_game",
    "tilt",
    "verify",
]
