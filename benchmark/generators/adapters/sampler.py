"""A base that only samples: see `generators.sampler`."""

from retouch.benchmark.generators.sampler import Sampler as Adapter

__all__ = ["Adapter"]
