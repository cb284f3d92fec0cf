"""Retouch: a benchmark for changing what a trained image generator produces without training it again."""
