// Says in words why a passkey was not used; allauth's scripts do the rest.
"use strict";
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
