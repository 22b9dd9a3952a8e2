"""The compiled loops (numba): the only place in the package that imports it.

No kernel uses fastmath where a residual is reported; every one is cached on disk.
"""
