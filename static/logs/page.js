// A place's log: the stream or a moment of the past, filtered by the server, drawn by the screen, driven by mouse and keys.
import { show as showDetail } from "./detail.js";
import { Lines } from "./lines.js";
import { Screen, timeOf } from "./screen.js";
import { Source } from "./source.js";

const COLOURS = ["#7db4ff", "#f0bd5a", "#5fd394", "#d59cf0", "#ff9b9f", "#5fcfe0", "#d8d27a", "#f58fbd"];
const FULL = 90000; // lines that a paused page takes before it lets the stream go
const box = document.querySelector("[data-logs]");
const $ = (name) => box.querySelector("[data-logs-" + name + "]");
const t = (name) => box.dataset["t" + name[0].toUpperCase() + name.slice(1)] || "";
const colour = (n) => COLOURS[(n - 1) % COLOURS.length];
const form = $("form"), find = $("find"), state = $("state"), pause = $("pause"), detail = $("detail");
const lines = new Lines(), screen = new Screen($("screen"), lines, colour);
const asked = new URLSearchParams(location.search);
let at = asked.get("at") || "", line = Number(asked.get("line") || 0), mode = at ? "past" : "live", words = "", unseen = 0, rate = 0, waiting = [], trouble = "";
box.querySelectorAll("[data-who]").forEach((el) => { el.style.setProperty("--who", colour(Number(el.dataset.who))); });

// --- What is asked for ---------------------------------------------------------------------------------------------
function filters() {
  const found = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value && ["q", "level", "f", "instance"].includes(name)) found.append(name, value);
  return found;
}
function url(base, more) {
  const found = filters();
  found.set("opening", box.dataset.opening);
  for (const [name, value] of Object.entries(more || {})) found.set(name, value);
  return base + "?" + found;
}
const filtered = () => ["q", "level", "f"].some((name) => filters().get(name));
function remember() {
  const found = filters();
  if (mode === "past") { found.set("at", at); if (line) found.set("line", line); }
  const text = found.toString();
  history.replaceState(null, "", location.pathname + (text ? "?" + text : ""));
  $("all").href = url(box.dataset.download);
}
function linkTo(one) {
  const found = new URLSearchParams();
  filters().getAll("instance").forEach((n) => found.append("instance", n));
  found.set("at", one.s); found.set("line", one.n);
  return location.pathname + "?" + found;
}

// --- What the page says of itself ----------------------------------------------------------------------------------
function say() {
  const parts = [];
  if (trouble) parts.push(trouble);
  else if (mode === "past") parts.push(t("around").replace("%s", timeOf(at)));
  else parts.push(screen.follow ? "● " + t("live") : "❚❚ " + t("paused"));
  if (lines.length) parts.push(t("lines").replace("%s", lines.length.toLocaleString()) + (lines.dropped ? " (" + t("dropped") + ")" : ""));
  else if (!trouble) parts.push(filtered() ? t("noMatch") : t("none"));
  if (mode === "live" && rate >= 10) parts.push(t("rate").replace("%s", Math.round(rate).toLocaleString()));
  if (!screen.follow && unseen && mode === "live") parts.push(t("new").replace("%s", unseen.toLocaleString()));
  const text = parts.join(" · ");
  if (state.firstChild.textContent !== text) state.firstChild.textContent = text;
  pause.setAttribute("aria-pressed", String(!screen.follow));
  pause.lastElementChild.textContent = mode === "past" ? t("goLive") : screen.follow ? t("pause") : t("resume");
}
state.textContent = ""; state.append(document.createTextNode(""));

// --- Lines come in ---------------------------------------------------------------------------------------------------
let counted = 0, lastCount = performance.now(), queued = false;
function take(batch) {
  for (const one of batch) waiting.push(one);
  counted += batch.length;
  if (!queued) { queued = true; requestAnimationFrame(flush); }
}
function flush() {
  queued = false;
  const batch = waiting;
  waiting = [];
  if (!batch.length) return;
  if (!screen.follow) unseen += batch.length;
  screen.add(batch, !screen.follow);
  if (!screen.follow && lines.length > FULL && mode === "live") { source.hold(true); trouble = t("full"); }
  if (words) count();
}
setInterval(() => {
  const now = performance.now();
  rate = counted * 1000 / (now - lastCount); counted = 0; lastCount = now;
  say();
}, 1000);

const source = new Source(() => url(box.dataset.stream), {
  known: (positions) => (lines.length ? lines.remember(positions) : ""),
  hello: () => { trouble = ""; error(""); say(); },
  caught: () => lines.forget(),
  lines: take,
  sources: () => {},
  refused: (d) => { trouble = ""; error(d.text); },
  failed: (text) => { trouble = text; say(); },
  lost: () => { if (!trouble) trouble = t("lost").replace("%s", new Date().toLocaleTimeString()); say(); },
  forbidden: () => { trouble = t("signedOut"); say(); },
});
function error(text) { $("error").textContent = text; form.elements.q.classList.toggle("is-invalid", Boolean(text)); }

// --- Live, or a moment of the past -------------------------------------------------------------------------------------
async function ask(more) {
  const answer = await fetch(url(box.dataset.lines, more), { headers: { Accept: "application/json" } });
  const found = await answer.json();
  if (!answer.ok) { error(found.error); return null; }
  trouble = found.problems.join(" ");
  return found;
}
function clear() { waiting = []; unseen = 0; lines.clear(); screen.chosen = screen.hit = null; screen.widest = 0; showDetail(detail, null); screen.draw(true); }
function restart() {
  source.stop(); clear(); error(""); trouble = ""; source.positions = {};
  remember();
  if (mode === "past") { past(); return; }
  screen.follow = true; source.start(); say();
}
async function past() {
  screen.follow = false;
  const found = await ask({ at });
  if (!found) return;
  screen.add(found.lines, true);
  const index = lines.list.findIndex((one) => one.s === at && (!line || one.n === line));
  if (index >= 0) screen.choose(lines.list[index]);
  screen.show(index >= 0 ? index : Math.min(lines.after(at), Math.max(0, lines.length - 1)));
  say();
}
async function older() {
  if (!lines.length) return;
  const found = await ask({ before: lines.list[0].s, n: 500 });
  if (!found) return;
  if (!found.lines.length && !trouble) trouble = t("begin");
  screen.follow = false;
  screen.add(found.lines, true);
  say();
  setTimeout(() => { if (trouble === t("begin")) { trouble = ""; say(); } }, 4000);
}
function goLive() { mode = "live"; at = ""; line = 0; restart(); }

// --- Pause, find, wrap ---------------------------------------------------------------------------------------------------
function toggle() {
  if (mode === "past") { goLive(); return; }
  if (screen.follow) { screen.follow = false; screen.onscroll(false); screen.draw(); return; }
  screen.end();
}
screen.onscroll = (follows) => {
  if (follows) { unseen = 0; if (source.held) { trouble = ""; source.hold(false); } }
  say();
};
let hits = 0;
function count() {
  hits = 0;
  for (const one of lines.list) if (one.t.toLowerCase().includes(words)) hits += 1;
  let place = 0;
  if (screen.hit) for (const one of lines.list) { if (one.t.toLowerCase().includes(words)) place += 1; if (one === screen.hit) break; }
  $("hits").textContent = !words ? "" : hits ? t("hits").replace("%a", place || "–").replace("%b", hits.toLocaleString()) : t("noHits");
}
function next(step) {
  if (!words) return;
  const from = screen.hit ? lines.list.indexOf(screen.hit) : step > 0 ? lines.at(Math.floor(screen.box.scrollTop / screen.row)) - 1 : lines.length;
  const index = lines.find(words, from, step);
  if (index >= 0) { screen.hit = lines.list[index]; screen.show(index); }
  count();
}
let typing = null;
find.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { words = find.value.toLowerCase(); screen.words = words; screen.hit = null; screen.draw(true); count(); }, 150); });
find.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); next(e.shiftKey ? -1 : 1); } if (e.key === "Escape") { screen.box.focus(); } });
function option(name, value, act) {
  const input = $(name), kept = localStorage.getItem("xq-logs-" + name);
  input.checked = kept === null ? value : kept === "1";
  const apply = () => { localStorage.setItem("xq-logs-" + name, input.checked ? "1" : "0"); act(input.checked); screen.measure(); screen.draw(true); };
  input.addEventListener("change", apply);
  act(input.checked); screen.measure(); screen.draw(true);
}
option("times", window.innerWidth > 719, (yes) => { screen.times = yes; });
option("wrap", true, (yes) => { screen.wrapped = yes; box.classList.toggle("wrapping", yes); });

// --- The chosen line ---------------------------------------------------------------------------------------------------
const acts = {
  link: linkTo,
  copy: async (text) => { try { await navigator.clipboard.writeText(text); } catch (failed) { const area = document.createElement("textarea"); area.value = text; detail.append(area); area.select(); document.execCommand("copy"); area.remove(); } $("hits").textContent = t("copied"); },
  close: () => { screen.chosen = null; showDetail(detail, null); screen.draw(true); screen.box.focus(); },
  field: (text) => {
    const label = document.createElement("label"), input = document.createElement("input"), word = document.createElement("span");
    label.className = "xq-logs-chip"; word.className = "mono"; word.textContent = text;
    input.type = "checkbox"; input.name = "f"; input.value = text; input.checked = true;
    label.append(input, word); $("fields").append(label);
    changed();
  },
};
screen.box.addEventListener("xq:line", (e) => showDetail(detail, e.detail, t, acts));
function move(step) {
  if (!lines.length) return;
  const from = screen.chosen ? lines.list.indexOf(screen.chosen) : lines.at(Math.floor((screen.box.scrollTop + screen.box.clientHeight / 2) / screen.row));
  const index = Math.max(0, Math.min(lines.length - 1, from + step)), top = lines.tops[index] * screen.row;
  screen.chosen = lines.list[index];
  if (!detail.hidden) showDetail(detail, screen.chosen, t, acts);
  if (top < screen.box.scrollTop || top > screen.box.scrollTop + screen.box.clientHeight - 3 * screen.row) screen.show(index);
  else { screen.follow = false; say(); screen.draw(true); }
}

// --- The form, the buttons, the keys ------------------------------------------------------------------------------------
let later = null;
function changed() { clearTimeout(later); restart(); }
form.addEventListener("submit", (e) => { e.preventDefault(); changed(); });
form.addEventListener("input", (e) => { clearTimeout(later); later = setTimeout(() => { if (e.target.name === "f" && !e.target.checked) e.target.closest("label").remove(); changed(); }, e.target.name === "q" ? 500 : 50); });
pause.addEventListener("click", toggle);
$("older").addEventListener("click", older);
$("save").addEventListener("click", () => {
  const text = lines.list.map((one) => one.s + " #" + one.n + " " + one.t + "\n");
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob(text, { type: "text/plain" }));
  a.download = box.dataset.name + ".log";
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10000);
});
const KEYS = {
  "/": () => { find.focus(); find.select(); }, f: () => { form.elements.q.focus(); form.elements.q.select(); },
  n: () => next(1), N: () => next(-1), " ": toggle, j: () => move(1), k: () => move(-1), g: () => screen.begin(), G: () => (mode === "past" ? goLive() : screen.end()),
  w: () => $("wrap").click(), t: () => $("times").click(), Enter: () => { if (screen.chosen) screen.choose(screen.chosen); }, Escape: acts.close,
};
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  const where = e.target, typed = where.matches("input:not([type=checkbox]),textarea,select,[contenteditable]");
  if (typed || (where.matches("input,button,a,summary") && (e.key === " " || e.key === "Enter"))) return;
  const act = KEYS[e.key];
  if (act && !(e.key === "Escape" && detail.hidden)) { e.preventDefault(); e.stopImmediatePropagation(); act(); }
}, true);
document.addEventListener("visibilitychange", () => { if (document.hidden) source._close(); else source.open(); });
window.addEventListener("pagehide", () => source._close());
window.xqLogs = { lines, screen, source, counted: () => lines.length + lines.dropped };
screen.box.focus({ preventScroll: true });
restart();
