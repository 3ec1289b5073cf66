// Lets a passkey answer, where the browser knows how. Without this script the form stays hidden, and the other one is there.
const form = document.querySelector("form[data-passkey]");
if (form && window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.passkey));
      form.elements.credential.value = JSON.stringify(await navigator.credentials.get({ publicKey }));
      form.submit();
    } catch {
      form.querySelector("[role=status]").textContent = "The passkey did not answer. Try again, or use a code.";
    }
  });
}
