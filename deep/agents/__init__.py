"""One agent a file, a screen each, N seeds at once; every update is a loss of ``deep.losses``."""
