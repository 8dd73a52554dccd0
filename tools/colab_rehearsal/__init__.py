"""Stand-ins for the machines of Colab and Kaggle."""
