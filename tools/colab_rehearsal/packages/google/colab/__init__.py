"""Stands in for the package that Colab puts into its machines."""
