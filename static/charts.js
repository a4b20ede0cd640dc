// Makes the server's pictures alive: a cursor over all charts of a page, zoom by dragging, new samples as they come, images. Plain script, no build step.
(function () {
  "use strict";
  const HEIGHT = 188, LIMIT_NEAR = 0.4;
  const $ = (s, f) => (f || document).querySelector(s), $$ = (s, f) => Array.from((f || document).querySelectorAll(s));
  const alive = new Map(); // figure → { u, data, lines, … }
  let sheet = null, timer = null, zooming = false, lostAt = null;
  const rem = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const gutter = () => parseInt(rem("--xqc-left"), 10) || 64;

  // --- Numbers with units, as xqplatform/metrics/units.py writes them ---------------------------------------------
  const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi"], THOUSANDS = ["", "k", "M", "G", "T"];
  const isBytes = (unit) => unit === "bytes" || unit === "bytes/s";
  function scaleOf(unit, words, top) {
    top = Math.abs(top || 0);
    if (isBytes(unit)) { const p = top >= 1024 ? Math.min(5, Math.floor(Math.log(top) / Math.log(1024))) : 0; return [Math.pow(1024, p), BINARY[p] + words]; }
    if (unit === "ratio") return [0.01, words];
    if (unit === "seconds") return top >= 1 || !top ? [1, words] : [0.001, "ms"];
    if (unit === "percent") return [1, words];
    const p = top >= 10000 ? Math.min(4, Math.floor(Math.log10(top) / 3)) : 0;
    return [Math.pow(1000, p), p ? (THOUSANDS[p] + (words.startsWith("/") ? "" : " ") + words).trim() : words];
  }
  const onAxis = (by, unit) => (unit.length <= 5 ? unit : by !== 1 ? unit.split(" ")[0] : "");
  function number(v) {
    const s = Math.abs(v);
    if (!s) return "0";
    if (s >= 100) return v.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
    let t = s >= 10 ? v.toFixed(1) : s >= 0.1 ? v.toFixed(2) : v.toPrecision(2);
    if (t.includes("e")) t = v.toFixed(4);
    return t.includes(".") ? t.replace(/0+$/, "").replace(/\.$/, "") : t;
  }
  function shown(v, unit, words) {
    if (v === null || v === undefined || !isFinite(v)) return "–";
    const [d, w] = scaleOf(unit, words, v), t = number(v / d);
    return !w ? t : w === "/s" ? t + w : t + " " + w;
  }
  function steps(unit, words, top) {
    if (!(top > 1e-9) || !isFinite(top)) top = { percent: 100, ratio: 0.01, bytes: 1024, "bytes/s": 1024 }[unit] || 1;
    const d = scaleOf(unit, words, top)[0], rough = top / d / 5;
    let step;
    if (isBytes(unit) && rough >= 0.5) step = Math.pow(2, Math.ceil(Math.log2(rough)));
    else { const p = Math.pow(10, Math.floor(Math.log10(rough))); step = [1, 2, 2.5, 5, 10].find((n) => n * p >= rough * 0.9999) * p; }
    if (unit === "count") step = Math.max(1, step);
    const n = Math.max(1, Math.ceil(top / d / step - 1e-9));
    return Array.from({ length: n + 1 }, (_x, i) => i * step * d);
  }

  // --- Times in the viewer's zone ---------------------------------------------------------------------------------
  const formats = {};
  function format(kind) {
    const zone = (sheet && sheet.dataset.zone) || "UTC";
    const options = { s: { hour: "2-digit", minute: "2-digit", second: "2-digit" }, m: { hour: "2-digit", minute: "2-digit" }, d: { year: "numeric", month: "2-digit", day: "2-digit" }, all: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" } }[kind];
    if (!formats[kind]) {
      try { formats[kind] = new Intl.DateTimeFormat("sv-SE", { hour12: false, timeZone: zone, ...options }); } catch (error) { formats[kind] = new Intl.DateTimeFormat("sv-SE", { hour12: false, ...options }); }
    }
    return formats[kind];
  }
  const words = (kind, t) => { const w = format(kind).format(new Date(t * 1000)); return kind === "d" || kind === "all" ? w.slice(5) : w; };
  const tz = (t) => { try { return uPlot.tzDate(new Date(t * 1000), (sheet && sheet.dataset.zone) || "UTC"); } catch (error) { return new Date(t * 1000); } };
  // Round moments of the viewer's zone, as the server's picture has them.
  const STEPS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 604800, 1209600, 2592000, 7776000, 15552000];
  function ticks(from, to, most) {
    const step = STEPS.find((s) => (to - from) / s <= most) || STEPS[STEPS.length - 1], at = tz(from);
    const offset = Math.round((Date.UTC(at.getFullYear(), at.getMonth(), at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()) / 1000 - Math.floor(from)) / 60) * 60;
    const found = [];
    for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) found.push(t);
    return found;
  }
  const exact = (one, t) => words(one.data.to - one.data.from <= 86400 * 2 && one.data.step < 60 ? "s" : "all", t);

  // Thin lines are drawn first, so that the mean lies on top of them.
  const order = (d) => d.lines.map((_l, i) => i).sort((a, b) => Number(!d.lines[a].thin) - Number(!d.lines[b].thin) || a - b);

  // --- One chart ------------------------------------------------------------------------------------------------------
  function columns(d) {
    const xs = Array.from({ length: d.count }, (_x, i) => d.start + i * d.step), all = [xs];
    order(d).forEach((i) => { const l = d.lines[i]; if (l.high) all.push(l.high, l.low); all.push(l.values); });
    return all;
  }
  function reach(one) {
    let top = 0;
    one.data.lines.forEach((l, i) => { if (one.hidden.has(i)) return; (l.high || l.values).forEach((v) => { if (v > top) top = v; }); });
    one.data.limits.forEach((l) => { if (top >= LIMIT_NEAR * l.value) one.limitTop = Math.max(one.limitTop || 0, l.value); });
    const limits = one.data.limits.filter((l) => top >= LIMIT_NEAR * l.value).map((l) => l.value);
    return Math.max(top, ...limits, 0);
  }
  function rescale(one) { one.steps = steps(one.data.unit, one.data.words, reach(one) * 1.05); one.top = one.steps[one.steps.length - 1]; }
  const colourOf = (one, i) => { const key = $('[data-line="' + i + '"]', one.figure); return (key && getComputedStyle(key).getPropertyValue("--c").trim()) || "#888"; };
  const faint = (colour) => (/^#[0-9a-f]{6}$/i.test(colour) ? colour + "24" : "rgba(128,140,155,.16)");

  function options(one, width) {
    const d = one.data, series = [{}], bands = [];
    one.index = [];
    const lone = (u, si, show, gaps) => {
      // A value between two gaps has no line to be seen by: it gets a point.
      const vs = u.data[si], found = [];
      for (let i = 0; i < vs.length; i++) if (vs[i] != null && (i === 0 || vs[i - 1] == null) && (i === vs.length - 1 || vs[i + 1] == null)) found.push(i);
      return found;
    };
    const many = d.lines.some((l) => l.thin);
    order(d).forEach((i) => {
      const l = d.lines[i];
      if (l.high) {
        bands.push({ series: [series.length, series.length + 1], fill: () => faint(colourOf(one, i)) });
        series.push({ points: { show: false } }, { points: { show: false } });
      }
      one.index[i] = series.length;
      series.push({ label: l.label, stroke: () => colourOf(one, i), width: l.thin ? 1 : many ? 2.5 : 1.5, alpha: l.thin ? 0.6 : 1, fill: l.fill && !l.high ? () => faint(colourOf(one, i)) : undefined, points: { show: true, filter: lone, size: 3, width: 0, fill: () => colourOf(one, i) }, spanGaps: false });
    });
    const axis = { stroke: () => getComputedStyle(one.figure.querySelector(".xqc-keys")).color, font: "11px " + getComputedStyle(document.body).fontFamily, ticks: { show: false }, grid: { stroke: () => rem("--xqc-grid"), width: 1 }, gap: 6 };
    const length = d.to - d.from;
    return {
      width, height: HEIGHT, padding: [12, 12, 0, 0], legend: { show: false }, tzDate: tz, pxAlign: true, series, bands,
      cursor: { y: false, sync: { key: "xq", setSeries: false }, drag: { x: true, y: false, setScale: false, dist: 5 }, points: { size: 6 }, bind: { dblclick: () => () => { const w = $('[data-move="wider"]'); if (w) w.click(); return null; } } },
      select: { show: true },
      scales: { x: { time: true, range: () => [one.data.from, one.data.to] }, y: { range: () => [0, one.top] } },
      axes: [
        { ...axis, size: 24, space: 64, grid: { show: false }, splits: (u) => ticks(one.data.from, one.data.to, Math.max(2, Math.min(7, Math.floor(u.width / 72)))), values: (_u, splits) => splits.map((t) => words(length <= 600 ? "s" : length <= 172800 ? "m" : "d", t) + (length > 172800 && length <= 691200 ? " " + words("m", t) : "")) },
        { ...axis, size: gutter(), splits: () => one.steps, values: (_u, splits) => { const [by, unit] = scaleOf(d.unit, d.words, one.top); return splits.map((v, i) => number(v / by) + (i === splits.length - 1 ? " " + onAxis(by, unit) : "")); } },
      ],
      hooks: { draw: [(u) => limits(u, one)], setCursor: [(u) => follow(u, one)], setSelect: [(u) => select(u)] },
    };
  }
  function limits(u, one) {
    const ctx = u.ctx, { left, top, width } = u.bbox;
    ctx.save();
    ctx.strokeStyle = rem("--xq-bad"); ctx.lineWidth = 1.25 * devicePixelRatio; ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    one.data.limits.forEach((l) => { if (l.value > one.top) return; const y = Math.round(u.valToPos(l.value, "y", true)); ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(left + width, y); ctx.stroke(); });
    ctx.restore();
  }
  // What the legend says: the values under the cursor, else the last ones.
  function follow(u, one) {
    const at = u.cursor.idx, on = at !== null && at !== undefined && u.cursor.left >= 0, d = one.data;
    d.lines.forEach((l, i) => { const b = $('[data-line="' + i + '"] b', one.figure); if (b) b.textContent = shown(on ? l.values[at] : l.last, d.unit, d.words); });
    const now = $("[data-now]", one.figure);
    if (!now) return;
    now.classList.toggle("time", on);
    const first = d.lines.find((l) => !l.thin) || d.lines[0];
    now.textContent = on ? exact(one, d.start + at * d.step) : shown(first && first.last, d.unit, d.words);
  }
  function select(u) {
    if (zooming || u.select.width < 5) return;
    const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (to - from < 30) return;
    zooming = true;
    const query = new URLSearchParams(location.search);
    query.delete("range"); query.set("from", Math.round(from)); query.set("to", Math.round(to));
    go(location.pathname + "?" + query);
  }
  function marks(one) {
    const over = $(".xqc-over", one.figure), d = one.data;
    if (!over) return;
    $$(".xqc-mark", over).forEach((m) => { const at = 100 * (Number(m.dataset.at) - d.from) / (d.to - d.from); if (at < 0 || at > 100) m.remove(); else m.style.left = at + "%"; });
    const known = new Set($$(".xqc-mark", over).map((m) => m.dataset.at + m.title));
    d.marks.forEach((m) => {
      if (known.has(m.at + m.label)) return;
      const el = document.createElement(m.url ? "a" : "i");
      el.className = "xqc-mark " + m.kind; el.title = m.label; el.dataset.at = m.at;
      if (m.url) { el.href = m.url; el.setAttribute("aria-label", m.label); }
      el.style.left = 100 * (m.at - d.from) / (d.to - d.from) + "%";
      over.append(el);
    });
  }
  function wake(figure) {
    if (alive.has(figure)) return;
    const plot = $("[data-plot]", figure), source = $("script[type='application/json']", figure);
    if (!plot || !source || !window.uPlot) return;
    const one = { figure, plot, data: JSON.parse(source.textContent), hidden: new Set() };
    rescale(one);
    one.u = new uPlot(options(one, plot.clientWidth), columns(one.data), plot);
    one.u.root.tabIndex = 0;
    one.u.root.setAttribute("role", "application");
    one.u.root.setAttribute("aria-label", one.data.title);
    one.u.root.addEventListener("keydown", (e) => keys(e, one));
    one.u.root.addEventListener("blur", () => one.u.setCursor({ left: -10, top: -10 }));
    plot.classList.add("alive");
    figure.dataset.alive = "1";
    const png = $("[data-png]", figure);
    if (png) { png.hidden = false; png.addEventListener("click", () => image(one)); }
    $$("[data-line]", figure).forEach((key) => key.addEventListener("click", () => {
      const i = Number(key.dataset.line), hide = !one.hidden.has(i);
      if (hide) one.hidden.add(i); else one.hidden.delete(i);
      key.setAttribute("aria-pressed", String(!hide));
      rescale(one);
      const at = one.index[i];
      if (one.data.lines[i].high) { one.u.setSeries(at - 2, { show: !hide }); one.u.setSeries(at - 1, { show: !hide }); }
      one.u.setSeries(at, { show: !hide });
    }));
    alive.set(figure, one);
    sizes.observe(plot);
  }
  function keys(e, one) {
    const n = one.data.count, now = one.u.cursor.idx;
    if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
      e.preventDefault();
      const far = e.shiftKey ? 10 : 1, at = Math.max(0, Math.min(n - 1, (now === null || now === undefined || one.u.cursor.left < 0 ? n : now) + (e.key === "ArrowLeft" ? -far : far)));
      one.u.setCursor({ left: one.u.valToPos(one.data.start + at * one.data.step, "x"), top: 10 }, true, true);
    } else if (e.key === "Escape") one.u.setCursor({ left: -10, top: -10 }, true, true);
  }
  const sizes = new ResizeObserver((entries) => entries.forEach((e) => {
    const one = alive.get(e.target.closest("[data-chart]")), width = Math.floor(e.contentRect.width);
    if (one && width > 0 && width !== one.u.width) one.u.setSize({ width, height: HEIGHT });
  }));
  const seen = new IntersectionObserver((entries) => entries.forEach((e) => { if (e.isIntersecting) { seen.unobserve(e.target); wake(e.target); } }), { rootMargin: "300px" });

  // --- An image, with title, legend and marks --------------------------------------------------------------------------
  function image(one) {
    const ratio = devicePixelRatio, from = one.u.ctx.canvas, head = 34 * ratio, foot = 30 * ratio;
    const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d");
    canvas.width = from.width; canvas.height = from.height + head + foot;
    ctx.fillStyle = rem("--xq-card") || "#fff"; ctx.fillRect(0, 0, canvas.width, canvas.height);
    const family = getComputedStyle(document.body).fontFamily, ink = getComputedStyle(document.body).color;
    ctx.fillStyle = ink; ctx.font = "600 " + 13 * ratio + "px " + family;
    const where = $("h1") ? $("h1").textContent.replace(/\s+/g, " ").trim() : "";
    ctx.fillText(one.data.title + " · " + where, 12 * ratio, 22 * ratio, canvas.width - 24 * ratio);
    ctx.drawImage(from, 0, head);
    const box = one.u.bbox;
    one.data.marks.forEach((m) => {
      const x = box.left + box.width * (m.at - one.data.from) / (one.data.to - one.data.from);
      ctx.strokeStyle = rem(m.kind === "oom" ? "--xq-bad" : m.kind === "release" ? "--xq-accent" : m.kind === "restore" ? "--xq-warn" : "--xq-off");
      ctx.setLineDash(m.kind === "oom" || m.kind === "restore" ? [] : [4 * ratio, 3 * ratio]); ctx.lineWidth = ratio; ctx.beginPath(); ctx.moveTo(x, head + box.top); ctx.lineTo(x, head + box.top + box.height); ctx.stroke();
    });
    let x = 12 * ratio; const y = canvas.height - 12 * ratio;
    ctx.font = 11 * ratio + "px " + family; ctx.setLineDash([]);
    const legend = one.data.lines.map((l, i) => [colourOf(one, i), l.label + " " + shown(l.last, one.data.unit, one.data.words)]).concat(one.data.limits.map((l) => [rem("--xq-bad"), l.label + " " + shown(l.value, one.data.unit, one.data.words)]));
    legend.forEach(([colour, label]) => { ctx.fillStyle = colour; ctx.fillRect(x, y - 5 * ratio, 10 * ratio, 3 * ratio); ctx.fillStyle = ink; ctx.fillText(label, x + 16 * ratio, y); x += 32 * ratio + ctx.measureText(label).width; });
    const link = document.createElement("a");
    link.download = (where + "-" + one.data.key).replace(/[^\p{L}\p{N}.-]+/gu, "-") + ".png";
    canvas.toBlob((blob) => { link.href = URL.createObjectURL(blob); document.body.append(link); link.click(); link.remove(); setTimeout(() => URL.revokeObjectURL(link.href), 4000); });
  }

  // --- Another range: its charts come in a stream, the first is shown before the last is there. The scroll stays, the address says it.
  const parsed = (html) => new DOMParser().parseFromString(html, "text/html").getElementById("charts");
  let asked = 0;
  async function go(url, back) {
    const mine = ++asked, decoder = new TextDecoder();
    try {
      if (!window.htmx) throw new Error("no htmx");
      const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.redirected || ![200, 400].includes(answer.status)) throw new Error(String(answer.status));
      const reader = answer.body.getReader();
      let text = "", begun = false;
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        if (mine !== asked) { reader.cancel(); return; } // somebody chose another meanwhile
        text += decoder.decode(piece.value, { stream: true });
        const first = begun || !topSeen() ? -1 : text.indexOf("</figure>");
        if (first > 0) { put(text.slice(0, first + 9), url, back); begun = true; }
      }
      if (mine !== asked) return;
      if (begun) fill(text); else { put(text, url, back); sheet.style.minHeight = ""; }
    } catch (error) { if (mine === asked) location.assign(url); } finally { zooming = false; }
  }
  // Who looks at a chart further down keeps the old ones until all new ones are there.
  function topSeen() { const top = sheet && $("[data-chart]", sheet); return !top || top.getBoundingClientRect().bottom > 0; }
  function put(html, url, back) {
    const fresh = parsed(html), old = document.getElementById("charts"), at = document.activeElement;
    if (!fresh || !old) throw new Error("no charts");
    if (!back) history.pushState({ charts: true }, "", url);
    rest();
    fresh.style.minHeight = old.offsetHeight + "px"; // the scroll stays where it is
    old.replaceWith(document.adoptNode(fresh));
    window.htmx.process(fresh);
    const key = at && (at.dataset.range || at.dataset.move), same = key && $('[data-range="' + key + '"],[data-move="' + key + '"]', fresh);
    if (same) same.focus({ preventScroll: true });
    start(fresh);
  }
  // What came after the first chart.
  function fill(html) {
    const whole = parsed(html);
    if (!whole || !sheet) throw new Error("no charts");
    Array.from(whole.children).forEach((child) => {
      if (child.matches(".xqc-range,.xqc-stale,.xqc-jump")) return;
      const have = child.id && document.getElementById(child.id);
      if (!have) { sheet.append(document.adoptNode(child)); return; }
      $$("[data-chart]", child).forEach((figure) => { if (!document.getElementById(figure.id)) $(".xqc-grid", have).append(document.adoptNode(figure)); });
    });
    sheet.style.minHeight = "";
    watch(sheet);
  }
  window.addEventListener("popstate", () => { if (sheet) go(location.href, true); });
  document.addEventListener("click", (e) => {
    const a = e.target.closest(".xqc-range a[href]");
    if (!a || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
    e.preventDefault();
    go(a.href);
  });

  // --- New samples ------------------------------------------------------------------------------------------------------
  function append(one, fresh) {
    const d = one.data;
    if (fresh.step !== d.step || fresh.lines.length !== d.lines.length || Math.abs(((fresh.start - d.start) / d.step) % 1) > 0.01) return false;
    const at = Math.round((fresh.start - d.start) / d.step), drop = Math.max(0, Math.floor((fresh.from - d.start) / d.step));
    if (at > d.count) return false;
    const join = (a, b) => a.slice(0, at).concat(b).slice(drop);
    d.lines.forEach((l, i) => { const f = fresh.lines[i]; l.values = join(l.values, f.values); if (l.high && f.high) { l.high = join(l.high, f.high); l.low = join(l.low, f.low); } l.last = f.last; });
    d.start += drop * d.step; d.count = d.lines.length ? d.lines[0].values.length : 0;
    d.from = fresh.from; d.to = fresh.to; d.limits = fresh.limits; d.marks = fresh.marks;
    return true;
  }
  function lost(text, newest) {
    const bar = $("[data-stale]", sheet);
    if (!bar) return;
    bar.hidden = !text;
    $("[data-stale-text]", bar).textContent = text;
    const time = $("[data-newest] time", bar);
    if (time && newest) { time.dateTime = new Date(newest * 1000).toISOString(); time.title = words("all", newest); }
  }
  async function look() {
    clearTimeout(timer);
    if (!sheet || !Number(sheet.dataset.follow)) return;
    const mine = sheet, again = () => { if (sheet === mine) timer = setTimeout(look, Number(mine.dataset.follow) * 1000); };
    if (document.hidden) { again(); return; }
    const first = alive.values().next().value;
    const query = new URLSearchParams(location.search);
    query.set("format", "json");
    if (first) { const ends = Array.from(alive.values()).map((o) => o.data.start + (o.data.count - 4) * o.data.step); query.set("since", Math.max(0, Math.floor(Math.min(...ends)))); }
    try {
      const answer = await fetch(location.pathname + "?" + query, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      if (sheet !== mine) return;
      lostAt = null;
      lost(data.stale, data.newest);
      const byKey = new Map(data.charts.map((c) => [c.key, c]));
      let whole = true;
      $$("[data-chart]", sheet).forEach((figure) => {
        const fresh = byKey.get(figure.dataset.chart), one = alive.get(figure);
        if (!fresh) return;
        if (!one) { const s = $("script[type='application/json']", figure); if (!s) return; const d = { data: JSON.parse(s.textContent) }; if (append(d, fresh)) s.textContent = JSON.stringify(d.data); return; }
        if (!append(one, fresh)) { whole = false; return; }
        rescale(one); one.u.setData(columns(one.data)); marks(one); follow(one.u, one);
      });
      mine.dataset.looked = String(Date.now());
      if (!whole) { await go(location.href, true); return; }
    } catch (error) {
      lostAt = lostAt || new Date();
      if (sheet === mine) lost(mine.dataset.textLost.replace("%s", lostAt.toLocaleTimeString()));
    }
    again();
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && sheet) look(); });

  // --- Beginning and end ---------------------------------------------------------------------------------------------------
  function rest() {
    clearTimeout(timer);
    alive.forEach((one) => { sizes.unobserve(one.plot); one.u.destroy(); });
    alive.clear(); seen.disconnect(); sheet = null;
  }
  // The server's picture is on the screen first; what makes it alive comes after that frame.
  function watch(from) {
    requestAnimationFrame(() => setTimeout(() => { if (sheet === from) $$("[data-chart]:not([data-alive])", from).forEach((figure) => seen.observe(figure)); }));
  }
  function start(from) {
    sheet = from;
    Object.keys(formats).forEach((k) => delete formats[k]);
    watch(from);
    const every = Number(sheet.dataset.follow);
    if (every) timer = setTimeout(look, every * 1000);
  }
  new MutationObserver(() => alive.forEach((one) => one.u.redraw(false, true))).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
  const here = $("[data-charts]");
  if (here) start(here);
  window.xqCharts = { alive, look, shown, steps };
})();
