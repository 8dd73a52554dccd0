"""Functions of the breast ultrasound notebooks; importing this loads nothing.

For teaching and research. Not a medical device.
"""
