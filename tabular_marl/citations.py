"""BibTeX for exactly the methods that an answer used.

    bibtex(keys_for(model="rommeo", method="newton", certified=True))

Light to import: text only. Keys of models are in :mod:`tabular_marl.models.registry`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tabular_marl.models.registry import MODELS
from tabular_marl.validation import one_of

#: key -> BibTeX entry
ENTRIES: dict[str, str] = {
    "sakulwongtana2019": """@techreport{sakulwongtana2019,
  author = {Sakulwongtana, Phu},
  title  = {Report on Final Project},
  note   = {Probabilistic multi-agent reinforcement learning: ROMMEO, Balancing-Q, PR2},
  month  = nov,
  year   = {2019}
}""",
    "haarnoja2017": """@inproceedings{haarnoja2017,
  author    = {Haarnoja, Tuomas and Tang, Haoran and Abbeel, Pieter and Levine, Sergey},
  title     = {Reinforcement Learning with Deep Energy-Based Policies},
  booktitle = {Proceedings of the 34th International Conference on Machine Learning},
  series    = {Proceedings of Machine Learning Research},
  volume    = {70},
  pages     = {1352--1361},
  year      = {2017}
}""",
    "tian2019": """@inproceedings{tian2019,
  author    = {Tian, Zheng and Wen, Ying and Gong, Zhichen and Punakkath, Faiz and Zou, Shihao
               and Wang, Jun},
  title     = {A Regularized Opponent Model with Maximum Entropy Objective},
  booktitle = {Proceedings of the Twenty-Eighth International Joint Conference on Artificial
               Intelligence},
  pages     = {602--608},
  doi       = {10.24963/ijcai.2019/85},
  year      = {2019}
}""",
    "wen2019": """@inproceedings{wen2019,
  author    = {Wen, Ying and Yang, Yaodong and Luo, Rui and Wang, Jun and Pan, Wei},
  title     = {Probabilistic Recursive Reasoning for Multi-Agent Reinforcement Learning},
  booktitle = {International Conference on Learning Representations},
  eprint    = {1901.09207},
  archivePrefix = {arXiv},
  year      = {2019}
}""",
    "wen2019b": """@misc{wen2019b,
  author = {Wen, Ying and Yang, Yaodong and Lu, Rui and Wang, Jun},
  title  = {Multi-Agent Generalized Recursive Reasoning},
  eprint = {1901.09216},
  archivePrefix = {arXiv},
  year   = {2019}
}""",
    "igl2019": """@misc{igl2019,
  author = {Igl, Maximilian and Gambardella, Andrew and He, Jinke and Nardelli, Nantas and
            Siddharth, N. and B{\\"o}hmer, Wendelin and Whiteson, Shimon},
  title  = {Multitask Soft Option Learning},
  eprint = {1904.01033},
  archivePrefix = {arXiv},
  year   = {2019}
}""",
    "grau-moya2018": """@inproceedings{grau-moya2018,
  author    = {Grau-Moya, Jordi and Leibfried, Felix and Bou-Ammar, Haitham},
  title     = {Balancing Two-Player Stochastic Games with Soft {Q}-Learning},
  booktitle = {Proceedings of the Twenty-Seventh International Joint Conference on Artificial
               Intelligence},
  pages     = {268--274},
  doi       = {10.24963/ijcai.2018/37},
  year      = {2018}
}""",
    "mckelvey1995": """@article{mckelvey1995,
  author  = {McKelvey, Richard D. and Palfrey, Thomas R.},
  title   = {Quantal Response Equilibria for Normal Form Games},
  journal = {Games and Economic Behavior},
  volume  = {10},
  number  = {1},
  pages   = {6--38},
  doi     = {10.1006/game.1995.1023},
  year    = {1995}
}""",
    "eibelshaeuser2019": """@misc{eibelshaeuser2019,
  author = {Eibelsh{\"a}user, Steffen and Poensgen, David},
  title  = {Markov Quantal Response Equilibrium and a Homotopy Method for Computing and Selecting
            Markov Perfect Equilibria of Dynamic Stochastic Games},
  doi    = {10.2139/ssrn.3314404},
  year   = {2019}
}""",
    "krawczyk1969": """@article{krawczyk1969,
  author  = {Krawczyk, Rudolf},
  title   = {Newton-Algorithmen zur Bestimmung von Nullstellen mit Fehlerschranken},
  journal = {Computing},
  volume  = {4},
  pages   = {187--201},
  doi     = {10.1007/BF02234767},
  year    = {1969}
}""",
    "kim2022": """@inproceedings{kim2022,
  author    = {Kim, Dong-Ki and Riemer, Matthew and Liu, Miao and Foerster, Jakob N. and
               Everett, Michael and Sun, Chuangchuang and Tesauro, Gerald and How, Jonathan P.},
  title     = {Influencing Long-Term Behavior in Multiagent Reinforcement Learning},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {35},
  eprint    = {2203.03535},
  archivePrefix = {arXiv},
  year      = {2022}
}""",
    "macqueen1966": """@article{macqueen1966,
  author  = {MacQueen, James},
  title   = {A Modified Dynamic Programming Method for {Markovian} Decision Problems},
  journal = {Journal of Mathematical Analysis and Applications},
  volume  = {14},
  number  = {1},
  pages   = {38--43},
  year    = {1966}
}""",
    "howard1960": """@book{howard1960,
  author    = {Howard, Ronald A.},
  title     = {Dynamic Programming and {Markov} Processes},
  publisher = {MIT Press},
  year      = {1960}
}""",
    "puterman1979": """@article{puterman1979,
  author  = {Puterman, Martin L. and Brumelle, Shelby L.},
  title   = {On the Convergence of Policy Iteration in Stationary Dynamic Programming},
  journal = {Mathematics of Operations Research},
  volume  = {4},
  number  = {1},
  pages   = {60--69},
  year    = {1979}
}""",
    "walker2011": """@article{walker2011,
  author  = {Walker, Homer F. and Ni, Peng},
  title   = {{Anderson} Acceleration for Fixed-Point Iterations},
  journal = {SIAM Journal on Numerical Analysis},
  volume  = {49},
  number  = {4},
  pages   = {1715--1735},
  year    = {2011}
}""",
    "higham2002": """@book{higham2002,
  author    = {Higham, Nicholas J.},
  title     = {Accuracy and Stability of Numerical Algorithms},
  edition   = {Second},
  publisher = {SIAM},
  year      = {2002}
}""",
    "rump2010": """@article{rump2010,
  author  = {Rump, Siegfried M.},
  title   = {Verification Methods: Rigorous Results Using Floating-Point Arithmetic},
  journal = {Acta Numerica},
  volume  = {19},
  pages   = {287--449},
  year    = {2010}
}""",
    "johansson2017": """@article{johansson2017,
  author  = {Johansson, Fredrik},
  title   = {Arb: Efficient Arbitrary-Precision Midpoint-Radius Interval Arithmetic},
  journal = {IEEE Transactions on Computers},
  volume  = {66},
  number  = {8},
  pages   = {1281--1292},
  year    = {2017}
}""",
    "ozaki2012": """@article{ozaki2012,
  author  = {Ozaki, Katsuhisa and Ogita, Takeshi and Oishi, Shin'ichi and Rump, Siegfried M.},
  title   = {Error-Free Transformations of Matrix Multiplication by Using Fast Routines of Matrix
             Multiplication and Its Applications},
  journal = {Numerical Algorithms},
  volume  = {59},
  number  = {1},
  pages   = {95--118},
  year    = {2012}
}""",
}

#: solution method -> the works it rests on; every method stops on MacQueen's bounds
METHODS: dict[str, tuple[str, ...]] = {
    "newton": ("howard1960", "puterman1979", "macqueen1966"),
    "value-iteration": ("macqueen1966",),
    "homotopy": ("mckelvey1995", "krawczyk1969"),
    "anderson": ("walker2011", "macqueen1966"),
    "auto": ("howard1960", "puterman1979", "macqueen1966"),
}
#: the floating-point error bound of every solution, and the ball certificate
BOUND = ("higham2002", "rump2010")
CERTIFICATE = ("johansson2017", "ozaki2012")


def keys_for(
    model: str | None = None, method: str | None = None, certified: bool = False
) -> tuple[str, ...]:
    """Keys of what an answer used, each once, the report first.

    ``model`` is a command-line name, ``method`` a solution method. Raises InputError.

    >>> keys_for("rommeo", "value-iteration")
    ('sakulwongtana2019', 'tian2019', 'macqueen1966', 'higham2002', 'rump2010')
    """
    keys: list[str] = ["sakulwongtana2019"]
    if model is not None:
        keys += MODELS[one_of("model", model, MODELS)].citations
    if method is not None:
        keys += (*METHODS[one_of("method", method, METHODS)], *BOUND)
    if certified:
        keys += CERTIFICATE
    return tuple(dict.fromkeys(keys))


def bibtex(keys: Iterable[str]) -> str:
    """The BibTeX entries of ``keys``, in their order. Raises InputError on an unknown key.

    >>> bibtex(["howard1960"]).splitlines()[0]
    '@book{howard1960,'
    """
    return "\n\n".join(ENTRIES[one_of("key", key, ENTRIES)] for key in keys) + "\n"
