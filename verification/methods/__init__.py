"""Ways to find evidence; each is a value that a claim lists among its checks.

Sampling        many instances: bulk floats, directed search, polish   supported | refuted
Counterexample  one instance, decided in rationals or balls            refuted
Enumeration     every member of a finite set, exactly                  exhausted | refuted
Enclosure       a box, by bisection in balls                           certified | refuted
Symbolic        rational identities and signs of coefficients          proved
Deduction       named inference rules from other claims                as its premises
Measurement     what a program returns, in float64                     supported | refuted
"""

from tabular_marl.verification.methods.counterexample import Counterexample
from tabular_marl.verification.methods.deduction import RULES, Deduction
from tabular_marl.verification.methods.enclosure import Enclosure, between
from tabular_marl.verification.methods.enumeration import Enumeration
from tabular_marl.verification.methods.measurement import Measured, Measurement
from tabular_marl.verification.methods.sampling import Sampling
from tabular_marl.verification.methods.symbolic import (
    Proof,
    Symbolic,
    positive,
    prove_nonnegative,
    prove_positive,
    prove_zero,
)

__all__ = [
    "RULES",
    "Counterexample",
    "Deduction",
    "Enclosure",
    "Enumeration",
    "Measured",
    "Measurement",
    "Proof",
    "Sampling",
    "Symbolic",
    "between",
    "positive",
    "prove_nonnegative",
    "prove_positive",
    "prove_zero",
]
