"""Speed, memory and time to a Dice beside other networks."""
