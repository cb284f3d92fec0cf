"""The one console that the command line prints to."""

from rich.console import Console

console = Console(highlight=False)
if not console.is_terminal:
    console.width = 180  # a log or a pipe has room; 80 columns would cut every name
