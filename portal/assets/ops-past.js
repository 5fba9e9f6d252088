// The slider through the past of a show: asks the server for a moment and puts its words and its map on the page. While
// one moment is on its way, the last one that was asked for waits; those between are never asked for.

const box = document.getElementById("moment");
const map = document.querySelector("seat-map");
const slider = box.querySelector("input[type=range]");
const word = (name) => document.querySelector(`[data-word="${name}"]`);
const steps = [...box.querySelectorAll("[data-step]")];

let shown = Number(box.dataset.revision);
let last = Number(box.dataset.last);
let wanted = shown;
let busy = false;

// `null` is the present, whatever number it has by now.
async function go(revision) {
  wanted = revision === null ? null : Math.min(last, Math.max(1, revision));
  if (wanted !== null) slider.value = wanted;
  if (busy) return;
  busy = true;
  try {
    while (wanted !== shown) {
      const asked = wanted;
      const answer = await fetch(asked === null ? box.dataset.moment : `${box.dataset.moment}?revision=${asked}`);
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(`the moment ${asked}: ${answer.status}`);
      const moment = await answer.json();
      put(moment);
      if (wanted === asked) wanted = shown;
    }
  } catch (error) {
    // The page of the moment says what is the matter.
    console.warn(error);
    location.assign(wanted === null ? box.dataset.path : `${box.dataset.path}?revision=${wanted}`);
  } finally {
    busy = false;
  }
}

function put(moment) {
  [shown, last] = [moment.revision, moment.last];
  for (const [name, text] of Object.entries(moment.words)) word(name).textContent = text;
  box.querySelector(".moment-event").href = `/ops/events/${moment.position}`;
  slider.max = last;
  if (wanted === null || wanted === shown) slider.value = shown;
  slider.setAttribute("aria-valuetext", moment.words.event_of);
  for (const step of steps) {
    const to = Math.min(last, Math.max(1, shown + Number(step.dataset.step)));
    step.href = `${box.dataset.path}?revision=${to}`;
    if (to === shown) step.setAttribute("aria-disabled", "true");
    else step.removeAttribute("aria-disabled");
  }
  history.replaceState(null, "", `${box.dataset.path}?revision=${shown}`);
  map.show(Uint8Array.from(atob(moment.compact), (char) => char.charCodeAt(0)));
}

const here = (event) => !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
slider.addEventListener("input", () => go(Number(slider.value)));
for (const step of steps) {
  step.addEventListener("click", (event) => {
    if (!here(event)) return;
    event.preventDefault();
    go((wanted ?? shown) + Number(step.dataset.step));
  });
}
box.querySelector("[data-present]").addEventListener("click", (event) => {
  if (!here(event)) return;
  event.preventDefault();
  go(null);
});
