"""The board's entry file on a host for Streamlit apps; requirements.txt beside it is all that has to be installed.

The checkout itself stands for the package. RETOUCH_BOARD names other records than the repository's own.
"""

import os
import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("RETOUCH_BOARD", str(ROOT / "submissions"))

import retouch  # noqa: E402 - from the path above

retouch.__path__.append(str(ROOT))  # retouch.benchmark is the folder benchmark, and so on

from retouch.leaderboard.serve.web_app import MIDDLEWARE, ROUTES, SCRIPT  # noqa: E402
from retouch.leaderboard.views import shell  # noqa: E402

shell.view()  # the records are read before the first visitor comes
app = st.App(SCRIPT, routes=ROUTES, middleware=MIDDLEWARE)
