"""Free energies, the fixed-point engine, and the arithmetic that proves its answers."""
