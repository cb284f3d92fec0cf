"""Pictures while the pointer rests on a point: a small script that listens to the figures of the page.

Plotly's own hover box holds text alone; the script shows the contact sheet beside it. Pictures are data addresses that
this package made from PNG files, set as an image's source: nothing from a record becomes markup.
"""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

MOST = 80  # points with pictures on one page


@cache
def _component() -> Any:
    return st.components.v2.component(
        "retouch_hover", js=Path(__file__).with_name("hover.js").read_text(encoding="utf-8"), html="<span></span>"
    )


def pictures(sheets: dict[str, str]) -> None:
    """Show these contact sheets, "submission|point|family" -> data address, while a point of any figure is hovered."""
    if sheets:
        _component()(data=dict(list(sheets.items())[:MOST]), key="hover", height=1)
