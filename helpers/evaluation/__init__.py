"""Scores of predictions, with intervals, and what explains them."""
