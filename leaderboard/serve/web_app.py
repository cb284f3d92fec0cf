"""The board as a web application: Streamlit's pages behind the first table. `server.py` starts it."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from retouch.leaderboard.serve.first_table import FirstTable

app = st.App(Path(__file__).with_name("app.py"), middleware=[Middleware(FirstTable)])
