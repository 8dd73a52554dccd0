"""Builds the pages."""
