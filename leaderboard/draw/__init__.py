"""Figures, tables and pictures."""
