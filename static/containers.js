// Run pages: confirmations that count ticks, filters of a form inside a form, the health fields, the live log.
(function () {
  "use strict";
  const $ = (s, f) => (f || document).querySelector(s), $$ = (s, f) => Array.from((f || document).querySelectorAll(s));
  // data-confirm-ticks="Restarts %s of 6": the number of ticked instances goes into the question.
  document.addEventListener("click", (e) => {
    const b = e.target.closest("[data-confirm-ticks]");
    if (b) b.dataset.confirm = b.dataset.confirmTicks.replace("%s", $$('input[name="' + b.dataset.needsTicks + '"]:checked').length);
  }, true);
  document.addEventListener("change", (e) => { if (e.target.matches("[data-submits]")) e.target.form.requestSubmit(); });

  // Only the fields of the chosen health check.
  const health = $("#id_health_kind");
  function kinds() {
    $$("[data-health-for]").forEach((el) => { el.hidden = !el.dataset.healthFor.split(" ").includes(health.value); });
    const times = $("[data-health-times]"); if (times) times.hidden = health.value === "none";
  }
  if (health) { health.addEventListener("change", kinds); kinds(); }

  // Only the fields of the chosen kind of hook.
  const kind = $("#id_kind");
  function parts() { $$("[data-kind-for]").forEach((el) => { el.hidden = el.dataset.kindFor !== kind.value; }); }
  if (kind && $("[data-kind-for]")) { kind.addEventListener("change", parts); parts(); }

  // The live log of one instance.
  const MOST = 5000;
  $$("[data-log]").forEach((box) => {
    const out = $(".xq-log-live", box), state = $("[data-log-state]", box), follow = $("[data-log-follow]", box), times = $("[data-log-times]", box), find = $("[data-log-find]", box);
    let last = "", source = null, wait = 500, count = 0, own = false;
    const say = (words) => { state.textContent = words; };
    function mark(div) {
      const q = find.value.toLowerCase(), span = div.lastChild, text = span.textContent;
      span.textContent = text;
      const hit = q && text.toLowerCase().includes(q);
      div.classList.toggle("hit", Boolean(hit));
      if (!hit) return;
      span.textContent = "";
      let at = 0, i;
      const low = text.toLowerCase();
      while ((i = low.indexOf(q, at)) >= 0) { span.append(text.slice(at, i)); const m = document.createElement("mark"); m.textContent = text.slice(i, i + q.length); span.append(m); at = i + q.length; }
      span.append(text.slice(at));
    }
    function add(lines) {
      const part = document.createDocumentFragment();
      lines.forEach(([channel, stamp, text]) => {
        const div = document.createElement("div"), t = document.createElement("time"), s = document.createElement("span");
        if (channel === "err") div.className = "err"; else if (channel === "note") div.className = "note";
        t.textContent = stamp.slice(0, 23).replace("T", " "); s.textContent = text || " ";
        div.append(t, s); if (find.value) mark(div);
        part.append(div); if (stamp) last = stamp; count += 1;
      });
      out.append(part);
      while (out.childElementCount > MOST) out.firstChild.remove();
      if (follow.checked) { own = true; out.scrollTop = out.scrollHeight; }
      say(count.toLocaleString() + " " + box.dataset.textLines);
    }
    function open() {
      if (source || document.hidden) return;
      const url = box.dataset.log + (last ? "?since=" + encodeURIComponent(last) : "?tail=500");
      source = new EventSource(url);
      source.addEventListener("hello", () => { wait = 500; });
      source.addEventListener("lines", (e) => add(JSON.parse(e.data)));
      source.addEventListener("again", () => { close(); open(); });
      source.addEventListener("end", (e) => { close(); add([["note", "", JSON.parse(e.data)]]); setTimeout(open, 5000); });
      source.addEventListener("failed", (e) => { close(); say(box.dataset.textFailed + " " + JSON.parse(e.data)); setTimeout(open, 10000); });
      source.onerror = () => { close(); say(box.dataset.textAgain + "…"); setTimeout(open, wait); wait = Math.min(15000, wait * 2); };
    }
    function close() { if (source) source.close(); source = null; }
    out.addEventListener("scroll", () => { if (own) { own = false; return; } follow.checked = out.scrollTop + out.clientHeight >= out.scrollHeight - 12; });
    follow.addEventListener("change", () => { if (follow.checked) { own = true; out.scrollTop = out.scrollHeight; } });
    times.addEventListener("change", () => out.classList.toggle("times", times.checked));
    let typing = null;
    find.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { out.classList.toggle("finding", Boolean(find.value)); Array.from(out.children).forEach(mark); if (follow.checked) out.scrollTop = out.scrollHeight; }, 150); });
    find.addEventListener("keydown", (e) => { if (e.key === "Enter") e.preventDefault(); });
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    window.addEventListener("pagehide", close);
    open();
  });
})();
