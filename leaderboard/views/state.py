"""The view's state lives in the address: every control reads its value there and writes it back.

A control's key is its name in the address; a fixed default is left out, and a value that is no option (an old or a
hostile address) falls back to the default.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

Width = int | Literal["stretch"]
KEEP = "kept:"  # what stays when another page is opened, since that clears the address


def _read(name: str) -> str | None:
    """What the address says, else what another page left."""
    return st.query_params.get(name, st.session_state.get(KEEP + name))


def _write(name: str, text: str | None) -> None:
    if text is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text
    st.session_state[KEEP + name] = text


def choice(label: str, name: str, options: Sequence[str], *, default: str | None = None,
           show: Callable[[str], str] = str, segmented: bool = False, help: str | None = None,
           width: Width = "stretch", always: bool = False) -> str:  # fmt: skip
    """One of several: a select box, or a segmented control.

    always: stands in the address even where it is the default, since the default may be another one tomorrow.
    """
    first = options[0] if default is None or default not in options else default
    if st.session_state.get(name) not in options:
        asked = _read(name)
        st.session_state[name] = asked if asked in options else first
    if segmented:
        value = st.segmented_control(label, options, key=name, format_func=show, help=help) or first
    else:
        value = st.selectbox(label, options, key=name, format_func=show, help=help, width=width)
    _write(name, None if value == first and not always else value)
    return value


def many(label: str, name: str, options: Sequence[str], *, show: Callable[[str], str] = str,
         help: str | None = None, pills: bool = True, default: Sequence[str] = ()) -> list[str]:  # fmt: skip
    """Any of several; none chosen means no restriction."""
    if name not in st.session_state:
        asked = _read(name)
        chosen = default if asked is None else asked.split(",")
        st.session_state[name] = [option for option in options if option in chosen]
    else:
        st.session_state[name] = [option for option in st.session_state[name] if option in options]
    if pills:
        value = st.pills(label, options, selection_mode="multi", key=name, format_func=show, help=help)
    else:
        value = st.multiselect(label, options, key=name, format_func=show, help=help, placeholder="Choose")
    _write(name, ",".join(value) if list(value) != list(default) else None)
    return list(value)


def number(label: str, name: str, options: Sequence[float], *, default: float,
           show: Callable[[float], str] = str, help: str | None = None) -> float:  # fmt: skip
    """One of a scale of numbers: a slider."""
    texts = {f"{option:g}": option for option in options}
    if st.session_state.get(name) not in options:
        st.session_state[name] = texts.get(_read(name) or "", default)
    value = st.select_slider(label, options, key=name, format_func=show, help=help)
    _write(name, None if value == default else f"{value:g}")
    return value


def switch(label: str, name: str, *, help: str | None = None) -> bool:
    """On or off; off is the default."""
    if name not in st.session_state:
        st.session_state[name] = _read(name) == "1"
    value = st.toggle(label, key=name, help=help)
    _write(name, "1" if value else None)
    return value


def text(label: str, name: str, *, placeholder: str = "", width: Width = "stretch") -> str:
    """A line of text, at most 80 characters."""
    if name not in st.session_state:
        st.session_state[name] = (_read(name) or "")[:80]
    value = st.text_input(label, key=name, placeholder=placeholder, max_chars=80, width=width)
    _write(name, value or None)
    return value
