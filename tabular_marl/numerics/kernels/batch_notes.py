"""What is noted of each lane of a batch: rows of the notes, blocks of lanes (lanes.py)."""

#: of its game: max|r|, max|ε|, −min ε, min P, and 0 unless something is not finite
REWARD, DEFICIT, EXCESS, LEAST, POISON = range(5)
#: of its residual: the size, γ/(1−γ) times the middle, both one step earlier, the rounding noise
SIZE, MIDDLE, LAST_SIZE, LAST_MIDDLE, NOISE = range(5, 10)
#: the proved bound, and 1 if it sweeps
BOUND, SWEEPING = 10, 11
COUNT = 12
