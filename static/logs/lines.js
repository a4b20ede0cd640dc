// The lines that the page has, by time; with the height of each, so that any scroll position finds its lines at once.
export const OUT = 0, ERR = 1, NOTE = 2;
export const MOST = 50000, PIECE = 5000, MOST_ROWS = 12;
const WIDE = /[\u1100-\uffff]/;

export function lineOf([n, s, c, l, t, cut]) { return { n, s, c, l, t: t.includes("\t") ? t.replaceAll("\t", "    ") : t, cut: cut || 0, cells: 0, rows: 1 }; }
const key = (line) => line.n + "|" + line.s + "|" + line.c + "|" + line.t;

function cellsOf(text) {
  if (!WIDE.test(text)) return text.length;
  let n = 0;
  for (const sign of text) n += sign.codePointAt(0) >= 0x1100 ? 2 : 1;
  return n;
}

export class Lines {
  constructor() { this.list = []; this.tops = [0]; this.columns = 0; this.dropped = 0; this.last = new Map(); this.known = null; }

  get length() { return this.list.length; }
  get height() { return this.tops[this.list.length]; }

  // Takes a batch in; false where it changed what stands above the end. `full`: nothing is dropped while somebody reads.
  add(batch, keepAll) {
    const fresh = [];
    for (const raw of batch) {
      const line = raw.cells === undefined ? lineOf(raw) : raw;
      if (this.known && line.c !== NOTE && this.known.has(key(line))) continue;
      line.cells = cellsOf(line.t);
      line.rows = this._rows(line);
      if (!(this.last.get(line.n) > line.s)) this.last.set(line.n, line.s);
      fresh.push(line);
    }
    if (!fresh.length) return true;
    const end = this.list.length ? this.list[this.list.length - 1].s : "";
    if (fresh[0].s >= end) { for (const line of fresh) this._push(line); } else this._merge(fresh);
    const appended = fresh[0].s >= end;
    return this._trim(keepAll) && appended;
  }

  _push(line) { this.list.push(line); this.tops.push(this.tops[this.tops.length - 1] + line.rows); }

  _merge(fresh) {
    const at = this.after(fresh[0].s), rest = this.list.splice(at);
    this.tops.length = at + 1;
    let i = 0, j = 0;
    while (i < rest.length || j < fresh.length) this._push(j >= fresh.length || (i < rest.length && rest[i].s <= fresh[j].s) ? rest[i++] : fresh[j++]);
  }

  _trim(keepAll) {
    if (keepAll || this.list.length <= MOST) return true;
    const gone = Math.ceil((this.list.length - MOST) / PIECE) * PIECE;
    this.list.splice(0, gone);
    this.dropped += gone;
    this._count();
    return false;
  }

  // The first index whose line is later than the stamp.
  after(stamp) {
    let low = 0, high = this.list.length;
    while (low < high) { const mid = (low + high) >> 1; if (this.list[mid].s <= stamp) low = mid + 1; else high = mid; }
    return low;
  }

  // The line in which a row is.
  at(row) {
    let low = 0, high = this.list.length - 1;
    while (low < high) { const mid = (low + high + 1) >> 1; if (this.tops[mid] <= row) low = mid; else high = mid - 1; }
    return Math.max(0, low);
  }

  _rows(line) { return this.columns ? Math.min(MOST_ROWS, Math.max(1, Math.ceil(line.cells / this.columns))) : 1; }

  _count() {
    this.tops.length = 1;
    for (const line of this.list) this.tops.push(this.tops[this.tops.length - 1] + line.rows);
  }

  // Columns of a wrapped row; 0: lines are not wrapped.
  wrap(columns) {
    if (columns === this.columns) return false;
    this.columns = columns;
    for (const line of this.list) line.rows = this._rows(line);
    this._count();
    return true;
  }

  // Before a new connection: what it will say again is known by these. `positions`: how far the server had read.
  remember(positions) {
    let first = "";
    for (const stamp of this.last.values()) if (!first || stamp < first) first = stamp;
    const edge = first ? new Date(Date.parse(first.slice(0, 23) + "Z") - 3000).toISOString().slice(0, 23) : "";
    this.known = new Set();
    for (let i = this.list.length - 1; i >= 0 && this.list[i].s >= edge; i--) this.known.add(key(this.list[i]));
    for (const [n, stamp] of Object.entries(positions)) if (!(this.last.get(Number(n)) > stamp)) this.last.set(Number(n), stamp);
    return Array.from(this.last, ([n, stamp]) => n + ":" + stamp).join(",");
  }
  forget() { this.known = null; }

  clear() { this.list = []; this.tops = [0]; this.dropped = 0; this.last.clear(); this.known = null; }

  find(words, from, step) {
    const n = this.list.length;
    for (let i = 1; i <= n; i++) { const at = ((from + step * i) % n + n) % n; if (this.list[at].t.toLowerCase().includes(words)) return at; }
    return -1;
  }
}
