// The live part of the operators' dashboard: the server's words go where the page has their names, and its numbers into
// the charts. What the words are is the server's to say; nothing is decided here.

const KEPT_SECONDS = 600;
const CHART_HEIGHT_PX = 210;
// The stream speaks once a second: after this long without a word it is lost, whatever the connection says.
const SILENCE_MS = 4_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
const RELOAD_PAUSE_MS = 60_000;
// Steps of the upright axes, in seconds or events per second.
const STEPS = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6];
const LINES = ["#0b62d6", "#b4460b", "#17704a", "#7a3fb0"];
const DARK_LINES = ["#7db4ff", "#ff9a6b", "#6fd3a0", "#c9a2ff"];

const root = document.getElementById("projections");
const texts = JSON.parse(root.dataset.texts);
const part = (name, within = root) => within.querySelector(`[data-${name}]`);
const title = document.title;
const put = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };

// --- words ------------------------------------------------------------------------------------------------------

function show(figures) {
  const cards = [...root.querySelectorAll("[data-projection]")];
  const names = figures.projections.map((projection) => projection.name);
  // A projection that came or went changes the page itself; a sentence that somebody is writing goes first.
  if (cards.map((card) => card.dataset.projection).join() !== names.join()) {
    if (!root.contains(document.activeElement)) reload();
    return;
  }
  const verdict = part("verdict");
  verdict.className = `verdict ${figures.mark}`;
  for (const name of ["title", "next", "since"]) put(part(name, verdict), figures[name]);
  document.title = figures.mark === "good" ? title : `⚠ ${figures.title} · ${title}`;
  figures.projections.forEach((projection, index) => showCard(cards[index], projection));
}

// Behind a load balancer page and stream may be of processes that have different projections: then once in a while is enough.
function reload() {
  const last = Number(sessionStorage.getItem("ops-reloaded-at"));
  if (Date.now() - last < RELOAD_PAUSE_MS) return;
  sessionStorage.setItem("ops-reloaded-at", Date.now());
  location.reload();
}

function showCard(card, projection) {
  card.classList.remove("good", "warn", "bad");
  card.classList.add(projection.mark);
  for (const [name, word] of Object.entries(projection.words)) {
    put(card.querySelector(`[data-word="${name}"]`), word);
    const block = card.querySelector(`[data-if="${name}"]`);
    if (block) block.hidden = !word;
  }
  card.querySelector(".badge").className = `badge ${{ good: "on", warn: "hot", bad: "alarm" }[projection.mark]}`;
  part("rebuild", card).value = projection.rebuild_percent ?? 0;
  for (const form of card.querySelectorAll("[data-action]")) form.hidden = !projection.actions.includes(form.dataset.action);
  part("no-actions", card).hidden = projection.actions.length > 0;
}

// --- numbers ----------------------------------------------------------------------------------------------------

// Moments in order: {t: seconds, lag: Map, position: Map, head}.
let moments = [];

function remember(at, projections) {
  const t = Date.parse(at) / 1000;
  if (!Number.isFinite(t) || (moments.length && t <= moments.at(-1).t)) return;
  moments.push({
    t,
    lag: new Map(projections.map((one) => [one.name, one.lag_seconds])),
    position: new Map(projections.map((one) => [one.name, one.position])),
    head: Math.max(0, ...projections.map((one) => one.head)),
  });
  while (moments.length && moments[0].t < t - KEPT_SECONDS) moments.shift();
}

async function fill() {
  const answer = await fetch(root.dataset.history);
  // Signed out meanwhile, here or by a new key: the page leads to where one signs in.
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const byTime = new Map();
  for (const { name, samples } of (await answer.json()).history) {
    for (const sample of samples) {
      if (!byTime.has(sample.at)) byTime.set(sample.at, []);
      byTime.get(sample.at).push({ ...sample, name });
    }
  }
  moments = [];
  for (const [at, samples] of [...byTime].sort(([one], [other]) => (one < other ? -1 : 1))) remember(at, samples);
  draw();
}

function perSecond(of) {
  return moments.map((moment, index) => {
    const before = moments[index - 1];
    const [now, then] = [of(moment), before && of(before)];
    // A rebuilt projection starts again: that is no negative rate.
    return now === undefined || then === undefined || before === undefined ? null : Math.max(0, now - then) / (moment.t - before.t);
  });
}

// --- charts -----------------------------------------------------------------------------------------------------

const charts = [];
const dark = matchMedia("(prefers-color-scheme: dark)");

function build() {
  for (const chart of charts) chart.destroy();
  charts.length = 0;
  const names = [...root.querySelectorAll("[data-projection]")].map((card) => card.dataset.projection);
  const style = getComputedStyle(root);
  const color = (name) => style.getPropertyValue(name).trim();
  const lines = dark.matches ? DARK_LINES : LINES;
  const line = (label, index, unit) => ({ label, stroke: lines[index % lines.length], width: 2, points: { show: false }, value: (_, value) => (value == null ? "–" : unit(value)) });
  const { lang } = document.documentElement;
  const seconds = (value) => `${value.toLocaleString(lang, { minimumFractionDigits: value < 10 ? 1 : 0, maximumFractionDigits: value < 10 ? 1 : 0 })} s`;
  const rate = (value) => `${Math.round(value).toLocaleString(lang)}/s`;
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: `12px ${color("--font")}` };
  const short = new Intl.NumberFormat(lang, { notation: "compact" });
  const make = (kind, series, tickName) => {
    const place = root.querySelector(`[data-chart="${kind}"]`);
    const chart = new uPlot({
      width: place.clientWidth,
      height: CHART_HEIGHT_PX,
      scales: { y: { range: (_, low, high) => [0, Math.max(kind === "lag" ? 1 : 10, (high ?? 0) * 1.15)] } },
      axes: [{ ...axis, space: 84, size: 34, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 62, incrs: STEPS, values: (_, ticks) => ticks.map(tickName) }],
      series: [{ label: texts.time, value: (_, value) => (value == null ? "–" : clock(value)) }, ...series],
      cursor: { y: false, drag: { x: false, y: false } },
    }, [[], ...series.map(() => [])], place);
    charts.push(chart);
  };
  make("lag", names.map((name, index) => line(name, index, seconds)), seconds);
  // A wide pale line beneath the others: it shows where they part.
  const log = { ...line(texts.log, 0, rate), stroke: `${color("--edge")}70`, width: 6 };
  make("rate", [log, ...names.map((name, index) => line(name, index, rate))], (tick) => short.format(tick));
  charts.names = names;
  draw();
}

// The same wall clock as in the server's words.
const wallClock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: root.dataset.timeZone });
function clock(seconds) { return wallClock.format(new Date(seconds * 1000)); }

function draw() {
  if (!charts.length || document.hidden) return;
  const times = moments.map((moment) => moment.t);
  const [lag, rate] = charts;
  lag.setData([times, ...charts.names.map((name) => moments.map((moment) => moment.lag.get(name) ?? null))]);
  rate.setData([times, perSecond((moment) => moment.head), ...charts.names.map((name) => perSecond((moment) => moment.position.get(name)))]);
  // Where nobody points, the legend has the newest figures.
  if (times.length) for (const chart of charts) if (chart.cursor.left < 0) chart.setLegend({ idx: times.length - 1 });
}

// --- stream -----------------------------------------------------------------------------------------------------

const state = part("state");
let [retry, silence, newest] = [FIRST_RETRY_MS, 0, ""];

function live(figures) {
  newest = figures.clock;
  retry = FIRST_RETRY_MS;
  clearTimeout(silence);
  silence = setTimeout(lost, SILENCE_MS);
  put(state, texts.live);
  state.classList.remove("lost");
}

function lost() {
  put(state, texts.reconnecting.replace("{time}", newest || "–"));
  state.classList.add("lost");
}

let source;
function connect() {
  source = new EventSource(root.dataset.live);
  source.addEventListener("open", () => fill().catch(() => lost()));
  source.addEventListener("figures", (event) => {
    const figures = JSON.parse(event.data);
    live(figures);
    show(figures);
    remember(figures.at, figures.projections);
    draw();
  });
  source.addEventListener("error", () => {
    lost();
    if (source.readyState !== EventSource.CLOSED) return;
    // Refused outright: the history says whether somebody has to sign in.
    setTimeout(() => fill().catch(() => {}).finally(connect), retry * (0.5 + Math.random()));
    retry = Math.min(LAST_RETRY_MS, retry * 2);
  });
}

// What was done is said once, not at every reload.
if (location.search) history.replaceState(null, "", location.pathname);
part("reload").hidden = true;
state.hidden = false;
part("charts").hidden = false;
build();
connect();
dark.addEventListener("change", build);
document.addEventListener("visibilitychange", draw);
new ResizeObserver(() => {
  for (const chart of charts) chart.setSize({ width: chart.root.parentElement.clientWidth, height: CHART_HEIGHT_PX });
}).observe(part("charts"));
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
