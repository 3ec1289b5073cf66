// Lets a passkey answer, where the browser knows how. Without this script the form stays hidden, and the other one is there.
const asking = document.querySelector("form[data-passkey]");
if (asking && window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  asking.hidden = false;
  asking.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(asking.dataset.passkey));
      asking.elements.credential.value = JSON.stringify(await navigator.credentials.get({ publicKey }));
      asking.submit();
    } catch {
      asking.querySelector("[role=status]").textContent = "The passkey did not answer. Try again, or use a code.";
    }
  });
}
