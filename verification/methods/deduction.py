"""Deduction: a claim inferred from other claims of the ledger by a named rule.

Every premise is itself decided by machine, and the verdict is never better than theirs. The rules
are a small closed list; each names the lemmas that an application must rest on. That a rule fits
its premises is for the reader to see, in the argument: no machine reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tabular_marl.validation import InputError, one_of
from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.scope import Scope


@dataclass(frozen=True)
class Rule:
    """An inference: what it says, why it is valid, and the claims it always needs."""

    says: str
    why: str
    needs: tuple[str, ...] = ()


RULES: dict[str, Rule] = {
    "induction over outcomes": Rule(
        "a statement for two outcomes that passes through merging outcomes holds for any number",
        "the free energy of n+1 outcomes is that of two: (the free energy of the first n, the "
        "last) under the merged prior; the tilt factorises in the same way",
        ("free-energy.associative",),
    ),
    "composition of monotone shift-equivariant maps": Rule(
        "maps that are monotone and commute with adding constants compose to such a map",
        "both properties pass from f and g to f after g, and to expectations",
    ),
    "monotone and shift-equivariant implies non-expansive": Rule(
        "|f(x) − f(y)| <= max |x − y| for such a map f",
        "y − d <= x <= y + d with d = max |x − y|; apply f",
    ),
    "non-expansive after a discounted expectation": Rule(
        "f(r + γ P V) is Lipschitz in V with constant γ, and r + γ P f(Q) in Q, when f is "
        "non-expansive: a contraction for γ < 1",
        "|P V − P W| <= max |V − W| because rows of P are probabilities",
    ),
    "banach fixed point": Rule(
        "a contraction (constant < 1) of a complete space has one fixed point, reached from any "
        "start",
        "the fixed-point theorem of Banach",
    ),
    "contraction that settles": Rule(
        "x_{n+1} = T_n x_n converges to the fixed point x* of T, if every T_n is a contraction "
        "with one constant γ < 1 and T_n x* → x*",
        "e_{n+1} <= γ e_n + |T_n x* − x*| for e_n = |x_n − x*|, so lim sup e_n <= γ lim sup e_n",
    ),
    "brouwer fixed point": Rule(
        "a continuous map of a product of simplices into itself has a fixed point",
        "the fixed-point theorem of Brouwer",
    ),
    "backward induction over time": Rule(
        "a statement at the last step that passes from step t+1 to step t holds at every step",
        "induction on the number of steps that remain",
    ),
    "maximisation in stages": Rule(
        "the maximum over (π, ρ) of E_ρ[f + E_π g] is found by maximising over π given each "
        "outcome of ρ, then over ρ",
        "the inner maximum does not depend on the probability with which it is reached",
    ),
    "policy-evaluation monotonicity": Rule(
        "T_new Q >= Q implies Q_new >= Q, and with <= likewise, for a monotone contraction T_new "
        "with fixed point Q_new",
        "apply T_new again and again: the sequence is monotone and converges to Q_new",
    ),
    "limit of a closed statement": Rule(
        "an equation or an inequality <= between convergent sequences, or continuous functions, "
        "passes to their limits; a strict inequality leaves <= there",
        "the set where a <= b is closed",
    ),
    "strict inequality of limits": Rule(
        "lim a_k > lim b_k implies a_k > b_k + δ for some δ > 0 and every k from some k on",
        "take for δ a third of the difference of the limits",
    ),
    "monotone convergence": Rule(
        "a bounded monotone sequence of numbers converges",
        "the supremum (or infimum) is the limit",
    ),
    "averages of a convergent sequence": Rule(
        "(1/K) Σ_{k<K} a_k tends to the limit of a_k",
        "all but finitely many terms are near the limit, and the others' share vanishes (Cesàro)",
    ),
    "squeeze": Rule(
        "what lies between two functions with one limit has that limit",
        "the squeeze theorem",
    ),
    "sum of termwise inequalities": Rule(
        "Σ a_k <= Σ b_k where a_k <= b_k for every k, with = only where every a_k = b_k",
        "addition keeps the order, for any finite number of terms",
    ),
    "extremum of affine functions": Rule(
        "a maximum of affine functions is convex, a minimum concave: at a mean it is at most, at "
        "least, the mean of its values",
        "epigraphs of affine functions are half-spaces, and intersect; Jensen",
    ),
    "minimax theorem": Rule(
        "a continuous function on two compact convex sets, concave in one argument and convex in "
        "the other, has a saddle point",
        "von Neumann's theorem, in the form of Sion",
    ),
    "integration of a derivative": Rule(
        "a continuous function whose derivative is >= 0 inside an interval does not fall on it; "
        "where the derivative is > 0, it rises",
        "the mean value theorem",
    ),
    "chain rule": Rule(
        "the derivative of a composition of differentiable maps is the product of the derivatives",
        "the chain rule, once for each level",
    ),
    "special case": Rule(
        "what holds on a scope holds on each part of it, and in each of its instances",
        "instantiate the premises",
    ),
    "conjunction": Rule(
        "premises that together say the claim",
        "each part is one premise",
    ),
    "substitution of equals": Rule(
        "an expression may be replaced by one that the premises prove equal to it",
        "equality",
    ),
    "chain of inequalities": Rule(
        "a <= b and b <= c give a <= c",
        "transitivity",
    ),
    "common reachable state": Rule(
        "a finite chain in which every state leads to one and the same state has one recurrent "
        "class, and one stationary distribution",
        "two closed classes would both contain that state; Kemeny and Snell (1960)",
    ),
    "convergence of a finite chain": Rule(
        "the averages (Cesàro, Abel) of P^t converge to a P* with P P* = P* P = P*; P^t itself "
        "converges where every recurrent class is aperiodic",
        "the ergodic theorem of finite chains; Kemeny and Snell (1960), Puterman (1994) app. A",
    ),
    "communicating decision problem": Rule(
        "in a finite decision problem where every state that is recurrent under some stationary "
        "policy is reached, under some policy, from every state, the best average reward is the "
        "same from every start (communicating: every state reaches every other under some policy)",
        "a policy may first go where another start begins; Puterman (1994), section 8.3",
    ),
    "derivative of a difference": Rule(
        "F(y) − F(x) = (y − x)·G(x, y) with G continuous at y = x gives dF = dx·G(x, x) along "
        "every differentiable path in the domain; on a simplex dx is tangent, Σ dx = 0, and "
        "G(x, x) counts only up to a constant",
        "divide by the step of the path, and let it tend to 0",
    ),
    "leading terms": Rule(
        "finite sums, products and quotients of terms c ε^r (1 + o(1)) with c > 0 are of that form",
        "the smallest exponent leads a sum; without subtractions nothing cancels",
    ),
    "invertible matrix": Rule(
        "an invertible matrix maps only 0 to 0",
        "multiply by the inverse",
    ),
}


@dataclass(frozen=True)
class Deduction:
    """The claim follows from the claims ``rests_on`` by ``rule``, or by several in turn;
    ``argument`` says how, in the words of the claim. ``scope`` is the claim's own by default."""

    rests_on: tuple[str, ...]
    rule: str | tuple[str, ...]
    argument: str = ""
    scope: Scope | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rests_on, str):
            object.__setattr__(self, "rests_on", (self.rests_on,))
        object.__setattr__(self, "rests_on", tuple(self.rests_on))
        if not self.rests_on:
            raise InputError("rests_on", "name at least one claim", "it was empty")
        for rule in self.rules:
            one_of("rule", rule, RULES)
            missing = [name for name in RULES[rule].needs if name not in self.rests_on]
            if missing:
                raise InputError(
                    f"rests_on of a deduction by {rule}",
                    f"include {', '.join(missing)}",
                    f"it was {', '.join(self.rests_on)}",
                )

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules in the order in which they are applied."""
        return (self.rule,) if isinstance(self.rule, str) else tuple(self.rule)

    def stated_scope(self, claim: Claim) -> Scope:
        return claim.scope if self.scope is None else self.scope

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Proved, given the premises; the verdict weakens it to what they are."""
        return Evidence(
            "deduction",
            Outcome.PROVED,
            self.stated_scope(claim),
            count=1,
            detail=f"{', then '.join(self.rules)}: "
            f"{self.argument or '; '.join(RULES[rule].says for rule in self.rules)}",
            premises=self.rests_on,
        )
