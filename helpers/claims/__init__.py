"""What the notebook of the textbook claims needs, alone."""
