"""The leaderboard: `retouch board` starts it on the records at hand."""

from pathlib import Path

import streamlit as st

from retouch.leaderboard import views

VIEWS = Path(views.__file__).parent  # a folder called pages would be taken for Streamlit's own kind of pages
st.set_page_config(page_title="Retouch leaderboard", page_icon="◐", layout="wide", initial_sidebar_state="collapsed")
st.navigation(
    [
        st.Page(VIEWS / f"{name}.py", title=title, url_path=name, default=name == "overview")
        for name, title in views.TITLES.items()
    ],
    position="top",
).run()
