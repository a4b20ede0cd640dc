// Says in words why a passkey was not used, and uses one as a proof before a dangerous verb; allauth's scripts do the rest.
// The page that asks for a proof may come in the place of another one, so this may be read twice.
"use strict";
(() => {
  if (window.xqSignIn) return;
  const proofs = new BroadcastChannel("xq-proof");
  window.xqSignIn = proofs;

  document.addEventListener("allauth.error", (event) => {
    const box = document.getElementById("passkey-trouble");
    if (!box) return;
    event.preventDefault();
    const error = event.detail.exception || {};
    const texts = box.dataset;
    let words = `${texts.textFailed} ${error.message || error.name || error}`;
    if (!window.isSecureContext || !window.PublicKeyCredential) words = texts.textInsecure;
    else if (error.name === "NotAllowedError" || error.name === "AbortError") words = texts.textAborted;
    else if (error.name === "InvalidStateError") words = texts.textKnown;
    else if (error.name === "SecurityError") words = texts.textInsecure;
    box.textContent = words;
    box.hidden = false;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#sudo_passkey");
    if (!button) return;
    const field = document.getElementById("sudo_credential");
    try {
      const asked = JSON.parse(document.getElementById("sudo_passkey_data").textContent);
      field.value = JSON.stringify(await window.webauthnJSON.get(asked.request_options));
      field.form.submit();
    } catch (exception) {
      document.dispatchEvent(new CustomEvent("allauth.error", { detail: { exception }, cancelable: true }));
    }
  });

  // Somebody went from here to a provider in a tab of its own, and has come back there.
  let away = false;
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-xq-elsewhere]")) away = true;
  });
  proofs.addEventListener("message", () => {
    if (away) document.querySelector("[data-xq-proven]")?.click();
    away = false;
  });
  if (document.querySelector("[data-xq-proof-done]")) {
    proofs.postMessage("proven");
    window.close();
  }
})();
