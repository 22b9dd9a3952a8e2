"""Batched environments: every tensor has the seeds first, and lives on one device."""
