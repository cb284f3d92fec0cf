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
    const address = data[(event.points[0].customdata || []).join("|")];
    if (!address) return;
    box.firstChild.src = address;
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
