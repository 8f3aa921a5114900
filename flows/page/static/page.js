// Keeps a page up to date without a reload, shows values under a cursor, and remembers light or dark.
"use strict";

const RETRY_MS = 2_000;
const root = document.documentElement;

function store(name, value) {
  try { localStorage.setItem(name, value); } catch (error) { console.debug("nothing is remembered", error); }
}

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

const theme = stored("theme");
if (theme === "light" || theme === "dark") root.dataset.theme = theme;

function switchTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  store("theme", root.dataset.theme);
}

// Local time where the pointer rests; the page itself speaks of UTC.
function showLocalTimes(within) {
  for (const time of within.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString();
}

// What has an id and is other than before is replaced; open details, focus and scrolled tables stay as they are.
function replaced(now, then) {
  const open = [...then.querySelectorAll("details")].map((each) => each.open);
  const left = [...then.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  const active = then.contains(document.activeElement) ? pathTo(then, document.activeElement) : null;
  const next = document.importNode(now, true);
  [...next.querySelectorAll("details")].forEach((each, place) => { each.open = open[place] ?? false; });
  then.replaceWith(next);
  [...next.querySelectorAll(".scroll")].forEach((each, place) => { each.scrollLeft = left[place] ?? 0; });
  if (active) follow(next, active)?.focus({ preventScroll: true });
  showLocalTimes(next);
}

function pathTo(from, to) {
  const path = [];
  for (let node = to; node !== from; node = node.parentElement) path.unshift([...node.parentElement.children].indexOf(node));
  return path;
}

function follow(from, path) {
  return path.reduce((node, place) => node?.children[place], from);
}

// A worker that has stopped would look like a quiet one: where nothing new comes it is said for how long.
const QUIET_MS = 120_000;
const SPANS = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"]];

function showAge() {
  const age = document.getElementById("age");
  if (!age) return;
  const ms = Date.now() - Number(age.dataset.stored);
  const [unit, name] = SPANS.find(([each]) => ms >= 2 * each) ?? SPANS.at(-1);
  age.hidden = ms < QUIET_MS;
  age.textContent = age.hidden ? "" : `· nothing new for ${Math.floor(ms / unit)} ${name}`;
}

const MAIN = "main > [id], #state";
const textOf = (page) => [...page.querySelectorAll(MAIN)].map((each) => each.outerHTML).join("");
// The page as the server made it, before anything here changes it: where that is the same again all stays as it is.
let made = textOf(document);
let asking = false;
let again = false;

async function update() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    console.debug("not updated", error);
  } finally {
    asking = false;
    if (again) { again = false; update(); }
  }
}

function take(page) {
  const text = textOf(page);
  if (text === made) return;
  made = text;
  document.title = page.title;
  const known = [...document.querySelectorAll(MAIN)];
  const wanted = [...page.querySelectorAll(MAIN)];
  if (known.map((each) => each.id).join() !== wanted.map((each) => each.id).join()) {
    replaced(page.getElementById("main"), document.getElementById("main"));
    replaced(page.getElementById("state"), document.getElementById("state"));
  } else {
    wanted.forEach((next, place) => { if (!next.isEqualNode(known[place])) replaced(next, known[place]); });
  }
  showAge();
}

function listen(address) {
  const source = new EventSource(address);
  // At the first as well: more may have been stored since the page was made.
  source.addEventListener("counted", update);
  source.addEventListener("open", () => {
    if (document.body.classList.contains("away")) update();
    document.body.classList.remove("away");
  });
  source.addEventListener("error", () => {
    const state = document.getElementById("connection");
    if (state && !document.body.classList.contains("away")) {
      state.textContent = `not connected since ${new Date().toISOString().slice(11, 19)}`;
    }
    document.body.classList.add("away");
    // A browser asks again where a connection broke, but never where the answer was no stream: of a proxy without its server.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(address), RETRY_MS);
  });
}

// A cursor on charts: by pointer, or by the arrow keys.
const NS = "http://www.w3.org/2000/svg";
const [LEFT, MARGIN, UNDER] = [52, 10, 22];

function show(chart, x) {
  const { width, height } = chart.viewBox.baseVal;
  const [RIGHT, TOP, BOTTOM] = [width - MARGIN, Number(chart.dataset.top), height - UNDER];
  const at = Math.min(Math.max(x, LEFT), RIGHT);
  let here = chart.querySelector(".here");
  if (!here) {
    here = chart.appendChild(document.createElementNS(NS, "line"));
    here.setAttribute("class", "here");
    here.setAttribute("y1", TOP);
    here.setAttribute("y2", BOTTOM);
  }
  here.setAttribute("x1", at);
  here.setAttribute("x2", at);
  chart.dataset.cursor = at;
  const { start, end, low, high, unit, across } = chart.dataset;
  const time = Number(start) + ((at - LEFT) / (RIGHT - LEFT)) * (end - start);
  const said = [...chart.querySelectorAll("polyline[data-name]:not(.grey)")].map((line) => {
    const points = [...line.points].filter((point) => point.x <= at + 0.5);
    if (!points.length) return null;
    const value = Number(low) + ((BOTTOM - points.at(-1).y) / (BOTTOM - TOP)) * (high - low);
    const text = chart.dataset.log === "1" ? `${Math.exp(value).toPrecision(3)} : 1` : `${value.toPrecision(3)} ${unit}`;
    return `${line.dataset.name} ${text}`;
  });
  chart.closest("figure").querySelector(".cursor").textContent =
    `${across ? `${across} ${(time / 1000).toFixed(2)}` : new Date(time).toISOString().slice(11, 19)} ${said.filter(Boolean).join(" · ")}`;
}

document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest?.(".chart");
  if (!chart) return;
  const box = chart.getBoundingClientRect();
  show(chart, ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width);
});
document.addEventListener("keydown", (event) => {
  const chart = event.target.closest?.(".chart");
  const step = { ArrowLeft: -6, ArrowRight: 6 }[event.key];
  if (!chart || !step) return;
  event.preventDefault();
  show(chart, Number(chart.dataset.cursor ?? chart.viewBox.baseVal.width / 2) + step);
});

document.getElementById("theme").addEventListener("click", switchTheme);
showLocalTimes(document);
showAge();
setInterval(showAge, 10_000);
if (document.body.dataset.live) listen(document.body.dataset.live);
