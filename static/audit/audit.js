// Dragging over the histogram picks a range of time; a click on a bar works without this script.
(function () {
  "use strict";
  // On a narrow screen the events come first.
  const facets = document.querySelector(".xq-afold");
  if (facets && matchMedia("(max-width: 991px)").matches) facets.open = false;
  let from = null, dragged = false;
  const barOf = (e) => e.target.closest && e.target.closest("[data-range-picker] a");
  const bars = (svg) => Array.from(svg.querySelectorAll("a"));
  function between(a, b) {
    const all = bars(a.closest("svg")), x = all.indexOf(a), y = all.indexOf(b);
    return all.slice(Math.min(x, y), Math.max(x, y) + 1);
  }
  // What the server reads: a time with its offset.
  function go(svg, first, last) {
    const url = new URL(svg.dataset.base, location.href);
    url.searchParams.set("since", first.dataset.since);
    url.searchParams.set("until", last.dataset.until);
    location.assign(url);
  }
  function clear() { document.querySelectorAll("[data-range-picker] .picked").forEach((a) => a.classList.remove("picked")); }
  document.addEventListener("pointerdown", (e) => { from = e.button === 0 ? barOf(e) : null; dragged = false; });
  document.addEventListener("dragstart", (e) => { if (barOf(e)) e.preventDefault(); });
  document.addEventListener("pointermove", (e) => {
    const over = from && barOf(e);
    if (!over || over.closest("svg") !== from.closest("svg")) return;
    dragged = dragged || over !== from;
    clear();
    if (dragged) between(from, over).forEach((a) => a.classList.add("picked"));
  });
  document.addEventListener("pointerup", () => {
    const picked = from && dragged ? Array.from(from.closest("svg").querySelectorAll(".picked")) : [];
    if (picked.length) go(from.closest("svg"), picked[0], picked[picked.length - 1]);
    from = null;
  });
  document.addEventListener("click", (e) => { if (dragged && barOf(e)) e.preventDefault(); }, true);
})();
