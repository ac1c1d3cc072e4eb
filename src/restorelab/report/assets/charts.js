// Exact values where the reader points, or steps with the arrow keys.
const tip = one("#tip");
const hideTip = () => { tip.hidden = true; all(".cursor").forEach((line) => line.remove()); all(".mark.at").forEach((mark) => mark.classList.remove("at")); };
const showTip = (text, x, y) => {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(innerWidth - box.width - 6, x + 14))}px`;
  tip.style.top = `${y - box.height - 12 < 6 ? y + 18 : y - box.height - 12}px`;
};
const exact = (number) => Math.abs(number) >= 1e4 ? Math.round(number).toLocaleString("en").replaceAll(",", "\u2009") : String(Number(number.toPrecision(6)));
const middle = (element) => { const box = element.getBoundingClientRect(); return [box.left + box.width / 2, box.top + Math.min(box.height / 2, 14)]; };

const marked = (mark, x, y) => { hideTip(); mark.classList.add("at"); showTip(mark.dataset.tip, x, y); };
addEventListener("pointermove", (event) => {
  const mark = event.target.closest?.("[data-tip]");
  if (mark) marked(mark, event.clientX, event.clientY);
  else if (!tip.hidden && !event.target.closest?.(".lines .drawings")) hideTip();
});
addEventListener("scroll", hideTip, { passive: true });

const visible = (part) => all(".chart", part).find((chart) => chart.getBoundingClientRect().width > 0);

// Curves: the nearest measured place of the nearest curve, and the others there.
class Curves {
  constructor(part) {
    this.part = part;
    this.figure = part.closest("figure");
    this.series = JSON.parse(this.figure.dataset.series);
    this.places = [...new Set(this.series.flatMap((one) => one.x))].sort((a, b) => a - b);
  }
  plot() {
    const chart = visible(this.part), [left, top, wide, high, x0, x1, log, y0, y1] = chart.dataset.plot.split(" ").map(Number);
    const bend = log ? Math.log10 : (v) => v;
    return { chart, top, high,
      x: (v) => left + (bend(v) - bend(x0)) / (bend(x1) - bend(x0)) * wide, y: (v) => top + high - (v - y0) / (y1 - y0) * high };
  }
  shown() { return kept.size ? this.series.filter((one) => kept.has(String(one.run))) : this.series; }
  at(clientX, clientY) {
    const plot = this.plot(), matrix = plot.chart.getScreenCTM().inverse(), p = new DOMPoint(clientX, clientY).matrixTransform(matrix);
    let best = null;
    for (const one of this.shown()) one.x.forEach((x, i) => {
      if (one.y[i] === null) return;
      const far = Math.hypot((plot.x(x) - p.x) * 2, plot.y(one.y[i]) - p.y);
      if (!best || far < best.far) best = { far, one, i };
    });
    if (best && best.far < 90) { this.say(best.one.x[best.i], best.one, clientX, clientY); return String(best.one.run); }
    hideTip();
    return null;
  }
  say(x, first, clientX, clientY) {
    hideTip();
    const plot = this.plot(), found = [];
    for (const one of this.shown()) { const i = one.x.indexOf(x); if (i >= 0 && one.y[i] !== null) found.push({ one, y: one.y[i], low: one.low?.[i], high: one.high?.[i] }); }
    found.sort((a, b) => (b.one === first) - (a.one === first) || b.y - a.y);
    const lines = found.slice(0, 7).map(({ one, y, low, high }) => `${one.name}  ${exact(y)}${low != null && high != null && low !== high ? ` [${exact(low)}, ${exact(high)}]` : ""}`);
    if (found.length > 7) lines.push(`and ${found.length - 7} more`);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [name, value] of Object.entries({ x1: plot.x(x), x2: plot.x(x), y1: plot.top, y2: plot.top + plot.high, class: "cursor" })) line.setAttribute(name, value);
    plot.chart.append(line);
    if (clientX === undefined) { const to = new DOMPoint(plot.x(x), plot.top + 40).matrixTransform(plot.chart.getScreenCTM()); [clientX, clientY] = [to.x, to.y]; }
    showTip([...(first ? [lines[0], `${this.figure.dataset.x} ${exact(x)}`, ...lines.slice(1)] : [`${this.figure.dataset.x} ${exact(x)}`, ...lines])].join("\n"), clientX, clientY);
  }
  step(by) {
    this.place = Math.max(0, Math.min(this.places.length - 1, (this.place ?? -1) + by));
    this.say(this.places[this.place]);
  }
}
all(".drawings").forEach((part) => {
  const curves = part.closest("figure").dataset.series ? new Curves(part) : null;
  let place = -1;
  const step = (by) => {
    if (curves) return curves.step(by);
    const marks = all("[data-tip]", visible(part));
    if (!marks.length) return null;
    place = (place + by + marks.length) % marks.length;
    return marked(marks[place], ...middle(one(".marker, rect", marks[place]) ?? marks[place]));
  };
  part.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) { event.preventDefault(); step(by); }
  });
  part.addEventListener("blur", hideTip);
  if (curves) {
    part.addEventListener("pointermove", (event) => point(curves.at(event.clientX, event.clientY)));
    part.addEventListener("pointerleave", () => { hideTip(); point(null); });
  }
});
