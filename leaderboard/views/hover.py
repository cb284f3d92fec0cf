"""Pictures while the pointer rests on a point: a small script that listens to the figures of the page.

Plotly's own hover box holds text alone; the script shows the contact sheet beside it. Pictures are data addresses that
this package made from PNG files, set as an image's source: nothing from a record becomes markup.
"""

from functools import cache
from typing import Any

import streamlit as st

MOST = 80  # points with pictures on one page

SCRIPT = """
export default function ({ data }) {
  let box = document.getElementById("rt-hover");
  if (!box) {
    box = document.createElement("div");
    box.id = "rt-hover";
    box.setAttribute("aria-hidden", "true");
    box.appendChild(document.createElement("img"));
    Object.assign(box.style, { position: "fixed", zIndex: 1e6, pointerEvents: "none", display: "none", padding: "6px",
      background: "#fff", border: "1px solid #999", borderRadius: "4px", boxShadow: "0 4px 18px rgba(0,0,0,.25)" });
    Object.assign(box.firstChild.style, { display: "block", maxWidth: "360px", imageRendering: "pixelated" });
    document.body.appendChild(box);
  }
  const show = (event) => {
    const found = data[(event.points[0].customdata || []).join("|")];
    if (!found) return;
    box.firstChild.src = found;
    const { clientX, clientY } = event.event;
    box.style.left = Math.max(8, Math.min(window.innerWidth - 390, clientX - 180)) + "px";
    box.style.top = (clientY > window.innerHeight - 190 ? clientY - 170 : clientY + 60) + "px";
    box.style.display = "block";
  };
  const hide = () => { box.style.display = "none"; };
  // A figure may be drawn long after this runs, or again: it is listened to when the pointer comes to it.
  const plots = new Set();
  const detach = (plot) => {
    plot.removeListener?.("plotly_hover", show);
    plot.removeListener?.("plotly_unhover", hide);
  };
  const attach = ({ target }) => {
    const plot = target.closest?.(".js-plotly-plot");
    if (!plot?.on) return;
    detach(plot);
    plot.on("plotly_hover", show);
    plot.on("plotly_unhover", hide);
    plots.add(plot);
  };
  document.addEventListener("mouseover", attach, true);
  return () => { document.removeEventListener("mouseover", attach, true); plots.forEach(detach); hide(); };
}
"""


@cache
def _component() -> Any:
    return st.components.v2.component("retouch_hover", js=SCRIPT, html="<span></span>")


def pictures(found: dict[str, str]) -> None:
    """Show these contact sheets, "submission|point|family" -> data address, while a point of any figure is hovered."""
    if found:
        _component()(data=dict(list(found.items())[:MOST]), key="hover", height=1)
