// Run pages: confirmations that count ticks, filters of a form inside a form, the health fields.
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
})();
