// Tables: sorted by their headings, filtered by words, columns put away.
const value = (row, column) => (column === 0 ? row.cells[0] : one(`[data-column="${column}"]`, row))?.dataset.v ?? "";
const order = (a, b) => {
  if (a === "" || b === "") return null; // what was not measured stands last, whichever way
  const x = Number(a), y = Number(b);
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
};
all("table.sortable").forEach((table) => {
  const body = table.tBodies[0], heads = all("th[data-column]", table);
  heads.forEach((head) => one("button", head).addEventListener("click", () => {
    const column = Number(head.dataset.column), text = head.classList.contains("text") || column === 0;
    const before = head.getAttribute("aria-sort");
    const way = before === "none" ? (text ? "ascending" : "descending") : before === (text ? "ascending" : "descending") ? (text ? "descending" : "ascending") : "none";
    heads.forEach((other) => other.setAttribute("aria-sort", other === head ? way : "none"));
    const rows = [...body.rows].sort((a, b) => a.dataset.place - b.dataset.place);
    if (way !== "none") rows.sort((a, b) => {
      const [x, y] = [value(a, column), value(b, column)], found = order(x, y);
      return found === null ? (x === "") - (y === "") : way === "ascending" ? found : -found;
    });
    body.append(...rows);
  }));
});
all(".tabular").forEach((part) => {
  const table = one("table", part), field = one(".filter input", part);
  field?.addEventListener("input", () => {
    const asked = field.value.toLowerCase().split(/\s+/);
    [...table.tBodies[0].rows].forEach((row) => { row.hidden = !asked.every((word) => row.textContent.toLowerCase().includes(word)); });
  });
  // A column is there while its evaluation and its own name are both shown.
  const chips = all(".chip", part);
  const columns = all("th[data-column]", table).map((head) => {
    const groups = all("th.group", table);
    let start = 0, group = null;
    if (head.parentNode.rowIndex === 1) {
      const place = all("th[data-column]", head.parentNode).indexOf(head);
      group = groups.find((found) => { start += found.colSpan; return place < start; });
    }
    return { head, group, number: head.dataset.column, name: head.textContent.trim() };
  });
  const draw = () => {
    const away = { group: new Set(), head: new Set() };
    chips.filter((chip) => !pressed(chip)).forEach((chip) => { for (const kind of ["group", "head"]) if (chip.dataset[kind] !== undefined) away[kind].add(chip.dataset[kind]); });
    const shown = new Map();
    columns.forEach(({ head, group, number, name }) => {
      const hidden = number !== "0" && (away.head.has(name) || Boolean(group && away.group.has(group.dataset.group)));
      head.hidden = hidden;
      all(`td[data-column="${number}"]`, table).forEach((cell) => { cell.hidden = hidden; });
      if (group) shown.set(group, (shown.get(group) ?? 0) + (hidden ? 0 : 1));
    });
    shown.forEach((count, group) => { group.hidden = !count; if (count) group.colSpan = count; });
  };
  chips.forEach((chip) => chip.addEventListener("click", () => { press(chip, !pressed(chip)); draw(); }));
});
// A table or drawing that is wider than its place says so, with the number of columns out of sight, and goes there.
all(".scroll, .drawing").forEach((scroll) => {
  const more = document.createElement("button");
  more.type = "button";
  more.className = "more";
  scroll.before(more);
  const hidden = () => {
    const right = scroll.getBoundingClientRect().right + 4;
    return [...(one("tbody tr", scroll)?.cells ?? [])].filter((cell) => !cell.hidden && cell.getBoundingClientRect().right > right).length;
  };
  const draw = () => {
    more.hidden = scroll.scrollLeft + scroll.clientWidth > scroll.scrollWidth - 5;
    const count = more.hidden ? 0 : hidden();
    more.textContent = count ? `${count} more column${count === 1 ? "" : "s"} \u2192` : "more \u2192";
  };
  more.addEventListener("click", () => scroll.scrollBy({ left: scroll.clientWidth * 0.7 }));
  scroll.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(scroll);
  new MutationObserver(draw).observe(scroll, { subtree: true, attributes: true, attributeFilter: ["hidden"] });
  draw();
});
