"""Many solves at once, and pictures of them."""
