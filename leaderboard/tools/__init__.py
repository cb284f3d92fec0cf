"""Programs about the board: how fast it is, and the page of results."""
