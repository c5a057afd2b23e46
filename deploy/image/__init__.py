"""The image for a box's card: shell for the steps, Python for the lists beside it."""
