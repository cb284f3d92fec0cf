// The site's own script: finds rows, draws figures, compares two submissions. Works from a file as well as from a host.
const ready = () => {
  // Figures, drawn when they come into sight; by night each colour becomes the one that the app has by night.
  const night = matchMedia("(prefers-color-scheme:dark)").matches;
  const draw = (panel) => {
    let text = panel.dataset.figure;
    if (night) for (const [day, dark] of JSON.parse(document.body.dataset.night)) text = text.replaceAll(day, dark);
    const figure = JSON.parse(text);
    Plotly.newPlot(panel, figure.data, figure.layout, { responsive: true, displaylogo: false }).then(() =>
      panel.dataset.wall && panel.on("plotly_click", ({ points: [{ customdata }] }) => {
        if (customdata) location.href = `${panel.dataset.wall}#${customdata[0]}.${customdata[1]}`;
      }));
  };
  const sight = new IntersectionObserver((seen) => seen.filter((e) => e.isIntersecting).forEach((e) => {
    sight.unobserve(e.target);
    draw(e.target);
  }), { rootMargin: "200px" });
  document.querySelectorAll(".panel").forEach((panel) => sight.observe(panel));

  // Rows that hold every word between two commas, for any of the commas' parts; the address keeps what is looked for.
  const find = document.getElementById("find"), verified = document.getElementById("verified");
  const units = () => document.querySelectorAll("table.cohort > tbody:not(.rt-why), table:not(.cohort) > tbody > tr");
  const filter = () => {
    const parts = find.value.toLowerCase().split(",").map((part) => part.trim().split(/\s+/)).filter((words) => words[0]);
    let left = 0, total = 0;
    for (const unit of units()) {
      const text = unit.textContent.toLowerCase(), control = unit.classList.contains("rt-control");
      const fits = control || ((!parts.length || parts.some((words) => words.every((word) => text.includes(word)))) &&
        (!verified.checked || text.includes("✓ verified")));
      unit.classList.toggle("hidden", !fits);
      if (!control) { total += 1; left += fits; }
    }
    for (const table of document.querySelectorAll("table.cohort")) {
      let some = false;  // of the rows below a line that says why they have no rank: without any, it goes too
      for (const body of [...table.tBodies].reverse()) {
        const why = body.classList.contains("rt-why");
        if (why) body.classList.toggle("hidden", !some);
        some = !why && (some || !body.classList.contains("hidden"));
      }
    }
    document.getElementById("left").textContent = left < total ? `${left} of ${total} rows` : "";
  };
  const recall = () => {
    const hash = new URLSearchParams(location.hash.slice(1));
    if (!hash.has("find") && !hash.has("verified")) return;
    find.value = hash.get("find") || "";
    verified.checked = hash.get("verified") === "1";
    filter();
  };
  if (find) {
    const keep = () => {
      filter();
      const hash = new URLSearchParams();
      if (find.value) hash.set("find", find.value);
      if (verified.checked) hash.set("verified", "1");
      history.replaceState(null, "", "#" + hash);
    };
    find.addEventListener("input", keep);
    verified.addEventListener("change", keep);
    addEventListener("hashchange", recall);
    recall();
  }

  // Two submissions, paired: the sentence and the differences were worked out when the site was made.
  const pick = document.querySelector(".pick");
  if (pick) {
    const [a, b] = pick.querySelectorAll("select"), out = document.getElementById("pair");
    const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
    const bar = ([, , , axis, value, low, high], widest) => {
      const box = cell("span", ""), at = (v) => 50 + 48 * v / widest + "%";
      box.className = "bar" + (axis === "quality" ? " q" : "") + (low === null || (low <= 0 && high >= 0) ? " even" : "");
      if (low !== null) {
        const line = cell("i", "");
        Object.assign(line.style, { left: at(low), width: 48 * (high - low) / widest + "%" });
        box.append(line);
      }
      const mark = cell("b", "");
      mark.style.left = at(value);
      box.append(mark);
      return box;
    };
    const show = () => {
      const flip = a.value > b.value, pair = comparisons[[a.value, b.value].sort().join("|")];
      out.replaceChildren();
      if (!pair) return;
      const says = cell("p", pair.says);
      says.className = "say";
      const rows = pair.rows.map((r) => (flip ? [...r.slice(0, 4), -r[4], r[6] === null ? null : -r[6], r[5] === null ? null : -r[5], r[7]] : r));
      const widest = Math.max(...rows.map((r) => Math.max(Math.abs(r[4]), Math.abs(r[5] || 0), Math.abs(r[6] || 0))), 0.01);
      const table = document.createElement("table"), body = table.createTBody();
      table.append(cell("caption", "Paired differences with 95% intervals; right of the line the first is ahead"));
      const head = table.createTHead().insertRow();
      for (const title of ["instance", "", "difference", "95% interval", "seeds"]) head.append(Object.assign(cell("th", title), { scope: "col" }));
      for (const row of rows) {
        const line = body.insertRow();
        line.append(Object.assign(cell("th", row[2]), { scope: "row" }), cell("td", row[3]));
        const picture = cell("td", " " + (row[4] > 0 ? "+" : "") + row[4].toFixed(3));
        picture.prepend(bar(row, widest));
        line.append(picture, cell("td", row[5] === null ? "one seed" : `${row[5].toFixed(3)} to ${row[6].toFixed(3)}`), cell("td", row[7]));
      }
      const scroll = cell("div", "");
      scroll.className = "rt-scroll";
      scroll.append(table);
      out.append(says, scroll);
      history.replaceState(null, "", `#${a.value}|${b.value}`);
    };
    const names = decodeURIComponent(location.hash.slice(1)).split("|");
    if (names.length === 2) [a.value, b.value] = names;
    a.addEventListener("change", show);
    b.addEventListener("change", show);
    show();
  }
};
document.readyState === "loading" ? addEventListener("DOMContentLoaded", ready) : ready();
