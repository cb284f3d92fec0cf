"""What runs where on a cluster: an actor apart from all that computes, so that it starts at once."""

from __future__ import annotations

from typing import Any


class Monitor:
    """Tasks tell it what happens, the driver asks for that, and `retouch status` reads the grid's state."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []
        self.state: dict[str, Any] = {}

    def tell(self, *event: Any) -> None:
        """Add an event: the label of a run that begins, or with it the steps done and in all."""
        self.events.append(event)

    def drain(self) -> list[tuple[str, ...]]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events

    def publish(self, state: dict[str, Any]) -> None:
        """Keep the grid's state."""
        self.state = state

    def read(self) -> dict[str, Any]:
        """The grid's state."""
        return self.state
