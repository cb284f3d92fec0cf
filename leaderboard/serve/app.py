"""The leaderboard: `retouch board` starts it on the records at hand."""

from pathlib import Path

import streamlit as st

VIEWS = Path(__file__).parent.parent / "views"  # a folder called pages would be taken for Streamlit's own kind of pages
st.set_page_config(page_title="Retouch leaderboard", page_icon="◐", layout="wide", initial_sidebar_state="collapsed")
TITLES = {"overview": "Overview", "tradeoffs": "Trade-offs", "task": "Task", "method": "Method", "compare": "Compare",
          "chooser": "Chooser", "submit": "Submit", "questions": "Questions"}  # fmt: skip
st.navigation(
    [
        st.Page(VIEWS / f"{name}.py", title=title, url_path=name, default=name == "overview")
        for name, title in TITLES.items()
    ],
    position="top",
).run()
