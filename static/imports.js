// Uploads a file in pieces over the API, so that a request stays small; what broke off goes on where it stopped.
(function () {
  "use strict";
  const form = document.querySelector("form[data-import]");
  if (!form) return;
  const PIECE = 8 << 20, TRIES = 5;
  const error = form.querySelector("[data-import-error]"), shown = form.querySelector("[data-import-progress]");
  const bar = shown.querySelector("progress"), words = shown.querySelector("span"), button = form.querySelector("button[type=submit]");
  let row = null;

  async function ask(method, path, body, type) {
    const headers = { "X-CSRFToken": document.body.dataset.csrf, Accept: "application/json" };
    if (type) headers["Content-Type"] = type;
    const answer = await fetch(form.dataset.import + path, { method, headers, body });
    const said = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(said.error || answer.statusText), { status: answer.status });
    return said;
  }

  async function piece(file, offset) {
    for (let n = 1; ; n++) {
      try {
        return (await ask("PUT", "/" + row.id + "/content?offset=" + offset, file.slice(offset, offset + PIECE), "application/octet-stream"));
      } catch (failed) {
        if (failed.status === 409) return await ask("GET", "/" + row.id);
        if ((failed.status && failed.status < 500 && failed.status !== 429) || n >= TRIES) throw failed;
        await new Promise((done) => setTimeout(done, n * 2000));
      }
    }
  }

  form.addEventListener("submit", async (e) => {
    const file = form.elements.file.files[0];
    if (!file || !form.elements.target.value) return;
    e.preventDefault();
    error.hidden = true; shown.hidden = false; button.disabled = true;
    try {
      const [kind, ...name] = form.elements.target.value.split(":");
      const body = { name: file.name, size: file.size, note: form.elements.note.value, [kind === "project" ? "project" : "base_image"]: name.join(":") };
      const same = row && row.name === file.name && row.size === file.size && row.project === (body.project || null) && row.base_image === (body.base_image || null);
      row = same ? await ask("GET", "/" + row.id) : await ask("POST", "", JSON.stringify(body), "application/json");
      while (row.state === "receiving") {
        bar.value = row.received / file.size;
        words.textContent = Math.floor(100 * row.received / file.size) + " %";
        row = await piece(file, row.received);
      }
      window.location = form.dataset.importPage + row.id + "/";
    } catch (failed) {
      error.textContent = failed.status ? failed.message : form.dataset.importFailed;
      error.hidden = false; shown.hidden = true; button.disabled = false;
    }
  });
})();
