// Sorting and unfolding of the board's tables, for the app and for the static site alike. Listens to the page as a
// whole, since tables come and go; a table body is a submission, its first row the best point.
if (!window.retouchBoard) {
  window.retouchBoard = true;
  const value = (body, column) => {
    const cell = [...body.rows[0].cells].find((c, i, all) => all.slice(0, i).reduce((n, d) => n + d.colSpan, 0) === column);
    const text = cell?.dataset.v ?? "";
    return text === "" ? null : isNaN(text) ? text : Number(text);
  };
  const sort = (button) => {
    const head = button.closest("th"), table = button.closest("table");
    const column = [...head.parentNode.cells].slice(0, head.cellIndex).reduce((n, c) => n + c.colSpan, 0);
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = (a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      if (x === null || y === null) return (x === null) - (y === null);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    };
    const parts = [[]];  // what is ranked, then each line that says why the rows below it are not, with these
    for (const body of table.tBodies) {
      if (body.classList.contains("rt-why")) parts.push([body], []);
      else parts.at(-1).push(body);
    }
    table.append(...parts.flatMap((part) => part.sort(order)));
  };
  const fold = (button) => {
    const open = button.closest("tbody").classList.toggle("open");
    button.setAttribute("aria-expanded", open);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.sort, button.fold");
    if (button) (button.classList.contains("sort") ? sort : fold)(button);
  });
}
