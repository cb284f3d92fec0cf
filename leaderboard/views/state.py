"""The view's state lives in the address, so that a view can be shared and Back undoes the last choice.

A run of a page either follows the address (it was opened, or Back or Forward was pressed: every control takes its value
from there and nothing is written) or a visitor's choice (the address is written once, as one step of the history).
Streamlit's own binding to query parameters (`bind`, of 1.67) is not used: it replaces the newest step of the history,
so that Back leaves the board; it writes titles in the place of names; and it drops what it does not know without a
word.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

FOLLOWED = "address:followed"  # page and query of the last run
FRESH = "address:fresh"  # whether this run follows the address
VALUES = "address:values"  # what this run writes
Width = int | Literal["stretch"]


class Unknown(Exception):
    """The address names something that is not here."""


def follow(page: str) -> None:
    """Begin a run of a page: find out whether the address or a choice is newer."""
    here = (page, st.query_params.to_dict())
    st.session_state[FRESH] = st.session_state.get(FOLLOWED) != here
    st.session_state[FOLLOWED], st.session_state[VALUES] = here, {}


def publish() -> None:
    """End a run of a page: a choice goes into the address, all controls at once."""
    page, query = st.session_state[FOLLOWED]
    values = st.session_state[VALUES]
    if not st.session_state[FRESH] and values != query:
        st.query_params.from_dict(values)
        st.session_state[FOLLOWED] = (page, values)


def values() -> dict[str, str]:
    """What the controls of this run write into the address."""
    return st.session_state[VALUES]


def _from_address(name: str) -> bool:
    """Whether a control takes its value from the address."""
    return st.session_state.get(FRESH, True) or name not in st.session_state


def _write(name: str, text: str | None) -> None:
    if text is not None:
        st.session_state.setdefault(VALUES, {})[name] = text


def choice(label: str, name: str, options: Sequence[str], *, default: str | None = None,
           show: Callable[[str], str] = str, segmented: bool = False, help: str | None = None,
           width: Width = "stretch", always: bool = False) -> str:  # fmt: skip
    """One of several: a select box, or a segmented control.

    Args:
        always: stands in the address even where it is the default, since the default may be another one tomorrow.

    Raises:
        Unknown: the address names something else.
    """
    first = options[0] if default is None or default not in options else default
    query = st.query_params.get(name, first) if _from_address(name) else st.session_state[name]
    st.session_state[name] = query if query in options else None if _from_address(name) else first
    if segmented:
        value = st.segmented_control(
            label, options, key=name, format_func=show, help=help, required=query in options, wrap=True
        )
    else:
        value = st.selectbox(label, options, key=name, format_func=show, help=help, width=width, placeholder="Choose")
    if value is None:
        raise Unknown(f"There is no {label.lower()} called “{query[:80]}” here.")
    _write(name, None if value == first and not always else value)
    return value


def many(label: str, name: str, options: Sequence[str], *, show: Callable[[str], str] = str,
         help: str | None = None, pills: bool = True, default: Sequence[str] = ()) -> list[str]:  # fmt: skip
    """Any of several; none chosen means no restriction.

    Raises:
        Unknown: the address names something else.
    """
    if _from_address(name):
        text = st.query_params.get(name)
        names = list(default) if text is None else [part for part in text.split(",") if part]
        unknown = [part for part in names if part not in options] if text else []
    else:
        names, unknown = st.session_state[name], []
    st.session_state[name] = [option for option in options if option in names]
    if pills:
        value = st.pills(label, options, selection_mode="multi", key=name, format_func=show, help=help)
    else:
        value = st.multiselect(label, options, key=name, format_func=show, help=help, placeholder="Choose")
    if unknown:
        raise Unknown(f"{label}: “{unknown[0][:80]}” is not here.")
    _write(name, ",".join(value) if list(value) != list(default) else None)
    return list(value)


def number(label: str, name: str, options: Sequence[float], *, default: float,
           show: Callable[[float], str] = str, help: str | None = None) -> float:  # fmt: skip
    """One of a scale of numbers: a slider."""
    texts = {f"{option:g}": option for option in options}
    if _from_address(name):
        st.session_state[name] = texts.get(st.query_params.get(name, ""), default)
    value = st.select_slider(label, options, key=name, format_func=show, help=help)
    _write(name, None if value == default else f"{value:g}")
    return value


def switch(label: str, name: str, *, help: str | None = None) -> bool:
    """On or off; off is the default."""
    if _from_address(name):
        st.session_state[name] = st.query_params.get(name) == "1"
    value = st.toggle(label, key=name, help=help)
    _write(name, "1" if value else None)
    return value


def text(label: str, name: str, *, placeholder: str = "", width: Width = "stretch") -> str:
    """A line of text, at most 80 characters."""
    if _from_address(name):
        st.session_state[name] = st.query_params.get(name, "")[:80]
    value = st.text_input(label, key=name, placeholder=placeholder, max_chars=80, width=width)
    _write(name, value or None)
    return value


def kept(label: str, name: str, options: Sequence[str]) -> list[str]:
    """What the address names without a control for it, as long as it is one of `options`.

    Raises:
        Unknown: the address that was opened names something else.
    """
    value = st.query_params.get(name)
    if value is None:
        return []
    if value not in options and st.session_state.get(FRESH, True):
        raise Unknown(f"There is no {label.lower()} called “{value[:80]}” here.")
    _write(name, value if value in options else None)
    return [value] if value in options else []
