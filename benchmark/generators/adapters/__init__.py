"""Bases from outside, one module a kind: each has a class `Adapter`, a `Generator` of a family.

A card names it as `adapter`; `config` then also has "folder", where the base's own code may lie.
"""
