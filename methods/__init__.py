"""One file a method: the reference methods, the controls and the baselines."""
