"""What is noted of each lane of a batch: rows of the notes, blocks of lanes (lanes.py)."""

#: of its game: max|r|, max|ε|, −min ε, min P, and 0 unless something is not finite
REWARD, DEFICIT, EXCESS, LEAST, POISON = range(5)
#: of its residual: the size, γ/(1−γ) times the middle, both where it was least, the rounding noise
SIZE, MIDDLE, KEPT_SIZE, KEPT_MIDDLE, NOISE = range(5, 10)
#: the proved bound; 1 if this V is to be kept; 1 if the next move is a sweep
BOUND, KEEPING, SWEEPING = 10, 11, 12
COUNT = 13
