"""The leaderboard: records in, tables and plots out."""
