"""Hold any implementation against the exact answer, and name the mistake.

bench      what every check does, level by level          findings   what a check found
targets, terms, actors, mistakes   from a wrong target or gradient to its name
learning, policies        where training ends, and how far a policy is
tabular    tabular actor-critics made of the package's own losses; entry: somebody's file
frozen     a checkpoint of ours; strangers: an agent of which only the actions are seen
evidence   the same as evidence in the ledger             figures    the bench as a picture
"""

from tabular_marl.deep.crosscheck.bench import Bench, crosscheck

__all__ = ["Bench", "crosscheck"]
