"""What the make commands call, and how the results and the pages are made."""
