"""Others who learn: active Markov games, their chains, and the best policy in the long run."""
