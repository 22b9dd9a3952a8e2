"""The two documents as numberings, and how a text names a place in them.

    report (42)                          an equation
    report (42)-(50), A.5, (158)         several, in one tag
    report A.5.1; report 1.4             a section of the appendix, one of the main text
    FURTHER (19), Prop. 3                an equation and a proposition of the other document

A tag is the document's name and a list of places, right after it. Docstrings, comments and the
ledger's sources use it alike; ``equations.py`` reads them all. FURTHER's main text, with (1)-(14),
is not among the sources: three of its equations are restated in the appendix (``RESTATED``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REPORT, FURTHER = "report", "FURTHER"


@dataclass(frozen=True)
class Place:
    """An equation "(42)", a proposition "Prop. 3" or a section "A.5.1" of a document."""

    document: str
    name: str

    def __str__(self) -> str:
        return f"{self.document} {self.name}"


@dataclass(frozen=True)
class Section:
    """A heading with the numbers of the equations under it, ``first`` to ``last``, or none."""

    document: str
    name: str
    title: str
    first: int = 1
    last: int = 0
    propositions: tuple[int, ...] = ()

    @property
    def heading(self) -> str:
        """ "1.1.1 ROMMEO", "Appendix A.4 Balancing-Q, theory", "FURTHER F, the ELBO"."""
        if self.document == FURTHER:
            return f"FURTHER {self.name}, {self.title}" if self.name else f"FURTHER, {self.title}"
        return f"{'Appendix ' if self.name[0].isalpha() else ''}{self.name} {self.title}"

    @property
    def places(self) -> tuple[Place, ...]:
        """What lies under the heading, the section itself last where it has a letter or nothing."""
        names = [f"Prop. {n}" for n in self.propositions]
        names += [f"({n})" for n in range(self.first, self.last + 1)]
        if self.name and (self.name[0].isalpha() or not names):
            names.append(self.name)
        return tuple(Place(self.document, name) for name in names)


SECTIONS = (
    Section(REPORT, "1.1.1", "ROMMEO", 1, 14),
    Section(REPORT, "1.1.2", "Balancing-Q", 15, 25),
    Section(REPORT, "1.2.1", "ROMMEO, theory", 26, 32),
    Section(REPORT, "1.2.2", "Balancing-Q, theory", 33, 38),
    Section(REPORT, "1.3", "Probabilistic fictitious play", 39, 50),
    Section(REPORT, "1.4", "Minimax-PR2"),
    Section(REPORT, "1.5", "Perfect model", 51, 56),
    Section(REPORT, "1.6.1", "Interpretation", 57, 57),
    Section(REPORT, "1.6.2", "Implementation", 58, 68),
    Section(REPORT, "2.1", "Soft options", 69, 76),
    Section(REPORT, "2.2", "Multi-agent options", 77, 86),
    Section(REPORT, "3.1", "ROMMEO-EM", 87, 93),
    Section(REPORT, "3.2", "Generalised EM", 94, 102),
    Section(REPORT, "4.1.1", "Recursive reasoning", 103, 109),
    Section(REPORT, "4.2.1", "Public belief MDP"),
    Section(REPORT, "4.2.2", "Variational Monte Carlo"),
    Section(REPORT, "4.2.3", "Public belief", 110, 129),
    Section(REPORT, "4.3", "Variational sequential Monte Carlo"),
    Section(REPORT, "5.1.1", "Imitation: the inference model", 130, 133),
    Section(REPORT, "5.1.2", "From the autoencoder to the discriminator", 134, 144),
    Section(REPORT, "5.2", "Extension to the discriminator", 145, 145),
    Section(REPORT, "5.2.1", "Bayesian discriminator", 146, 151),
    Section(REPORT, "5.2.3", "Divergence minimisation", 152, 152),
    Section(REPORT, "5.2.4", "InfoGAN", 153, 154),
    Section(REPORT, "A.1", "ROMMEO"),
    Section(REPORT, "A.1.1", "the ELBO"),
    Section(REPORT, "A.1.2", "the agent's policy"),
    Section(REPORT, "A.1.3", "the opponent's policy"),
    Section(REPORT, "A.1.4", "message passing"),
    Section(REPORT, "A.2", "Balancing-Q"),
    Section(REPORT, "A.2.1", "the last step"),
    Section(REPORT, "A.2.2", "the backward message"),
    Section(REPORT, "A.3", "ROMMEO, theory"),
    Section(REPORT, "A.3.1", "contraction"),
    Section(REPORT, "A.3.2", "expanding Q", 155, 155),
    Section(REPORT, "A.3.3", "improvement by the policy", 156, 156),
    Section(REPORT, "A.3.4", "improvement by the opponent model"),
    Section(REPORT, "A.4", "Balancing-Q, theory"),
    Section(REPORT, "A.4.1", "contraction", 157, 157),
    Section(REPORT, "A.4.2", "improvement by the opponent"),
    Section(REPORT, "A.5", "Fictitious play"),
    Section(REPORT, "A.5.1", "the agent's policy"),
    Section(REPORT, "A.5.2", "the opponent model"),
    Section(REPORT, "A.5.3", "contraction", 158, 158),
    Section(REPORT, "A.5.4", "improvement by the policy"),
    Section(REPORT, "B.1", "Soft options"),
    Section(REPORT, "B.1.1", "master and termination", 159, 174),
    Section(REPORT, "B.1.2", "the lower-level policy first", 175, 180),
    Section(REPORT, "B.2", "Multi-agent options", 181, 190),
    Section(REPORT, "C.1", "ROMMEO-EM"),
    Section(REPORT, "C.1.1", "the posterior of actions"),
    Section(REPORT, "C.1.2", "the ELBO", 191, 191),
    Section(REPORT, "C.2", "Generalised EM"),
    Section(REPORT, "C.2.1", "the agent's posterior"),
    Section(REPORT, "C.2.2", "the opponent's posterior"),
    Section(FURTHER, "", "main text", 1, 14),
    Section(FURTHER, "A", "sensitivity to the initial condition"),
    Section(FURTHER, "B", "uniqueness of the jointly-stable periodic distribution", 1, 0, (1,)),
    Section(FURTHER, "C", "the active differential Bellman equation", 15, 15, (2,)),
    Section(FURTHER, "D", "the gradient of the active average reward", 16, 21, (3,)),
    Section(FURTHER, "E.1", "networks"),
    Section(FURTHER, "E.2", "optimisation", 22, 23),
    Section(FURTHER, "E.3", "pseudocode"),
    Section(FURTHER, "F", "the ELBO", 24, 24),
    Section(FURTHER, "G.1", "domains"),
    Section(FURTHER, "G.2", "baselines", 25, 26),
    Section(FURTHER, "G.3", "hyperparameters"),
    Section(FURTHER, "H", "additional evaluation"),
    Section(FURTHER, "I", "limitations and impact"),
)

#: equations of FURTHER's main text that its appendix states again
RESTATED = {
    Place(FURTHER, "(8)"): Place(FURTHER, "(15)"),
    Place(FURTHER, "(9)"): Place(FURTHER, "Prop. 3"),
    Place(FURTHER, "(11)"): Place(FURTHER, "(24)"),
}

_SECTION_OF = {place: section for section in SECTIONS for place in section.places} | {
    Place(section.document, section.name): section for section in SECTIONS if section.name
}

_NUMBER = r"\(\d+\)"
_NAME = rf"{_NUMBER}(?:\s*[-–]\s*{_NUMBER})?|Prop\.\s?\d+|\d+(?:\.\d+)+|[A-I](?:\.\d+)*(?![\w’'])"
_TAG = re.compile(rf"\b({REPORT}|{FURTHER}),?\s+((?:{_NAME})(?:(?:[,;]|\s+and)\s+(?:{_NAME}))*)")


def places(text: str) -> tuple[Place, ...]:
    """Every place that the tags of a text name, ranges spelt out, each once, in order.

    >>> [str(place) for place in places("report (17)-(19), A.5; FURTHER (19)")]
    ['report (17)', 'report (18)', 'report (19)', 'report A.5', 'FURTHER (19)']
    """
    found = []
    for document, listed in _TAG.findall(text):
        for name in re.findall(_NAME, listed):
            ends = [int(n) for n in re.findall(r"\((\d+)\)", name)]
            if ends:
                found += [Place(document, f"({n})") for n in range(ends[0], ends[-1] + 1)]
            else:
                found.append(Place(document, re.sub(r"Prop\.\s?", "Prop. ", name)))
    return tuple(dict.fromkeys(found))


def section_of(place: Place) -> Section | None:
    """The section that a place lies in or opens; None where its document has no such place.

    >>> section_of(Place("report", "(42)")).heading, section_of(Place("report", "(192)"))
    ('1.3 Probabilistic fictitious play', None)
    """
    if place in _SECTION_OF:
        return _SECTION_OF[place]
    for section in SECTIONS:  # "1.3.1" lies in 1.3, "C" opens with C.1
        pair = sorted((place.name, section.name), key=len)
        if (
            section.document == place.document
            and section.name
            and pair[1].startswith(f"{pair[0]}.")
        ):
            return section
    if place.document == FURTHER and place.name[0].isdigit():
        return next(section for section in SECTIONS if section.document == FURTHER)
    return None
