"""Corpora, the two networks, training, export and evaluation: all that needs the train extra."""
