"""The app, its server, and the snapshot."""
