// Runs before the first paint, so that no page flashes white at night.
(function () {
  "use strict";
  var root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var chosen = root.dataset.theme;
    root.dataset.bsTheme = chosen === "dark" || (chosen === "auto" && dark.matches) ? "dark" : "light";
  }
  apply();
  dark.addEventListener("change", apply);
  window.xqTheme = { apply: apply };
})();
