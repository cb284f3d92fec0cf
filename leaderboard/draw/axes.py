"""What all figures share."""

import plotly.graph_objects as go

from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import esc

UNIT = ("goal", "quality", "score", "goal_after")  # numbers that are 1 at their best
HEIGHT = 430  # pixels


def layout(figure: go.Figure, dark: bool, height: int, title: str = "") -> go.Figure:
    """The figure in the board's look, its title at the left above the plot."""
    head = (
        {"text": esc(title), "x": 0, "xanchor": "left", "y": 0.985, "yanchor": "top", "font": {"size": 15}}
        if title
        else None
    )
    return figure.update_layout(template=theme.template(dark), height=height, title=head)
