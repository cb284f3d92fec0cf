"""Questions: how ranks are made, why a score may change, why a method is missing; versions; what was rejected."""

from pathlib import Path

import streamlit as st

from retouch.benchmark.support import places
from retouch.leaderboard.draw import answers
from retouch.leaderboard.look import markup, numbers, theme
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell


def page(view: View, look: theme.Look) -> None:
    """Answers, versions, rejected files, every number."""
    for question, answer in answers.ANSWERS:
        with st.expander(question):
            st.html(f'<div class="rt"><p>{markup.esc(answer)}</p></div>')
    st.html(answers.versions(view))
    changes = (places.checkout() or Path()) / "CHANGELOG.md"  # beside the package in a checkout; a wheel has none
    if changes.is_file():
        with st.expander("Changes of tracks and scores, by version"):
            st.markdown(changes.read_text(encoding="utf-8").split("\n", 1)[1])
    st.html(answers.log(view.runs) + answers.rejected(view.records.rejected))
    st.html('<div class="rt"><h2>Every number</h2></div>')
    with st.expander("What each number means, and when not to trust it"):
        raw = frame.metrics_of(view.runs) if len(view.runs) else []
        st.html(markup.explain([*numbers.FIELDS, *numbers.COUNTS, *raw]))


shell.run(page, "Questions", "What the numbers rest on, what was left out, and what each word means.", always=True)
