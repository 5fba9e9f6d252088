// <seat-map>: the live map of a show. Joins plan, feed, painter and pointer, keeps the selection, speaks to screen
// readers, and fills the selection form beside it. The server decides everything; the map only asks. Without a stream it
// shows one moment, and whoever moves through time shows it the next one.

import { SeatPlan } from "./seat-plan.js";
import { AVAILABLE, PICK_PITCH, theme } from "./seat-glyphs.js";
import { SeatPainter } from "./seat-painter.js";
import { SeatFeed, unpack } from "./seat-feed.js";
import { attachPointer } from "./seat-pointer.js";
import { sendHold } from "./checkout.js";

const MAX_PITCH_PX = 46;
const COMFORTABLE_PITCH_PX = 26;
// The whole of a small plan is shown no larger than this.
const WHOLE_PITCH_PX = 34;
// Free room around the whole plan; seats reach past their points by less than this share of their pitch.
const WHOLE_MARGIN_PX = 14;
const SEAT_REACH = 0.8;
const SETTLE_MS = 130;
const LOST_MARK_MS = 1_600;
// Seats of a moment that are marked at once.
const MOST_MARKED = 400;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

class SeatMap extends HTMLElement {
  connectedCallback() {
    this.texts = JSON.parse(this.dataset.texts);
    this.max = Number(this.dataset.max);
    this.selling = this.dataset.selling === "true";
    this.counted = this.dataset.counted === "true";
    this.picked = new Set();
    this.lost = new Map();
    this.focusSeat = -1;
    this.frames = [];
    this.start().catch((error) => this.fail(error));
  }

  async start() {
    const colors = new Map(JSON.parse(this.dataset.zones).map((zone) => [zone.name, zone.color]));
    const read = async (address) => {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      return answer;
    };
    const [plan, seats] = await Promise.all([
      read(this.dataset.plan).then((answer) => answer.json()),
      read(this.dataset.seats).then((answer) => answer.arrayBuffer()),
    ]);
    this.plan = new SeatPlan(plan, colors);
    this.statuses = unpack(new Uint8Array(seats), this.plan.total);
    this.build();
    this.painter = new SeatPainter(this.canvas, this.plan, this.statuses, theme(this));
    this.recount();
    this.resize();
    this.showAll();
    this.listen();
    this.renderSelection();
    this.setAttribute("ready", "");
    if (!this.dataset.stream) {
      this.stateMark.hidden = true;
      if (this.waiting) this.show(this.waiting);
      return;
    }
    this.feed = new SeatFeed(this.dataset.stream, {
      onSnapshot: (bytes) => this.replace(unpack(bytes, this.plan.total)),
      onDelta: (changes) => this.change(changes),
      onState: (live) => this.state(live),
    });
  }

  disconnectedCallback() {
    this.feed?.close();
    this.sizes?.disconnect();
  }

  fail(error) {
    console.error(error);
    const text = Object.assign(document.createElement("p"), { className: "map-wait", textContent: this.texts.mapFailed });
    text.setAttribute("role", "alert");
    this.replaceChildren(text);
  }

  build() {
    const make = (tag, attributes = {}, ...children) => {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      element.append(...children);
      return element;
    };
    const { texts } = this;
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": texts.mapLabel, "aria-describedby": "map-help" });
    const button = (label, sign, act) => {
      const element = make("button", { type: "button", "aria-label": label, title: label }, sign);
      element.addEventListener("click", act);
      return element;
    };
    const centre = (factor) => () => this.zoomAt(this.canvas.clientWidth / 2, this.canvas.clientHeight / 2, factor);
    this.stateMark = make("p", { class: "map-state", role: "status" }, texts.live);
    this.tip = make("div", { class: "map-tip", "aria-hidden": "true" });
    this.tip.hidden = true;
    this.speech = make("p", { class: "unseen", "aria-live": "polite" });
    this.alarm = make("p", { class: "map-toast", role: "alert" });
    const sign = (kind) => make("li", {}, make("i", { class: `sign ${kind}`, "aria-hidden": "true" }), texts.legend[kind]);
    const help = make("p", { class: "map-help", id: "map-help" }, texts.mapHelp);
    this.replaceChildren(
      make("div", { class: "map-stage" }, this.canvas, help, this.tip, this.alarm, this.speech),
      make("div", { class: "map-bar" },
        make("div", { class: "map-notes" }, this.stateMark, make("ul", { class: "map-legend", role: "list" }, ...["available", ...(this.dataset.stream ? ["picked"] : []), "held", "sold", "blocked"].map(sign))),
        make("div", { class: "map-zoom" }, button(texts.zoomIn, "+", centre(1.6)), button(texts.zoomOut, "−", centre(1 / 1.6)), button(texts.zoomAll, "⤢", () => this.showAll())),
      ),
    );
    this.form = document.getElementById("selection");
    if (this.form) this.form.hidden = false;
  }

  listen() {
    attachPointer(this.canvas, {
      pan: (dx, dy) => { this.view.x -= dx / this.view.scale; this.view.y -= dy / this.view.scale; this.keepInside(); this.draw(); },
      zoomAt: (x, y, factor) => this.zoomAt(x, y, factor),
      press: (at, touch) => this.press(at, touch),
      hover: (at) => this.hover(at),
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("focus", () => {
      if (this.focusSeat < 0 && this.canvas.matches(":focus-visible")) this.focusOn(this.firstSeat());
      this.draw();
    });
    this.canvas.addEventListener("blur", () => this.draw());
    // Painted in the same frame: a canvas of a new size is black until then.
    this.sizes = new ResizeObserver(() => { this.resize(); this.paint(performance.now()); });
    this.sizes.observe(this.canvas);
    // A page that is left is kept by the browser with its stream open, and six streams are all the connections that
    // it makes to a server: the seventh page would never load.
    addEventListener("pagehide", () => this.feed?.close());
    // Back from the checkout such a page would show seats and a selection of before.
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.painter.setTheme(theme(this)); this.draw(); });
    for (const form of document.querySelectorAll("[data-hold-form]")) form.addEventListener("submit", (event) => this.send(event, form));
  }

  // --- view ---------------------------------------------------------------------------------------------------

  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 3);
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    const [minX, minY, maxX, maxY] = this.plan.bounds;
    const reach = this.plan.pitch * SEAT_REACH * 2;
    const room = (pixels) => Math.max(1, pixels - WHOLE_MARGIN_PX * 2);
    const fit = Math.min(room(this.canvas.clientWidth) / (maxX - minX + reach), room(this.canvas.clientHeight) / (maxY - minY + reach), WHOLE_PITCH_PX / this.plan.pitch);
    const whole = !this.view || this.view.scale <= this.minScale * 1.001;
    this.minScale = fit;
    this.maxScale = Math.max(fit, MAX_PITCH_PX / this.plan.pitch);
    if (this.view) this.view.ratio = ratio;
    else this.view = { x: 0, y: 0, scale: fit, ratio };
    if (whole) this.showAll();
  }

  showAll() {
    const [minX, minY, maxX, maxY] = this.plan.bounds;
    this.view.scale = this.minScale;
    this.view.x = (minX + maxX) / 2 - this.canvas.clientWidth / 2 / this.minScale;
    this.view.y = (minY + maxY) / 2 - this.canvas.clientHeight / 2 / this.minScale;
    this.settle();
  }

  zoomAt(x, y, factor) {
    const { view } = this;
    const scale = Math.min(this.maxScale, Math.max(this.minScale, view.scale * factor));
    view.x += x / view.scale - x / scale;
    view.y += y / view.scale - y / scale;
    view.scale = scale;
    this.keepInside();
    this.settle();
  }

  // The middle of the screen stays over the plan.
  keepInside() {
    const { view } = this;
    const [minX, minY, maxX, maxY] = this.plan.bounds;
    const [halfW, halfH] = [this.canvas.clientWidth / 2 / view.scale, this.canvas.clientHeight / 2 / view.scale];
    view.x = Math.min(maxX, Math.max(minX, view.x + halfW)) - halfW;
    view.y = Math.min(maxY, Math.max(minY, view.y + halfH)) - halfH;
  }

  // While the scale moves, tiles are stretched; once it rests they are painted anew.
  settle() {
    this.moving = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { this.moving = false; this.draw(); }, SETTLE_MS);
    this.draw();
  }

  draw() {
    this.pending ||= requestAnimationFrame((now) => { this.pending = 0; this.paint(now); });
  }

  paint(now) {
    const began = performance.now();
    for (const [seat, since] of this.lost) if (now - since > LOST_MARK_MS) this.lost.delete(seat);
    const focused = document.activeElement === this.canvas ? this.focusSeat : -1;
    const marks = { picked: this.picked, lost: this.lost, focus: focused, free: this.freeTexts, now };
    const missing = this.painter.frame(this.view, marks, !this.moving);
    this.frames.push(performance.now() - began);
    if (this.frames.length > 600) this.frames.shift();
    if (missing || this.lost.size) this.draw();
  }

  point({ x, y }) { return [this.view.x + x / this.view.scale, this.view.y + y / this.view.scale]; }

  // Where a seat is on the page, for whoever drives the page from outside.
  screenPoint(seat) {
    const box = this.canvas.getBoundingClientRect();
    return [box.left + (this.plan.x[seat] - this.view.x) * this.view.scale, box.top + (this.plan.y[seat] - this.view.y) * this.view.scale];
  }

  lookAt(seat, pitch = COMFORTABLE_PITCH_PX) {
    this.view.scale = Math.min(this.maxScale, Math.max(this.minScale, pitch / this.plan.pitch));
    this.view.x = this.plan.x[seat] - this.canvas.clientWidth / 2 / this.view.scale;
    this.view.y = this.plan.y[seat] - this.canvas.clientHeight / 2 / this.view.scale;
    this.settle();
  }

  // --- picking ------------------------------------------------------------------------------------------------

  press(at, touch) {
    const [x, y] = this.point(at);
    const pitch = this.plan.pitch * this.view.scale;
    const reach = this.plan.pitch * (touch ? 0.9 : 0.65);
    const seat = this.plan.nearest(x, y, Math.max(reach, 12 / this.view.scale));
    if (seat < 0) {
      const zone = this.plan.generalZoneAt(x, y);
      if (zone) this.chooseGeneral(zone);
      return;
    }
    if (pitch < PICK_PITCH) return this.zoomAt(at.x, at.y, COMFORTABLE_PITCH_PX / pitch);
    this.focusSeat = seat;
    this.toggle(seat);
    if (!touch) this.hover(at);
  }

  toggle(seat) {
    if (this.picked.has(seat)) return this.unpick(seat);
    if (!this.selling) return this.say(this.describe(seat));
    if (this.statuses[seat] !== AVAILABLE) {
      return this.warn(fill(this.texts.sayNotAvailable, { seat: this.short(seat), status: this.texts.status[this.statuses[seat]] }));
    }
    if (this.picked.size >= this.max) return this.warn(fill(this.texts.sayLimit, { n: this.max }));
    this.picked.add(seat);
    this.afterChange(this.texts.sayPicked, seat);
  }

  unpick(seat) {
    if (this.picked.delete(seat)) this.afterChange(this.texts.sayUnpicked, seat);
  }

  afterChange(sentence, seat) {
    this.renderSelection();
    this.say(fill(sentence, { seat: this.short(seat), n: this.picked.size, total: this.money(this.total()) }));
    this.draw();
  }

  chooseGeneral(zone) {
    const form = document.getElementById("general");
    if (!form) return;
    form.elements.zone.value = zone.name;
    form.scrollIntoView({ block: "nearest", behavior: "smooth" });
    form.elements.quantity.focus({ preventScroll: true });
    this.say(fill(this.texts.sayGeneral, { zone: zone.name }));
  }

  hover(at) {
    const seat = at ? this.plan.nearest(...this.point(at), Math.max(this.plan.pitch * 0.6, 4 / this.view.scale)) : -1;
    const pickable = seat >= 0 && this.plan.pitch * this.view.scale >= PICK_PITCH;
    this.canvas.style.cursor = pickable ? "pointer" : "";
    this.tip.hidden = !pickable;
    if (!pickable) return;
    const zone = this.plan.zone(seat);
    const state = this.picked.has(seat) ? this.texts.statusPicked : this.texts.status[this.statuses[seat]];
    this.tip.replaceChildren(
      Object.assign(document.createElement("b"), { textContent: `${zone.name} · ${this.place(seat)}` }),
      Object.assign(document.createElement("span"), { textContent: `${this.money(zone.price)} · ${state}` }),
    );
    const [x, y] = [Math.min(at.x, this.canvas.clientWidth - 130), at.y - this.plan.pitch * this.view.scale * 0.5];
    this.tip.style.transform = `translate(calc(${Math.max(130, x)}px - 50%), calc(${y}px - 100% - 8px))`;
  }

  key(event) {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) this.focusOn(this.focusSeat < 0 ? this.firstSeat() : this.plan.neighbour(this.focusSeat, ...arrow));
    else if (event.key === "Enter" || event.key === " ") { if (this.focusSeat >= 0 && !this.picked.has(this.focusSeat)) this.toggle(this.focusSeat); }
    else if (event.key === "Escape") this.unpick(this.focusSeat);
    else if (event.key === "+" || event.key === "=") this.zoomKey(1.4);
    else if (event.key === "-") this.zoomKey(1 / 1.4);
    else if (event.key === "0") this.showAll();
    else return;
    event.preventDefault();
  }

  zoomKey(factor) {
    const at = this.focusSeat < 0 ? [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]
      : [(this.plan.x[this.focusSeat] - this.view.x) * this.view.scale, (this.plan.y[this.focusSeat] - this.view.y) * this.view.scale];
    this.zoomAt(...at, factor);
  }

  firstSeat() {
    const free = this.statuses.findIndex((status, seat) => status === AVAILABLE && this.plan.rowOf[seat] >= 0);
    return free >= 0 ? free : this.plan.rows[0]?.first ?? -1;
  }

  focusOn(seat) {
    if (seat < 0) return;
    this.focusSeat = seat;
    const [x, y] = [(this.plan.x[seat] - this.view.x) * this.view.scale, (this.plan.y[seat] - this.view.y) * this.view.scale];
    const edge = 60;
    const outside = x < edge || y < edge || x > this.canvas.clientWidth - edge || y > this.canvas.clientHeight - edge;
    if (this.plan.pitch * this.view.scale < PICK_PITCH) this.lookAt(seat);
    else if (outside) this.lookAt(seat, this.plan.pitch * this.view.scale);
    this.say(this.describe(seat));
    this.draw();
  }

  // --- words --------------------------------------------------------------------------------------------------

  place(seat) { return fill(this.texts.sayRow, { row: this.plan.rowLabel(seat), seat: this.plan.number(seat) }); }
  short(seat) { return `${this.plan.zone(seat).name}, ${this.place(seat)}`; }
  total() { let sum = 0; for (const seat of this.picked) sum += this.plan.zone(seat).price; return sum; }
  describe(seat) {
    const zone = this.plan.zone(seat);
    const status = this.picked.has(seat) ? this.texts.statusPicked : this.texts.status[this.statuses[seat]];
    return fill(this.texts.saySeat, { zone: zone.name, row: this.plan.rowLabel(seat), seat: this.plan.number(seat), price: this.money(zone.price), status });
  }
  say(text) { this.speech.textContent = text; }
  warn(text) {
    this.alarm.textContent = text;
    this.alarm.classList.add("shown");
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.alarm.classList.remove("shown"), 6_000);
  }
  group(number) { return String(number).replace(/\B(?=(\d{3})+$)/g, this.dataset.language === "en" ? "," : "."); }
  // As the server writes it: pesos without minor units.
  money(amount) {
    const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ".");
    const currency = this.dataset.currency;
    if (currency === "CLP") return `$${grouped(amount)}`;
    if (["PYG", "JPY", "KRW", "VND"].includes(currency)) return `${currency} ${grouped(amount)}`;
    return `${currency} ${grouped(Math.floor(amount / 100))},${String(amount % 100).padStart(2, "0")}`;
  }

  // --- live ---------------------------------------------------------------------------------------------------

  // Another moment, packed. What changed on the way there is marked for a moment, unless it is half the house.
  show(bytes) {
    if (!this.hasAttribute("ready")) return void (this.waiting = bytes);
    const statuses = unpack(bytes, this.plan.total);
    const changed = [];
    for (let seat = 0; seat < statuses.length; seat++) if (statuses[seat] !== this.statuses[seat]) changed.push(seat);
    this.replace(statuses);
    this.lost.clear();
    if (changed.length > MOST_MARKED) return;
    for (const seat of changed) this.lost.set(seat, performance.now());
    this.draw();
  }

  replace(statuses) {
    const changes = [];
    for (let index = 0; index < statuses.length; index++) {
      if (statuses[index] !== this.statuses[index]) changes.push({ index, status: statuses[index] });
    }
    this.change(changes);
  }

  change(changes) {
    const seats = [];
    for (const { index, status } of changes) {
      if (!(index < this.statuses.length) || this.statuses[index] === status) continue;
      const zone = this.plan.zoneOf[index];
      this.freeCounts[zone] += (status === AVAILABLE) - (this.statuses[index] === AVAILABLE);
      this.statuses[index] = status;
      if (this.plan.rowOf[index] >= 0) seats.push(index);
      if (this.picked.has(index) && status !== AVAILABLE && !this.sending) this.lose(index);
    }
    if (seats.length > 4_000) this.painter.forgetTiles();
    else this.painter.seatsChanged(seats);
    if (changes.length) { this.showCounts(); this.draw(); }
  }

  lose(seat) {
    this.picked.delete(seat);
    this.lost.set(seat, performance.now());
    this.renderSelection();
    this.warn(fill(this.texts.sayLost, { seat: this.short(seat) }));
  }

  recount() {
    this.freeCounts = this.plan.zones.map(() => 0);
    this.statuses.forEach((status, seat) => { if (status === AVAILABLE) this.freeCounts[this.plan.zoneOf[seat]]++; });
    this.showCounts();
  }

  showCounts() {
    if (!this.counted) return void (this.freeTexts = []);
    this.freeTexts = this.freeCounts.map((free) => (free ? fill(this.texts.free, { n: this.group(free) }) : this.texts.soldOut));
    for (const item of document.querySelectorAll("#zones [data-zone]")) {
      const zone = this.plan.zones.find((candidate) => candidate.name === item.dataset.zone);
      if (zone) item.querySelector("[data-free]").textContent = this.freeTexts[zone.index];
    }
  }

  state(live) {
    this.stateMark.textContent = live ? this.texts.live : this.texts.reconnecting;
    this.stateMark.classList.toggle("lost", !live);
  }

  // --- selection form -----------------------------------------------------------------------------------------

  renderSelection() {
    if (!this.form) return;
    const part = (name) => this.form.querySelector(`[data-${name}]`);
    part("count").textContent = this.picked.size ? fill(this.texts.pickedCount, { n: this.picked.size, max: this.max }) : "";
    part("empty").hidden = this.picked.size > 0;
    part("total").textContent = this.money(this.total());
    part("submit").disabled = this.picked.size === 0;
    part("problem").hidden = true;
    this.form.toggleAttribute("data-some", this.picked.size > 0);
    part("seats").replaceChildren(...[...this.picked].map((seat) => this.selectionItem(seat)));
  }

  selectionItem(seat) {
    const item = document.createElement("li");
    const zone = this.plan.zone(seat);
    const name = document.createElement("span");
    name.append(Object.assign(document.createElement("b"), { textContent: zone.name }), Object.assign(document.createElement("small"), { textContent: this.place(seat) }));
    const price = Object.assign(document.createElement("span"), { textContent: this.money(zone.price) });
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×", title: fill(this.texts.removeSeat, { seat: this.short(seat) }) });
    remove.setAttribute("aria-label", remove.title);
    remove.addEventListener("click", () => {
      const place = [...this.picked].indexOf(seat);
      this.unpick(seat);
      // The pressed button is gone: the focus goes to the next one, or back to the map.
      const left = this.form.querySelectorAll("[data-seats] button");
      (left[Math.min(place, left.length - 1)] ?? this.canvas).focus({ preventScroll: true });
    });
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "seat", value: this.plan.name(seat) });
    item.append(name, price, remove, field);
    return item;
  }

  async send(event, form) {
    event.preventDefault();
    if (this.sending) return;
    this.sending = true;
    const place = form.querySelector("[data-problem]");
    place.hidden = true;
    try {
      const refusal = await sendHold(form);
      if (refusal) {
        place.textContent = `${refusal.title}. ${refusal.next}`;
        const taken = new Set(refusal.conflicting_seats);
        for (const seat of [...this.picked]) if (taken.has(this.plan.name(seat))) this.lose(seat);
        place.hidden = false;
        this.sending = false;
      }
      // Taken, and the browser is on its way to the checkout: that these seats are on hold now is no loss.
    } catch {
      place.textContent = this.texts.holdFailed;
      place.hidden = false;
      this.sending = false;
    }
    this.draw();
  }
}

customElements.define("seat-map", SeatMap);
