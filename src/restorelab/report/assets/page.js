"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const pressed = (button) => button.getAttribute("aria-pressed") === "true";
const press = (button, on) => button.setAttribute("aria-pressed", String(on));
const root = document.documentElement;

// Light and dark: the system's choice until the reader chooses, which is remembered.
const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const retheme = () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try { localStorage.setItem("restorelab-theme", root.dataset.theme); } catch { /* not kept */ }
};
one("#theme").addEventListener("click", retheme);

// Contents: the drawer of narrow windows, and where the reader is.
const side = one(".side"), menu = one(".menu"), parts = all(".part"), links = all(".side nav > ol > li > a");
const drawer = (open) => { side.classList.toggle("open", open); menu.setAttribute("aria-expanded", String(open)); };
menu.addEventListener("click", () => drawer(!side.classList.contains("open")));
all(".side nav a").forEach((link) => link.addEventListener("click", () => drawer(false)));
const current = () => {
  let found = -1;
  parts.forEach((part, i) => { if (part.getBoundingClientRect().top < innerHeight * 0.3) found = i; });
  if (parts.length && scrollY > 0 && innerHeight + scrollY >= root.scrollHeight - 4) found = parts.length - 1;
  return found;
};
let waiting = false;
const followed = () => { waiting = false; const at = current(); links.forEach((link, i) => i === at ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")); };
addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(followed); } }, { passive: true });
followed();

// Keys.
const help = one("#help");
one("#help-button").addEventListener("click", () => help.showModal());
let aim = null;
const go = (number) => {
  const part = parts[Math.max(0, Math.min(parts.length - 1, number))];
  if (!part) return;
  aim = parts.indexOf(part);
  part.scrollIntoView();
  one("h2 a", part).focus({ preventScroll: true });
};
addEventListener("scrollend", () => { aim = null; });
const typing = (target) => target.matches("input:not([type=range]), select, textarea");
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape") {
    if (typing(event.target)) { event.target.value = ""; event.target.dispatchEvent(new Event("input", { bubbles: true })); event.target.blur(); }
    if (side.classList.contains("open")) { drawer(false); menu.focus(); }
    showAllRuns(); hideTip();
    return;
  }
  if (typing(event.target) || help.open) return;
  const at = aim ?? current();
  const keys = {
    j: () => go(at + 1), k: () => go(at - 1), t: retheme, "?": () => help.showModal(),
    "/": () => { const field = one("main .filter input") ?? one(".side .filter input"); field?.focus(); field?.scrollIntoView({ block: "center" }); },
    f: () => flip(),
  };
  const does = keys[event.key] ?? (/^[1-9]$/.test(event.key) && Number(event.key) <= parts.length ? () => go(Number(event.key) - 1) : null);
  if (does) { event.preventDefault(); does(); }
});

// A row of tabs: one is in the order of the Tab key, the arrows move.
const tabbed = (list, chosen) => {
  const tabs = all("[role=tab]", list);
  const choose = (tab, focus) => {
    tabs.forEach((other) => { other.setAttribute("aria-selected", String(other === tab)); other.tabIndex = other === tab ? 0 : -1; one(`#${other.getAttribute("aria-controls")}`).hidden = other !== tab; });
    if (focus) tab.focus();
    chosen(one(`#${tab.getAttribute("aria-controls")}`));
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(tab, false));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to !== undefined) { event.preventDefault(); choose(tabs[(to + tabs.length) % tabs.length], true); }
    });
  });
  if (tabs.length) choose(tabs[0], false);
};
