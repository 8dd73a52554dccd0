"""The data: find, check and read it, group and split it, simulate it."""
