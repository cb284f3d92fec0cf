"""The board as files: every page from the builders that the app uses, for any host, or none."""
