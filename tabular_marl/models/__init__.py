"""The report's systems: one recipe a file, each solved by the one engine."""
