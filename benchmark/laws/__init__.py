"""The laws that a generator keeps, each a small function of a `Case` that raises `Broken`; `check` tries them all."""
