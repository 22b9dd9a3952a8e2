"""Agents with continuous actions: soft actor-critic, ROMMEO, PR2, Balancing-Q, FURTHER."""
