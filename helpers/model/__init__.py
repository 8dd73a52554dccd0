"""The network: build, train, save and explain it."""
