// What the pages do by themselves: live parts, Ctrl-K, copy, theme, ticks with shift. Plain script, no build step.
(function () {
  "use strict";
  const body = document.body, root = document.documentElement;
  const $ = (sel, from) => (from || document).querySelector(sel);
  const $$ = (sel, from) => Array.from((from || document).querySelectorAll(sel));
  const text = (key) => body.dataset["text" + key] || "";

  // --- Toasts and failed requests -------------------------------------------------------------------------------
  function toast(message, bad, small) {
    const box = document.createElement("div");
    box.className = "xq-toast" + (bad ? " bad" : "");
    box.textContent = message;
    if (small) { const s = document.createElement("small"); s.textContent = small; box.append(s); }
    $("#toasts").append(box);
    setTimeout(() => box.remove(), bad ? 12000 : 3500);
  }
  // What a page asks for by itself does not keep a session alive.
  const byItself = (event) => !event || event.type === "live" || event.type === "load";
  document.addEventListener("htmx:configRequest", (e) => { e.detail.headers["X-CSRFToken"] = body.dataset.csrf; if (byItself(e.detail.triggeringEvent)) e.detail.headers["X-XQ-Live"] = "1"; });
  document.addEventListener("htmx:responseError", (e) => {
    const xhr = e.detail.xhr;
    if (e.detail.requestConfig.triggeringEvent && e.detail.requestConfig.triggeringEvent.type === "live") return;
    let reason = xhr.getResponseHeader("X-Reason");
    reason = reason ? decodeURIComponent(reason) : xhr.status + " " + xhr.statusText;
    toast(text("Failed") + " " + reason, true, text("Id") + " " + (xhr.getResponseHeader("X-Request-ID") || "–"));
  });
  document.addEventListener("htmx:sendError", (e) => {
    const t = e.detail.requestConfig && e.detail.requestConfig.triggeringEvent;
    if (!t || t.type !== "live") toast(text("Unreachable"), true);
  });

  // --- A swap keeps ticks, focus, open details, scroll of logs; what changed glows once -------------------------
  const keyOf = (el) => el.id || el.dataset.key || "";
  const boxKey = (el) => el.id || el.name + "=" + el.value;
  const plain = (el) => { const c = el.cloneNode(true); $$(".xq-ago,input", c).forEach((x) => x.remove()); return c.textContent.replace(/\s+/g, " ").trim(); };
  const kept = new Map();
  function keep(target) {
    const state = { ticks: new Set(), open: new Set(), shut: new Set(), rows: new Map(), scroll: new Map() };
    $$("input[type=checkbox]:checked", target).forEach((b) => state.ticks.add(boxKey(b)));
    $$("details", target).forEach((d, i) => (d.open ? state.open : state.shut).add(d.id || d.dataset.key || String(i)));
    $$("tr[id],tr[data-key],[data-glow]", target).forEach((r) => keyOf(r) && state.rows.set(keyOf(r), plain(r)));
    $$(".xq-log", target).forEach((l, i) => state.scroll.set(l.id || i, l.scrollTop + l.clientHeight >= l.scrollHeight - 8 ? -1 : l.scrollTop));
    return state;
  }
  function restore(target, state) {
    $$("input[type=checkbox]", target).forEach((b) => { if (state.ticks.has(boxKey(b))) b.checked = true; });
    $$("details", target).forEach((d, i) => { const k = d.id || d.dataset.key || String(i); if (state.open.has(k)) d.open = true; else if (state.shut.has(k)) d.open = false; });
    $$("tr[id],tr[data-key],[data-glow]", target).forEach((r) => {
      const k = keyOf(r);
      if (k && state.rows.get(k) !== undefined ? state.rows.get(k) !== plain(r) : k && state.rows.size) glow(r);
    });
    $$(".xq-log", target).forEach((l, i) => { const at = state.scroll.get(l.id || i); if (at !== undefined) l.scrollTop = at < 0 ? l.scrollHeight : at; });
  }
  function glow(el) { el.classList.add("xq-glow"); setTimeout(() => el.classList.remove("xq-glow"), 2000); }
  document.addEventListener("htmx:beforeSwap", (e) => {
    const target = e.detail.target;
    if (e.detail.shouldSwap && target && target.id && target.dataset.live !== undefined) kept.set(target.id, keep(target));
  });
  document.addEventListener("htmx:oobBeforeSwap", (e) => { if (e.detail.shouldSwap && e.detail.target.id) kept.set(e.detail.target.id, keep(e.detail.target)); });
  document.addEventListener("htmx:afterSettle", () => {
    kept.forEach((state, id) => { const now = document.getElementById(id); if (now) { restore(now, state); ready(now); } });
    kept.clear();
    document.dispatchEvent(new CustomEvent("xq:ticks"));
  });

  // --- Live topics: a stream, or asking every few seconds where no stream gets through --------------------------
  const live = { since: Number(body.dataset.liveSince) || 0, source: null, topics: "", lostAt: null, timer: null, beat: null, tries: 0 };
  const wanted = () => Array.from(new Set($$("[data-live]").flatMap((el) => el.dataset.live.split(/\s+/).filter(Boolean)))).sort();
  function hear(version, topics, reset) {
    live.since = reset ? version : Math.max(live.since, version);
    $$("[data-live]").forEach((el) => {
      if (el.dataset.live.split(/\s+/).some((t) => topics.includes(t))) refresh(el);
    });
  }
  // One refresh at a time an element; what comes meanwhile makes one more afterwards.
  const busy = new WeakMap();
  function refresh(el) {
    const now = Date.now(), next = busy.get(el) || 0;
    if (next > now) { if (!el.xqLater) { el.xqLater = true; setTimeout(() => { el.xqLater = false; fire(el); }, next - now); } return; }
    fire(el);
  }
  function fire(el) {
    const here = el.isConnected ? el : el.id && document.getElementById(el.id);
    if (!here) return;
    // Nothing moves while somebody types in it or holds the mouse down.
    const typing = here.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]):not([type=radio]),textarea,select");
    if (typing || live.mouse) { busy.set(here, Date.now() + 800); setTimeout(() => refresh(here), 850); return; }
    busy.set(here, Date.now() + Number(here.dataset.liveGap || 500));
    if (window.htmx) window.htmx.trigger(here, "live");
    here.dispatchEvent(new CustomEvent("xq:live"));
  }
  document.addEventListener("mousedown", () => { live.mouse = true; });
  ["mouseup", "dragend", "blur"].forEach((n) => window.addEventListener(n, () => { live.mouse = false; }));
  // The new element of an outerHTML swap inherits the gap.
  document.addEventListener("htmx:afterSwap", (e) => {
    const id = e.detail.target && e.detail.target.id, now = id && document.getElementById(id);
    if (now && now !== e.detail.target && now.dataset.live !== undefined) busy.set(now, Date.now() + Number(now.dataset.liveGap || 500));
    if (wanted().join(" ") !== live.topics) connect();
  });
  function connected(yes) {
    const dot = $("#live-state"), bar = $("#lost");
    if (dot) { dot.hidden = false; dot.classList.toggle("waiting", !yes); }
    if (yes) { live.lostAt = null; if (bar) bar.hidden = true; return; }
    live.lostAt = live.lostAt || new Date();
    // A short hiccup is no news.
    if (bar && Date.now() - live.lostAt > 4000) { bar.textContent = text("Lost").replace("%s", live.lostAt.toLocaleTimeString()); bar.hidden = false; }
  }
  function close() {
    if (live.source) live.source.close();
    clearTimeout(live.timer); clearTimeout(live.beat);
    live.source = null;
  }
  function watch() { clearTimeout(live.beat); live.beat = setTimeout(() => { close(); poll(); }, 35000); }
  function connect() {
    close();
    const topics = wanted();
    live.topics = topics.join(" ");
    if (!topics.length) { const dot = $("#live-state"); if (dot) dot.hidden = true; return; }
    if (document.hidden) return;
    if (!window.EventSource) { poll(); return; }
    const query = new URLSearchParams({ topics: live.topics, since: String(live.since) });
    const source = live.source = new EventSource("/live/?" + query);
    source.addEventListener("hello", () => { live.tries = 0; connected(true); watch(); });
    source.addEventListener("beat", watch);
    source.addEventListener("live", (e) => { const d = JSON.parse(e.data); hear(d.v, d.topics, d.reset); watch(); });
    source.onerror = () => { close(); live.tries += 1; poll(); };
    watch();
  }
  async function poll() {
    clearTimeout(live.timer);
    if (document.hidden || !live.topics) return;
    try {
      const query = new URLSearchParams({ topics: live.topics, since: String(live.since) });
      const answer = await fetch("/live/versions?" + query, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout ? AbortSignal.timeout(10000) : undefined });
      if (answer.status === 401) { signedOut(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const d = await answer.json();
      connected(true);
      if (d.topics.length) hear(d.v, d.topics, d.reset); else live.since = Math.max(live.since, d.v);
      // The platform answers: try the stream again, at once first, later seldom.
      live.timer = setTimeout(live.tries < 3 || Math.random() < 0.15 ? connect : poll, live.tries < 3 ? 500 : 3000);
    } catch (error) {
      connected(false);
      live.timer = setTimeout(poll, 2500);
    }
  }
  function signedOut() {
    close();
    const bar = $("#lost");
    bar.textContent = "";
    const a = document.createElement("a");
    a.href = "/login/?next=" + encodeURIComponent(location.pathname + location.search);
    a.textContent = text("SignedOut");
    bar.append(a); bar.hidden = false;
  }
  // A hidden tab holds no connection (browsers allow few to one place); it catches up by `since` when it is seen again.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : connect()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (e) => { if (e.persisted) connect(); });

  // --- Relative times stay true -----------------------------------------------------------------------------------
  const zh = root.lang.startsWith("zh");
  function words(s) {
    const future = s < 0; s = Math.abs(s);
    if (s < 5) return zh ? "刚刚" : "now";
    const units = zh ? ["秒", "分钟", "小时", "天"] : ["s", "min", "h", "day"];
    let n, u;
    if (s < 60) [n, u] = [s, 0]; else if (s < 3600) [n, u] = [s / 60, 1]; else if (s < 86400) [n, u] = [s / 3600, 2]; else if (s < 86400 * 60) [n, u] = [s / 86400, 3]; else return null;
    n = Math.floor(n);
    const amount = n + " " + units[u] + (!zh && u === 3 && n !== 1 ? "s" : "");
    return zh ? amount + (future ? "后" : "前") : future ? "in " + amount : amount + " ago";
  }
  function tick() { $$("time.xq-ago").forEach((t) => { const w = words((Date.now() - Date.parse(t.dateTime)) / 1000); if (w && w !== t.textContent) t.textContent = w; }); }
  setInterval(tick, 5000);

  // --- Tick boxes: shift for a range, one box for all, buttons that need a tick ---------------------------------
  let last = null;
  document.addEventListener("click", (e) => {
    const box = e.target.closest("input[type=checkbox]");
    if (!box) return;
    const scope = box.closest("table,form,[data-ticks]") || document;
    if (box.matches("[data-tick-all]")) { $$("input[type=checkbox][name]:not([data-tick-all]):not(:disabled)", scope).forEach((b) => { b.checked = box.checked; }); }
    else if (box.name) {
      const all = $$('input[type=checkbox][name="' + CSS.escape(box.name) + '"]:not(:disabled)', scope);
      if (e.shiftKey && last && all.includes(last)) { const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((x, y) => x - y); all.slice(a, b + 1).forEach((x) => { x.checked = box.checked; }); }
      last = box;
    }
    document.dispatchEvent(new CustomEvent("xq:ticks"));
  });
  // <button data-needs-ticks="instance"> is off until a box of that name is ticked; data-tick-count shows how many.
  document.addEventListener("xq:ticks", () => {
    $$("[data-needs-ticks]").forEach((b) => { b.disabled = !$('input[name="' + CSS.escape(b.dataset.needsTicks) + '"]:checked'); });
    $$("[data-tick-count]").forEach((c) => { c.textContent = $$('input[name="' + CSS.escape(c.dataset.tickCount) + '"]:checked').length; });
  });

  // --- Copy, theme, side bar, confirmations -------------------------------------------------------------------------
  async function copy(value) {
    try { await navigator.clipboard.writeText(value); } catch (error) {
      const area = document.createElement("textarea"); area.value = value; body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    toast(text("Copied"));
  }
  document.addEventListener("click", (e) => {
    const c = e.target.closest("[data-copy]");
    if (c) { e.preventDefault(); copy(c.dataset.copy || (c.dataset.copyFrom ? $(c.dataset.copyFrom).textContent : "")); return; }
    if (e.target.closest("[data-theme-toggle]")) {
      const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
      root.dataset.theme = next; window.xqTheme.apply();
      document.cookie = "xq_theme=" + next + ";path=/;max-age=31536000;samesite=lax";
      fetch("/account/theme/", { method: "POST", headers: { "X-CSRFToken": body.dataset.csrf, "Content-Type": "application/x-www-form-urlencoded" }, body: "theme=" + next }).catch(() => {});
      return;
    }
    const side = $("#side");
    if (e.target.closest("[data-side-toggle]")) { const open = side.classList.toggle("open"); e.target.closest("[data-side-toggle]").setAttribute("aria-expanded", open); return; }
    if (side && side.classList.contains("open") && !side.contains(e.target)) side.classList.remove("open");
  });
  // <form data-confirm="stops 4 of 12 instances, 8 stay"> asks before it is sent (htmx forms use hx-confirm).
  document.addEventListener("submit", (e) => {
    const ask = (e.submitter && e.submitter.dataset.confirm) || e.target.dataset.confirm;
    if (ask && !confirm(ask)) { e.preventDefault(); e.stopPropagation(); return; }
    // A second click does not send a second time.
    if (!e.defaultPrevented && e.target.method === "post" && !e.target.hasAttribute("hx-post")) {
      if (e.target.dataset.sent) { e.preventDefault(); return; }
      e.target.dataset.sent = "1"; setTimeout(() => { delete e.target.dataset.sent; }, 4000);
    }
  }, true);
  window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((f) => delete f.dataset.sent));
  // Filters send themselves.
  document.addEventListener("change", (e) => { const f = e.target.closest("form.xq-filters"); if (f && e.target.matches("select,input[type=checkbox],input[type=date]")) f.requestSubmit(); });
  // Empty filters stay out of the address.
  document.addEventListener("submit", (e) => { if (e.target.matches("form.xq-filters")) $$("input,select", e.target).forEach((i) => { if (!i.value) i.disabled = true; }); });
  const filter = $("#side-filter");
  $$(".xq-tabs").forEach((bar) => { const here = $(".here", bar); if (here) bar.scrollLeft = here.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2; }); // on a narrow screen, too
  if (filter) filter.addEventListener("input", () => { const q = filter.value.trim().toLowerCase(); $$(".xq-service").forEach((a) => { a.hidden = q && !a.dataset.name.includes(q); a.style.display = a.hidden ? "none" : ""; }); });

  // --- Ctrl-K ---------------------------------------------------------------------------------------------------------
  const palette = $("#palette"), q = $("#palette-q"), hits = $("#palette-hits");
  let asked = 0, wait = null;
  function open() { if (palette && !palette.open) { palette.showModal(); q.select(); ask(); } }
  async function ask() {
    const mine = ++asked;
    try {
      const answer = await fetch(hits.dataset.url + "?q=" + encodeURIComponent(q.value.trim()), { headers: { "HX-Request": "true" } });
      if (mine === asked && answer.ok && !answer.redirected) { hits.innerHTML = await answer.text(); mark(0); }
    } catch (error) { /* the list stays as it is */ }
  }
  function mark(i) { const all = $$(".xq-hit", hits); all.forEach((h, n) => h.classList.toggle("on", n === i)); if (all[i]) all[i].scrollIntoView({ block: "nearest" }); }
  if (palette) {
    q.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(ask, 120); });
    palette.addEventListener("keydown", (e) => {
      const all = $$(".xq-hit", hits), i = all.findIndex((h) => h.classList.contains("on"));
      if (e.key === "ArrowDown") { e.preventDefault(); mark(Math.min(all.length - 1, i + 1)); }
      if (e.key === "ArrowUp") { e.preventDefault(); mark(Math.max(0, i - 1)); }
      if (e.key === "Enter" && all[i] && q.value.trim() === (hits.querySelector("[data-q]") || { dataset: {} }).dataset.q) { e.preventDefault(); location.href = all[i].href; }
    });
    palette.addEventListener("click", (e) => { if (e.target === palette) palette.close(); });
  }
  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); open(); }
    else if (e.key === "/" && !e.target.matches("input,textarea,select,[contenteditable]")) { e.preventDefault(); open(); }
    else if (e.key === "Escape" && $("#side.open")) $("#side").classList.remove("open");
  });
  document.addEventListener("click", (e) => { if (e.target.closest("[data-palette-open]")) open(); });

  // --- A password can be looked at while it is typed; sent, it is a password again ------------------------------
  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-show-typed]");
    if (!button) return;
    const field = document.getElementById(button.getAttribute("aria-controls"));
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", shown);
  });
  document.addEventListener("submit", (e) => $$("[data-show-typed][aria-pressed=true]", e.target).forEach((b) => b.click()));

  // --- Tables become cards on narrow screens: each cell learns its column's head --------------------------------
  function ready(from) {
    $$("[data-show-typed]", from).forEach((button) => { button.hidden = false; });
    $$("table.table", from.matches && from.matches("table") ? from.parentNode : from).forEach((table) => {
      if (table.classList.contains("xq-plain")) return;
      const heads = $$("thead th", table).map((th) => th.textContent.trim());
      if (!heads.length) return;
      table.classList.add("xq-cards");
      $$("tbody tr", table).forEach((row) => Array.from(row.cells).forEach((cell, i) => { if (cell.dataset.label === undefined) cell.dataset.label = cell.colSpan > 1 ? "" : heads[i] || ""; }));
    });
  }
  document.addEventListener("htmx:load", (e) => ready(e.detail.elt));
  ready(document); tick(); connect();
  document.dispatchEvent(new CustomEvent("xq:ticks"));
  window.xq = { toast, copy, live, connect };
})();
