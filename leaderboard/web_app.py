"""The board as a web application: Streamlit's pages behind the first table. `leaderboard.serve` starts it."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from leaderboard.first import FirstTable

app = st.App(Path(__file__).with_name("app.py"), middleware=[Middleware(FirstTable)])
