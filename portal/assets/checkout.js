// Small help on forms and tickets; every page works without it: the countdown by the server's clock, the check digit
// of a RUT while it is written, one press per payment, forms that report a refusal in place, documents that are still made, printing.

// The difference between the server's clock and this one, by the Date header of an empty answer.
async function clockOffset() {
  const before = Date.now();
  const answer = await fetch("/live/clock", { cache: "no-store" });
  const date = Date.parse(answer.headers.get("date"));
  // The header counts whole seconds: on average half of one has passed.
  return Number.isNaN(date) ? 0 : date + 500 - (before + Date.now()) / 2;
}

async function countDown(element) {
  const end = Date.parse(element.dataset.expires);
  const nearly = element.parentElement.querySelector("[data-hurry]");
  const offset = await clockOffset().catch(() => 0);
  const show = () => {
    const left = Math.max(0, Math.ceil((end - Date.now() - offset) / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    element.classList.toggle("hurry", left <= 60);
    if (left <= 60 && nearly && !nearly.textContent) nearly.textContent = nearly.dataset.hurry;
    if (left > 0) return;
    clearInterval(timer);
    // A payment on its way is left to arrive: the hold waits for it.
    if (!document.querySelector("[data-pay-form][data-sent]")) location.assign(element.dataset.over);
  };
  const timer = setInterval(show, 250);
  show();
}

export function rutProblem(text) {
  const match = /^(\d{1,2}(?:\.\d{3}){2}|\d{1,3}\.\d{3}|\d{1,8})-([\dkK])$/.exec(text.trim());
  if (!match) return "malformed";
  let [sum, factor] = [0, 2];
  for (const digit of [...match[1].replaceAll(".", "")].reverse()) {
    sum += Number(digit) * factor;
    factor = factor === 7 ? 2 : factor + 1;
  }
  const expected = 11 - (sum % 11);
  const letter = expected === 11 ? "0" : expected === 10 ? "K" : String(expected);
  return letter === match[2].toUpperCase() ? "" : "wrong";
}

// 123456785 and 12345678-5 as 12.345.678-5; any other text as it is.
function writtenRut(text) {
  const match = /^(\d{1,8})-?([\dkK])$/.exec(text.replace(/\s/g, ""));
  return match ? `${String(Number(match[1])).replace(/\B(?=(\d{3})+$)/g, ".")}-${match[2].toUpperCase()}` : text;
}

function checkRut(input) {
  const words = document.querySelector("[data-rut-wrong]").dataset;
  const place = document.getElementById("rut-problem");
  const say = (event) => {
    if (event.type === "blur") input.value = writtenRut(input.value);
    const problem = input.value.trim() ? rutProblem(input.value) : "";
    place.textContent = problem === "wrong" ? words.rutWrong : problem ? words.rutMalformed : "";
    input.toggleAttribute("data-good", Boolean(input.value.trim()) && !problem);
    if (problem) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("blur", say);
  input.addEventListener("input", (event) => { if (!rutProblem(input.value) || place.textContent) say(event); });
}

// What the server found wrong is taken back as soon as it is written anew.
function forgive(input) {
  input.addEventListener("input", () => {
    input.removeAttribute("aria-invalid");
    document.getElementById(`${input.id}-problem`).textContent = "";
  }, { once: true });
}

function payOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    const button = form.querySelector("button[type=submit]");
    button.setAttribute("aria-disabled", "true");
    button.textContent = form.dataset.paying;
    form.querySelector("[data-paying-word]").textContent = form.dataset.paying;
  });
  // Back from another page the form is itself again.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// Sends a form that reserves and stays on the page when it is refused. Returns the refusal, or null.
export async function sendHold(form) {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
    const body = await answer.json();
    // The answer is in: the next press is a new wish and needs a new key.
    form.querySelector("[name=key]").value = freshKey();
    if (answer.ok) { location.assign(body.location); return null; }
    return body;
  } finally {
    button.disabled = false;
  }
}

function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Documents are made within a second or two; a page that came before them looks again, at most for a minute.
async function awaitDocuments(order) {
  for (let look = 0; look < 20; look += 1) {
    await new Promise((done) => setTimeout(done, look < 5 ? 1000 : 4000));
    const answer = await fetch(`/v1/orders/${order}`, { cache: "no-store" }).catch(() => null);
    if (answer?.ok && (await answer.json()).documents !== "pending") return location.reload();
  }
}

document.querySelectorAll("[data-documents-pending]").forEach(() => awaitDocuments(location.pathname.split("/")[2]));
document.querySelectorAll("[data-expires]").forEach((element) => countDown(element));
const rut = document.querySelector("input[name=rut]");
if (rut) checkRut(rut);
document.querySelectorAll(".field [aria-invalid]:not([name=rut])").forEach(forgive);
document.querySelectorAll("[data-pay-form]").forEach(payOnce);
document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => print());
});
