// A chosen authorisation file goes into the field that is sent, byte by byte, so that nobody has to open and copy it: an editor
// that takes it for UTF-8 spoils the names in it, and with them the authority's signature. The server checks it as ever.

const form = document.querySelector("[data-load]");

if (form) {
  const [file, text] = [form.querySelector("[type=file]"), form.querySelector("textarea")];
  const [filePart, textPart] = [form.querySelector("[data-file]"), form.querySelector("[data-text]")];
  filePart.hidden = false;
  file.addEventListener("change", async () => {
    text.value = file.files.length ? decode(new Uint8Array(await file.files[0].arrayBuffer())) : "";
    // What was read holds a private key: nobody needs to look at it.
    textPart.hidden = text.value !== "";
  });
}

// ISO-8859-1 it nearly always is, and says so or says nothing.
function decode(bytes) {
  const latin = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  if (/iso-8859-1/i.test(latin.slice(0, 100))) return latin;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return latin;
  }
}

// What was done is said once, not at every reload.
if (location.search) history.replaceState(null, "", location.pathname);
