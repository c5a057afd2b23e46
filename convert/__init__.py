"""From a Keras model to the one file a device runs; desktop only."""
