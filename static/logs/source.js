// The stream: comes again by itself, says what the page has, and holds no connection in a tab that nobody sees.
export class Source {
  constructor(url, on) { this.url = url; this.on = on; this.es = null; this.wait = 500; this.timer = null; this.beat = null; this.positions = {}; this.held = false; this.wanted = false; this.catching = null; }

  start() { this.wanted = true; this.open(); }
  stop() { this.wanted = false; this._close(); }
  // The page is full: nothing more is asked for until it goes on.
  hold(yes) { this.held = yes; if (yes) this._close(); else this.open(); }

  open() {
    clearTimeout(this.timer);
    if (this.es || this.held || !this.wanted || document.hidden) return;
    const known = this.on.known(this.positions);
    const es = this.es = new EventSource(this.url() + (known ? "&known=" + encodeURIComponent(known) : ""));
    const data = (name, act) => es.addEventListener(name, (e) => { this._heard(); act(JSON.parse(e.data)); });
    data("hello", (d) => { this.wait = 500; this.on.hello(d); clearTimeout(this.catching); this.catching = setTimeout(() => this.on.caught(), 8000); });
    data("lines", (d) => this.on.lines(d));
    data("at", (d) => { this.positions = d; });
    data("sources", (d) => this.on.sources(d));
    data("beat", () => {});
    data("again", () => { this._close(); this.open(); });
    data("refused", (d) => { this.wanted = false; this._close(); this.on.refused(d); });
    data("failed", (d) => { this._close(); this.on.failed(d); this.timer = setTimeout(() => this.open(), 10000); });
    es.onerror = () => { this._close(); this._lost(); };
    this._heard();
  }

  async _lost() {
    this.on.lost();
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(15000, this.wait * 2);
    if (this.wait < 4000) return;
    // Refused rather than broken off? A stream does not tell which.
    try { const answer = await fetch(this.url(), { method: "HEAD" }); if (answer.status === 403 || answer.redirected) { this.stop(); this.on.forbidden(); } } catch (error) { /* unreachable: it is tried again */ }
  }

  _heard() { clearTimeout(this.beat); this.beat = setTimeout(() => { this._close(); this._lost(); }, 35000); }
  _close() { clearTimeout(this.timer); clearTimeout(this.beat); if (this.es) this.es.close(); this.es = null; }
}
