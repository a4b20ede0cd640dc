// The live log of a build: new lines are appended as they are saved; the view follows unless somebody scrolled up.
(function () {
  "use strict";
  const box = document.querySelector("[data-build-log]");
  if (!box) return;
  box.scrollTop = box.scrollHeight;
  const open = () => {
    const source = new EventSource(box.dataset.buildLog + "?after=" + box.dataset.last);
    source.onmessage = (e) => {
      const follow = box.scrollTop + box.clientHeight >= box.scrollHeight - 12;
      const part = document.createDocumentFragment();
      JSON.parse(e.data).forEach(([number, step, text]) => {
        if (number <= Number(box.dataset.last)) return;
        box.dataset.last = number;
        const line = document.createElement("span");
        line.dataset.step = step;
        if (/^Step \d+\/\d+ :/.test(text)) line.className = "xq-log-step";
        line.textContent = text + "\n";
        part.append(line);
      });
      box.append(part);
      while (box.childNodes.length > 20000) box.firstChild.remove();
      if (follow) box.scrollTop = box.scrollHeight;
    };
    source.addEventListener("end", () => source.close());
    source.onerror = () => { source.close(); setTimeout(open, 1500); };
    window.addEventListener("pagehide", () => source.close());
  };
  if (box.dataset.active) open();
})();
