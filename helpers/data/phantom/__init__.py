"""Simulated breast ultrasound images."""
