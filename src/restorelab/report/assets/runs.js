// A run that is pointed at, or pressed in a legend, stands out wherever it is drawn: one rule of style for the whole page.
const rule = document.head.appendChild(document.createElement("style"));
const kept = new Set();
let pointed = null;
const lit = () => {
  const chosen = kept.size ? [...kept] : pointed === null ? [] : [pointed];
  if (kept.size && pointed !== null && !kept.has(pointed)) chosen.push(pointed);
  const but = chosen.map((run) => `:not([data-run="${run}"])`).join("");
  const is = (selector) => chosen.map((run) => selector.replace("%", `[data-run="${run}"]`)).join();
  rule.textContent = !chosen.length ? "" : `
    .chart .run${but} { opacity: .1 }
    ${is(".chart % > .line")} { stroke-width: 3 }
    ${is(".chart % .name")} { font-weight: 650 }
    ${is("tbody tr% > *")} { background-color: var(--mark) }
    ${is(".tile% .frame")} { outline: 3px solid var(--amber); outline-offset: 1px }
    ${is(".legend %")} { background: var(--mark) }
    ${kept.size ? `tbody tr[data-run]${but}, .tile[data-run]${but}, .legend button${but} { opacity: .38 }` : ""}`;
  all(".legend button").forEach((button) => press(button, kept.has(button.dataset.run)));
  if (one("#clear")) one("#clear").hidden = !kept.size;
};
const showAllRuns = () => { if (kept.size || pointed !== null) { kept.clear(); pointed = null; lit(); } };
const point = (run) => { if (run !== pointed) { pointed = run; lit(); } };
const holder = (target) => target.closest?.(".legend [data-run], .chart [data-run], tr[data-run], .tile[data-run]");
addEventListener("pointerover", (event) => { if (event.pointerType !== "touch") point(holder(event.target)?.dataset.run ?? null); });
addEventListener("focusin", (event) => { if (event.target.matches(".legend button:focus-visible")) point(event.target.dataset.run); });
addEventListener("focusout", (event) => { if (event.target.matches(".legend button")) point(null); });
addEventListener("click", (event) => {
  const found = event.target.closest(".legend [data-run], .chart [data-run]");
  if (!found) return;
  const run = found.dataset.run;
  if (kept.has(run)) kept.delete(run);
  else kept.add(run);
  pointed = null;
  lit();
});
one("#clear")?.addEventListener("click", showAllRuns);
all(".side .filter input").forEach((field) => field.addEventListener("input", () => {
  const asked = field.value.toLowerCase().split(/\s+/);
  all(".side .legend li").forEach((item) => { item.hidden = !asked.every((word) => item.textContent.toLowerCase().includes(word)); });
}));
