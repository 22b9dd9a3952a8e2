"""What agents are made of: networks, inference, laws on a box, replay and window."""
