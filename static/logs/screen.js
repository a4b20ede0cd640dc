// Draws only the lines that are seen: a page of rows that are filled again, whatever the log's length.
import { ERR, NOTE } from "./lines.js";
const MORE = 8;
const LEVELS = ["", "TRC", "DBG", "INF", "WRN", "ERR", "FTL"];
const two = (n, size = 2) => String(n).padStart(size, "0");

export function timeOf(stamp) {
  const d = new Date(stamp.slice(0, 23) + "Z");
  if (Number.isNaN(d.getTime()) || d.getTime() === 0) return "";
  return two(d.getHours()) + ":" + two(d.getMinutes()) + ":" + two(d.getSeconds()) + "." + two(d.getMilliseconds(), 3);
}

export class Screen {
  constructor(box, lines, colour) {
    this.box = box; this.lines = lines; this.colour = colour;
    this.follow = true; this.names = true; this.times = false; this.wrapped = false; this.words = ""; this.chosen = null; this.hit = null;
    this.space = document.createElement("div"); this.space.className = "xq-screen-space";
    this.page = document.createElement("div"); this.page.className = "xq-screen-page";
    this.space.append(this.page); box.append(this.space);
    this.rows = []; this.dirty = true; this.widest = 0; this.expected = -1; this.queued = false; this.row = 20;
    this.onscroll = () => {};
    box.addEventListener("scroll", () => this._scrolled(), { passive: true });
    this.measure();
    new ResizeObserver(() => { this.measure(); this.draw(true); }).observe(box);
  }

  measure() {
    const probe = this._row(), text = document.createElement("span");
    this._fill(probe, { n: 1, s: "", c: 0, l: 0, t: "", cells: 0, rows: 1 });
    probe.el.style.cssText = "position:absolute;visibility:hidden;left:0;right:0";
    const room = probe.text.clientWidth;
    text.textContent = "M".repeat(100); probe.text.textContent = ""; probe.text.append(text);
    this.cell = text.getBoundingClientRect().width / 100 || 8;
    probe.el.remove();
    const columns = Math.max(12, Math.floor(room / this.cell + 0.01));
    return this._keepPlace(() => this.lines.wrap(this.wrapped ? columns : 0));
  }

  // Whatever is done to the lines, what is read stays where it is.
  _keepPlace(act) {
    const first = this.lines.at(Math.floor(this.box.scrollTop / this.row)), anchor = this.lines.list[first];
    const offset = this.box.scrollTop - this.lines.tops[first] * this.row;
    const changed = act();
    if (changed && anchor && !this.follow) {
      const at = this.lines.list.indexOf(anchor);
      if (at >= 0) { this._size(); this._to(this.lines.tops[at] * this.row + offset); }
    }
    return changed;
  }

  add(batch, keepAll) { this._keepPlace(() => !this.lines.add(batch, keepAll)); this.draw(true); }

  _size() { this.space.style.height = this.lines.height * this.row + "px"; }
  _to(top) { this.box.scrollTop = top; this.expected = this.box.scrollTop; }

  _scrolled() {
    const own = Math.abs(this.box.scrollTop - this.expected) < 2;
    if (!own) {
      this.expected = this.box.scrollTop;
      const end = this.box.scrollTop + this.box.clientHeight >= this.lines.height * this.row - this.row;
      if (end !== this.follow) { this.follow = end; this.onscroll(end); }
    }
    this.draw();
  }

  // One drawing a frame, however often it is asked for.
  draw(dirty) {
    this.dirty = this.dirty || Boolean(dirty);
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => { this.queued = false; this._draw(); });
  }

  _draw() {
    const { box, lines, row } = this;
    if (this.dirty) this._size();
    if (this.follow) this._to(Math.max(0, lines.height * row - box.clientHeight));
    const from = Math.max(0, lines.at(Math.floor(box.scrollTop / row)) - MORE);
    let to = Math.min(lines.length, lines.at(Math.floor((box.scrollTop + box.clientHeight) / row)) + 1 + MORE);
    const count = Math.max(0, to - from);
    while (this.rows.length < count) this.rows.push(this._row());
    for (let i = 0; i < this.rows.length; i++) this._fill(this.rows[i], i < count ? lines.list[from + i] : null);
    this.page.style.transform = "translateY(" + (lines.tops[from] || 0) * row + "px)";
    if (!this.wrapped) this.page.style.minWidth = this.widest > 0 ? (this.widest + 30) * this.cell + "px" : "";
    else this.page.style.minWidth = "";
    this.dirty = false;
  }

  _row() {
    const el = document.createElement("div");
    el.className = "xq-row";
    const part = (name, tag) => { const one = document.createElement(tag || "span"); one.className = name; el.append(one); return one; };
    const made = { el, name: part("who"), time: part("when", "time"), level: part("level"), text: part("text"), line: null, sign: "" };
    el.addEventListener("click", () => { if (made.line && !String(getSelection())) this.choose(made.line); });
    this.page.append(el);
    return made;
  }

  _fill(made, line) {
    const sign = line ? this.words + "|" + this.times + this.names + this.wrapped + (line === this.chosen) + (line === this.hit) + line.rows : "";
    if (made.line === line && made.sign === sign) return;
    made.line = line; made.sign = sign;
    made.el.hidden = !line;
    if (!line) return;
    made.el.className = "xq-row l" + line.l + (line.c === ERR ? " err" : line.c === NOTE ? " note" : "") + (line === this.chosen ? " chosen" : "") + (line === this.hit ? " hit" : "") + (this.wrapped ? " wrapped" : "");
    made.el.style.height = line.rows * this.row + "px";
    made.name.textContent = this.names ? "#" + line.n : "";
    made.name.style.color = this.colour(line.n);
    made.name.hidden = !this.names;
    made.time.textContent = this.times ? timeOf(line.s) : "";
    made.time.hidden = !this.times;
    made.level.textContent = line.c === NOTE ? "···" : LEVELS[line.l];
    if (line.cells > this.widest) this.widest = Math.min(2000, line.cells);
    this._mark(made.text, line.t);
  }

  _mark(span, text) {
    const words = this.words, low = words && text.toLowerCase();
    if (!words || !low.includes(words)) { span.textContent = text || " "; return; }
    span.textContent = "";
    let at = 0, i;
    while ((i = low.indexOf(words, at)) >= 0) { const m = document.createElement("mark"); m.textContent = text.slice(i, i + words.length); span.append(text.slice(at, i), m); at = i + words.length; }
    span.append(text.slice(at));
  }

  choose(line) { this.chosen = line; this.draw(true); this.box.dispatchEvent(new CustomEvent("xq:line", { detail: line })); }

  // Brings a line into view without following any more.
  show(index) {
    this.follow = false; this.onscroll(false); this._size();
    this._to(Math.max(0, this.lines.tops[index] * this.row - this.box.clientHeight / 2));
    this.draw(true);
  }
  end() { this.follow = true; this.onscroll(true); this.draw(true); }
  begin() { this.follow = false; this.onscroll(false); this._to(0); this.draw(true); }
}
