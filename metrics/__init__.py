"""Pure functions on features, labels and likelihoods: arrays in, numbers out."""
