// The crops: one zoom and place for all of them, errors made from the pictures' own pixels, and two under a slider.
const RAMP = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
const color = (share) => {
  const at = Math.min(share, 1) * (RAMP.length - 1), i = Math.min(RAMP.length - 2, Math.floor(at)), rest = at - i;
  return RAMP[i].map((low, c) => low + (RAMP[i + 1][c] - low) * rest);
};
const pixelsOf = (image) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
};
// The mean absolute difference of the channels, times the gain; a smaller picture counts with its nearest pixel.
const differ = (canvas, a, b, gain) => {
  const [p, q] = [a, b].map(pixelsOf);
  const [wide, high] = [canvas.width, canvas.height] = [Math.max(p.width, q.width), Math.max(p.height, q.height)];
  const context = canvas.getContext("2d"), out = context.createImageData(wide, high);
  const index = (from, x, y) => 4 * (Math.floor(y * from.height / high) * from.width + Math.floor(x * from.width / wide));
  for (let y = 0, k = 0; y < high; y++) for (let x = 0; x < wide; x++, k += 4) {
    const i = index(p, x, y), j = index(q, x, y);
    const far = (Math.abs(p.data[i] - q.data[j]) + Math.abs(p.data[i + 1] - q.data[j + 1]) + Math.abs(p.data[i + 2] - q.data[j + 2])) / 765;
    [out.data[k], out.data[k + 1], out.data[k + 2], out.data[k + 3]] = [...color(far * gain), 255];
  }
  context.putImageData(out, 0, 0);
};

class Case {
  constructor(article) {
    this.article = article;
    this.tiles = all(".tile", article);
    this.byName = new Map(this.tiles.map((tile) => [tile.dataset.name, tile]));
    this.stage = one(".stage", article);
    this.handle = one(".handle", article);
    [this.zoom, this.x, this.y, this.at] = [1, 0, 0, 50];
    this.wireTools();
    this.wireTiles();
    this.wireSlider();
  }
  ready() { // once it is seen for the first time
    if (this.seen) return this.fit();
    this.seen = true;
    const best = this.tiles.filter((tile) => tile.matches(".restored")).reduce((a, b) => Number(b.dataset.psnr) > Number(a?.dataset.psnr ?? -1) ? b : a, null);
    this.choose("left", one(".tile.input", this.article).dataset.name);
    this.choose("right", (best ?? one(".tile.truth", this.article)).dataset.name);
    this.fit();
    return this.place(50);
  }
  fit() {
    const style = getComputedStyle(this.article), [w, h] = ["--w", "--h"].map((name) => Number(style.getPropertyValue(name)));
    const wide = one(".pair", this.article).clientWidth;
    if (wide) this.stage.style.setProperty("--K", Math.max(1, Math.floor(Math.min(wide / w, Math.max(innerHeight * 0.72, 280) / h, 640 / Math.min(w, 640)))));
  }
  // Zoom and place hold for every crop, the stage and the box in the whole image.
  look(zoom, x = this.x, y = this.y) {
    this.zoom = zoom;
    const most = 1 - 1 / zoom;
    [this.x, this.y] = [x, y].map((v) => Math.max(0, Math.min(most, v)));
    for (const [name, v] of Object.entries({ "--z": zoom, "--px": this.x * zoom, "--py": this.y * zoom })) this.article.style.setProperty(name, v);
    this.article.classList.toggle("zoomed", zoom > 1);
    all("[data-zoom]", this.article).forEach((chip) => press(chip, Number(chip.dataset.zoom) === zoom));
    const box = one(".whole .box", this.article);
    this.box ??= ["left", "top", "width", "height"].map((side) => parseFloat(box.style[side]));
    const [left, top, wide, high] = this.box;
    box.hidden = zoom === 1 && wide > 99.9 && high > 99.9;
    Object.assign(box.style, { left: `${left + this.x * wide}%`, top: `${top + this.y * high}%`, width: `${wide / zoom}%`, height: `${high / zoom}%` });
  }
  about(zoom) { // keeps the middle in the middle
    const [mx, my] = [this.x + 0.5 / this.zoom, this.y + 0.5 / this.zoom];
    this.look(zoom, mx - 0.5 / zoom, my - 0.5 / zoom);
  }
  wireTools() {
    const one_of = (name, does) => all(`[data-${name}]`, this.article).forEach((chip) => chip.addEventListener("click", () => {
      all(`[data-${name}]`, this.article).forEach((other) => press(other, other === chip));
      does(chip.dataset[name]);
    }));
    one_of("zoom", (zoom) => this.about(Number(zoom)));
    one_of("show", (show) => { this.article.classList.toggle("errors", show === "errors"); this.errors(); });
    one_of("order", (order) => {
      const restored = this.tiles.filter((tile) => tile.matches(".restored"));
      if (order === "psnr") restored.sort((a, b) => b.dataset.psnr - a.dataset.psnr);
      one(".tiles", this.article).append(...restored);
    });
    const gain = one(".gain input", this.article);
    gain.addEventListener("input", () => { one(".gain output", this.article).textContent = gain.value; this.errors(); this.difference(); });
    this.gain = () => Number(gain.value);
    this.article.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || typing(event.target)) return;
      const step = 0.125 / this.zoom * 2;
      const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (event.key === "+" || event.key === "=") this.about(Math.min(8, this.zoom * 2));
      else if (event.key === "-") this.about(Math.max(1, this.zoom / 2));
      else if (by && event.shiftKey && event.target !== this.handle) this.look(this.zoom, this.x + by[0], this.y + by[1]);
      else return;
      event.preventDefault();
    });
  }
  async errors() {
    if (!this.article.classList.contains("errors")) return;
    const truth = one(".tile.truth img", this.article);
    await Promise.all(all(".tile img", this.article).map((image) => image.decode()));
    for (const tile of this.tiles) if (!tile.matches(".truth")) {
      const frame = one(".frame", tile);
      const canvas = one("canvas", frame) ?? frame.appendChild(document.createElement("canvas"));
      differ(canvas, one("img", tile), truth, this.gain());
    }
  }
  wireTiles() {
    const list = one(".tiles", this.article);
    let drag = null, moved = false;
    this.tiles.forEach((tile) => one("button", tile).addEventListener("click", (event) => {
      if (!moved) this.choose(event.shiftKey ? "left" : "right", tile.dataset.name);
      moved = false;
    }));
    const within = (event) => { const box = event.target.closest(".frame")?.getBoundingClientRect(); return box && { box, x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height }; };
    list.addEventListener("pointerdown", (event) => { const at = within(event); moved = false; if (at && this.zoom > 1) drag = { ...at, from: [this.x, this.y], start: [event.clientX, event.clientY] }; });
    addEventListener("pointerup", () => { drag = null; });
    addEventListener("pointermove", (event) => {
      if (!drag) return;
      const [dx, dy] = [event.clientX - drag.start[0], event.clientY - drag.start[1]];
      if (Math.hypot(dx, dy) > 4) moved = true;
      this.look(this.zoom, drag.from[0] - dx / drag.box.width / this.zoom, drag.from[1] - dy / drag.box.height / this.zoom);
    });
    list.addEventListener("dragstart", (event) => event.preventDefault());
    list.addEventListener("pointermove", (event) => {
      const at = event.pointerType === "mouse" ? within(event) : null;
      list.classList.toggle("crossing", Boolean(at));
      if (at) { list.style.setProperty("--hx", at.x); list.style.setProperty("--hy", at.y); }
    });
    list.addEventListener("pointerleave", () => list.classList.remove("crossing"));
  }
  choose(which, name) {
    const tile = this.byName.get(name);
    one(`[data-side=${which}]`, this.article).value = name;
    one(which === "left" ? ".a img" : ".b img", this.stage).src = one("img", tile).src;
    one(`.tag.${which}`, this.stage).textContent = `${name}${tile.dataset.psnr ? ` · ${Number(tile.dataset.psnr).toFixed(2)} dB` : ""}`;
    this.tiles.forEach((other) => other.classList.toggle(`side-${which}`, other === tile));
    this.difference();
    this.place(this.at);
  }
  side(which) { return this.byName.get(one(`[data-side=${which}]`, this.article).value); }
  async difference() {
    const canvas = one("canvas", this.stage);
    canvas.hidden = !pressed(one("[data-difference]", this.article));
    this.article.classList.toggle("different", !canvas.hidden);
    if (canvas.hidden) return;
    const pair = [".a img", ".b img"].map((part) => one(part, this.stage));
    await Promise.all(pair.map((image) => image.decode()));
    differ(canvas, ...pair, this.gain());
  }
  place(at) {
    this.at = Math.max(0, Math.min(100, at));
    this.stage.style.setProperty("--pos", `${this.at}%`);
    const names = ["left", "right"].map((which) => one(`[data-side=${which}]`, this.article).value);
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.at)));
    this.handle.setAttribute("aria-valuetext", `${Math.round(this.at)} % ${names[0]}, ${Math.round(100 - this.at)} % ${names[1]}`);
    one(".tag.left", this.stage).hidden = this.at < 8;
    one(".tag.right", this.stage).hidden = this.at > 92;
  }
  flip() { this.place(this.at > 50 ? 0 : 100); }
  wireSlider() {
    const follow = (event) => { const box = this.stage.getBoundingClientRect(); this.place((event.clientX - box.left) / box.width * 100); };
    this.stage.addEventListener("pointerdown", (event) => { if (event.button) return; this.stage.setPointerCapture(event.pointerId); follow(event); this.handle.focus({ preventScroll: true }); event.preventDefault(); });
    this.stage.addEventListener("pointermove", (event) => { if (this.stage.hasPointerCapture(event.pointerId)) follow(event); });
    this.handle.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1;
      const to = { ArrowLeft: this.at - step, ArrowDown: this.at - step, ArrowRight: this.at + step, ArrowUp: this.at + step,
        PageDown: this.at - 10, PageUp: this.at + 10, Home: 0, End: 100 }[event.key];
      if (to !== undefined) { event.preventDefault(); event.stopPropagation(); this.place(to); }
    });
    all("[data-side]", this.article).forEach((select) => select.addEventListener("change", () => this.choose(select.dataset.side, select.value)));
    one("[data-flip]", this.article).addEventListener("click", () => this.flip());
    const button = one("[data-difference]", this.article);
    button.addEventListener("click", () => { press(button, !pressed(button)); this.difference(); });
  }
}

// The small pictures of the strip are those of the cases: each is in the page once.
all(".strip [role=tab]").forEach((tab) => { one("img", tab).src = one(`#${tab.getAttribute("aria-controls")} .whole img`).src; });
const cases = new Map(all(".case").map((article) => [article, new Case(article)]));
const shownCase = () => [...cases].find(([article]) => article.offsetParent)?.[1];
const flip = () => shownCase()?.flip();
const showCase = (part) => { const article = part.matches(".case") ? part : all(".case", part).find((found) => !found.hidden); cases.get(article)?.ready(); };
all(".strip").forEach((list) => tabbed(list, showCase));
all(".tabs").forEach((list) => tabbed(list, showCase));
all(".view").forEach((view) => { if (!view.hidden) showCase(view); });
addEventListener("resize", () => shownCase()?.fit());
