"""The board as a web application: Streamlit's pages behind the first table. `server.py` starts it."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from retouch.leaderboard.draw import sheets
from retouch.leaderboard.serve import pictures
from retouch.leaderboard.serve.first_table import FirstTable

SCRIPT = Path(__file__).with_name("app.py")
ROUTES = [Route(f"/{sheets.FOLDER}/{{path:path}}", pictures.answer)]
MIDDLEWARE = [Middleware(FirstTable)]
app = st.App(SCRIPT, routes=ROUTES, middleware=MIDDLEWARE)
