"""Equilibria: logit (quantal response) branches, their Nash limits, exploitability, proofs."""
