"""How the models and the results that are kept were made."""
