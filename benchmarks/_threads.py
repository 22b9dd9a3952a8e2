"""One thread for BLAS, OpenMP and numba: import this before NumPy."""

import os

THREADS = "1"
for _variable in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
    os.environ.setdefault(f"{_variable}_NUM_THREADS", THREADS)
