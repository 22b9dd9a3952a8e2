"""The ledger's own claims, one file per family; importing a file registers its claims."""
