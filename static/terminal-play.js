// Plays a recording (asciicast v2) in an xterm.js of its size.
(function () {
  "use strict";
  const box = document.getElementById("player");
  if (!box || !window.Terminal) return;
  const $ = (id) => document.getElementById(id), text = box.dataset, PAUSE = 2;
  const play = $("play"), seek = $("seek"), time = $("time"), speed = $("speed"), shorten = $("shorten"), screen = $("screen");
  let term = null, events = [], times = [], at = 0, next = 0, playing = false, ticked = 0, head = null;
  const clock = (s) => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
  const length = () => (times.length ? times[times.length - 1] : 0);

  function schedule() {
    // Where each event is in the played time: pauses may be shortened.
    const before = times.length ? next : 0;
    let now = 0, last = 0;
    times = events.map(([when]) => { const gap = Math.max(0, when - last); last = when; now += shorten.checked ? Math.min(gap, PAUSE) : gap; return now; });
    at = before ? times[before - 1] : 0;
  }
  function fitFont(columns) {
    const wide = screen.clientWidth - 24;
    term.options.fontSize = Math.max(10, Math.min(15, Math.floor(wide / (columns * 0.61))));
  }
  function resize(columns, rows) { columns = Math.max(2, Math.min(500, columns)); rows = Math.max(1, Math.min(300, rows)); term.resize(columns, rows); fitFont(columns); }
  function show(to) {
    let pieces = [];
    const flush = () => { if (pieces.length) term.write(pieces.join("")); pieces = []; };
    while (next < events.length && times[next] <= to) {
      const [, kind, data] = events[next];
      if (kind === "o") pieces.push(data);
      else if (kind === "r") { flush(); const [c, r] = data.split("x").map(Number); if (c && r) resize(c, r); }
      next += 1;
    }
    flush();
    at = Math.min(to, length());
    seek.value = length() ? Math.round((at / length()) * 1000) : 0;
    seek.setAttribute("aria-valuetext", clock(at));
    time.textContent = clock(at) + " / " + clock(length());
    box.dataset.at = at.toFixed(2);
    if (at >= length()) pause();
  }
  function go(to) {
    to = Math.max(0, Math.min(length(), to));
    if (to < at) { next = 0; term.reset(); resize(head.width, head.height); }
    show(to);
  }
  function pause() { playing = false; play.textContent = text.textPlay; }
  function start() {
    if (at >= length()) go(0);
    playing = true; play.textContent = text.textPause; ticked = performance.now(); requestAnimationFrame(tick);
  }
  function tick(now) {
    if (!playing) return;
    show(at + ((now - ticked) / 1000) * Number(speed.value));
    ticked = now;
    requestAnimationFrame(tick);
  }
  const toggle = () => (playing ? pause() : start());
  function step(by) { speed.selectedIndex = Math.max(0, Math.min(speed.options.length - 1, speed.selectedIndex + by)); }
  box.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.target.matches("select, input[type=checkbox]")) return;
    if (e.key === " " && e.target === play) return;
    const acts = { " ": toggle, ArrowLeft: () => go(at - 5), ArrowRight: () => go(at + 5), Home: () => go(0), End: () => go(length()), "<": () => step(-1), ">": () => step(1), ".": () => { pause(); if (next < events.length) go(times[next]); } };
    const act = acts[e.key];
    if (act) { e.preventDefault(); act(); }
  });
  play.addEventListener("click", toggle);
  seek.addEventListener("input", () => go((Number(seek.value) / 1000) * length()));
  shorten.addEventListener("change", () => { schedule(); show(at); });

  function load(body) {
    const lines = body.split("\n");
    head = JSON.parse(lines[0]);
    lines.slice(1).forEach((line) => { if (!line) return; try { const e = JSON.parse(line); if (Array.isArray(e) && e.length === 3) events.push(e); } catch (error) { /* the last line of one that is still written */ } });
    term = new Terminal({ disableStdin: true, scrollback: 5000, cursorBlink: false, fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace", theme: { background: "#0f141a", foreground: "#d5dde6" } });
    screen.textContent = "";
    term.open(screen);
    term.attachCustomKeyEventHandler(() => false);
    if (term.textarea) term.textarea.tabIndex = -1;
    resize(head.width, head.height);
    schedule();
    box.terminal = term; // for tests
    const marks = events.map((e, i) => [e, i]).filter(([e]) => e[1] === "m");
    marks.slice(0, 50).forEach(([e, i]) => {
      const b = document.createElement("button");
      b.type = "button"; b.className = "btn btn-sm btn-ghost-secondary me-2"; b.textContent = clock(times[i]) + " " + e[2];
      b.addEventListener("click", () => go(times[i]));
      $("marks").append(b);
    });
    play.disabled = seek.disabled = !events.length;
    if (!events.length) { time.textContent = text.textEmpty; return; }
    show(0);
    box.dataset.ready = "1";
    box.focus();
  }
  screen.textContent = text.textLoading;
  fetch(text.cast).then((r) => { if (!r.ok) throw new Error(r.status); return r.text(); }).then(load).catch(() => { screen.textContent = text.textFailed; });
})();
