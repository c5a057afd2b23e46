"""From labelled recordings to a measured Keras model; desktop only."""
