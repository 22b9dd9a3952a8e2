"""The ledger: claims as data, evidence from methods, verdicts derived from evidence."""
