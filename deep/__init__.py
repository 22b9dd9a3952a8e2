"""Deep agents held against the exact answer (needs torch)."""
