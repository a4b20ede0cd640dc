// A terminal in the page: xterm.js over a socket that may be lost and taken up again.
// Bytes go as binary frames. What is drawn is told (`ack`), so that the shell is never far ahead of the page; what is typed waits here
// until the shell has taken the last of it (`took`), so that a large paste stays in the page and Ctrl-C overtakes it.
(function () {
  "use strict";
  const box = document.getElementById("terminal-box");
  if (!box || !window.Terminal) return;
  const $ = (id) => document.getElementById(id), text = box.dataset;
  const state = $("terminal-state"), limit = $("terminal-limit"), over = $("terminal-over"), encoder = new TextEncoder();
  const ACK = 16384, AHEAD = 65536, PIECE = 8192;
  const theme = { background: "#0f141a", foreground: "#d5dde6", cursor: "#ffffff", selectionBackground: "#3d5a80" };
  const term = new Terminal({ cursorBlink: true, fontSize: 14, fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace", scrollback: 5000, theme });
  const fit = new FitAddon.FitAddon();
  term.loadAddon(fit);
  term.open($("terminal"));
  term.textarea.setAttribute("aria-label", text.textLabel);
  fit.fit();

  let socket = null, done = false, lostAt = 0, wait = 300, got = 0, drawn = 0, acked = 0, waiting = [], sent = 0, took = 0, ends = 0, cause = "";
  const say = (words, lost) => { state.textContent = words; state.classList.toggle("lost", Boolean(lost)); };
  const fill = (words, value) => words.replace("%s", value);
  function clock(seconds) { const s = Math.max(0, Math.round(seconds)); return Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0"); }
  function size(bytes) { return bytes < 1048576 ? Math.ceil(bytes / 1024) + " KiB" : (bytes / 1048576).toFixed(1) + " MiB"; }
  const tell = (message) => { if (socket && socket.readyState === 1) socket.send(JSON.stringify(message)); };

  function finish(words, again) {
    done = true;
    waiting = [];
    limit.textContent = "";
    say(text.textEnded, true);
    over.querySelector("b").textContent = text.textEnded;
    over.querySelector("p").textContent = words;
    const link = over.querySelector("a");
    link.textContent = again || text.textAgain;
    over.hidden = false;
    term.options.cursorBlink = false;
    term.options.disableStdin = true;
    const end = $("terminal-end"); if (end) end.disabled = true;
    over.focus();
  }

  // --- What is typed
  function pump() {
    while (waiting.length && socket && socket.readyState === 1 && sent - took < AHEAD) {
      const first = waiting[0], piece = first.subarray(0, PIECE);
      socket.send(piece);
      sent += piece.length;
      if (first.length > PIECE) waiting[0] = first.subarray(PIECE); else waiting.shift();
    }
    const left = waiting.reduce((sum, one) => sum + one.length, 0);
    if (left) say(fill(text.textPaste, size(left))); else if (socket && socket.readyState === 1 && !done) say(text.textOpen);
  }
  function type(bytes) {
    if (done || !socket || socket.readyState !== 1) return;
    if (bytes.length === 1 && (bytes[0] === 3 || bytes[0] === 28)) { waiting = []; socket.send(bytes); sent += 1; return; }
    waiting.push(bytes);
    pump();
  }
  term.onData((data) => type(encoder.encode(data)));
  term.onBinary((data) => type(Uint8Array.from(data, (c) => c.charCodeAt(0) & 255)));
  term.attachCustomKeyEventHandler((e) => {
    if (e.type !== "keydown" || !e.ctrlKey || e.altKey || e.metaKey) return true;
    if (e.shiftKey && e.code === "KeyL") { e.preventDefault(); const end = $("terminal-end"); if (end) end.focus(); return false; }
    if (e.shiftKey && e.code === "KeyV") return false; // the browser pastes
    if (e.code === "KeyC" && term.hasSelection()) { e.preventDefault(); if (navigator.clipboard) navigator.clipboard.writeText(term.getSelection()); else document.execCommand("copy"); term.clearSelection(); return false; }
    return true;
  });

  // --- What comes
  function draw(bytes) {
    got += bytes.length;
    const place = got;
    term.write(bytes, () => { drawn = place; if (drawn - acked >= ACK) { acked = drawn; tell({ t: "ack", at: drawn }); } });
  }
  function hear(m) {
    if (m.t === "hello") {
      if (m.clear) term.reset();
      got = drawn = acked = m.at; sent = took = 0; wait = 300; lostAt = 0;
      say(text.textOpen);
      box.dataset.open = "1";
      tell({ t: "size", columns: term.cols, rows: term.rows });
    } else if (m.t === "took") { took = m.n; pump(); }
    else if (m.t === "limit") { cause = m.cause; ends = cause ? Date.now() + m.left * 1000 : 0; count(); }
    else if (m.t === "end") {
      if (m.why === "container") finish(text.textContainer);
      else if (m.why === "exit" && m.code !== null && m.code !== undefined) finish(fill(text.textExit, m.code));
      else finish(m.words || m.why);
    }
  }
  function count() {
    if (!cause || done) { limit.textContent = ""; return; }
    limit.textContent = fill(cause === "idle" ? text.textIdle : text.textTotal, clock((ends - Date.now()) / 1000));
  }
  setInterval(count, 1000);

  // --- The socket
  function lost() {
    if (done) return;
    box.dataset.open = "";
    if (!lostAt) lostAt = Date.now();
    const left = Number(text.away) - (Date.now() - lostAt) / 1000;
    if (left < -5) { finish(text.textEnded); return; }
    say(fill(text.textLost, Math.max(0, Math.round(left))), true);
    setTimeout(open, wait);
    wait = Math.min(2000, wait * 1.6);
  }
  async function open() {
    if (done) return;
    if (!lostAt) say(text.textOpening);
    let ticket;
    try {
      const answer = await fetch(text.ticket, { method: "POST", headers: { "X-CSRFToken": document.body.dataset.csrf, Accept: "application/json" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) { finish(text.textSignedOut); return; }
      const said = await answer.json().catch(() => ({}));
      if (answer.status >= 500) { lost(); return; }
      if (!answer.ok) { finish(said.error || String(answer.status)); return; }
      ticket = said.ticket;
    } catch (error) { lost(); return; }
    const where = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + text.socket;
    const mine = new WebSocket(where + "?columns=" + term.cols + "&rows=" + term.rows + "&from=" + got, ["xq-terminal", "ticket." + ticket]);
    mine.binaryType = "arraybuffer";
    socket = mine;
    mine.onmessage = (e) => { if (socket === mine) { if (typeof e.data === "string") hear(JSON.parse(e.data)); else draw(new Uint8Array(e.data)); } };
    mine.onclose = (e) => {
      if (socket !== mine) return;
      socket = null;
      waiting = [];
      if (done) return;
      if (e.code === 4409) finish(text.textTaken, text.textBack);
      else if (e.code === 4413 || e.code === 4400) finish(text.textMuch);
      else lost();
    };
  }
  over.querySelector("a").addEventListener("click", (e) => { if (over.querySelector("a").textContent === text.textBack) { e.preventDefault(); location.reload(); } });

  let resizing = null;
  new ResizeObserver(() => {
    clearTimeout(resizing);
    resizing = setTimeout(() => { if (!done) fit.fit(); }, 80);
  }).observe($("terminal"));
  term.onResize(({ cols, rows }) => tell({ t: "size", columns: cols, rows }));
  window.addEventListener("pagehide", () => { if (socket) socket.close(1001); });
  box.terminal = term; // for tests
  term.focus();
  open();
})();
