// A seating plan in flat arrays: where every seat is, what it is called, which seat is near a point and which comes
// next in a direction. Knows nothing of statuses or drawing.

const GRID_SEATS_PER_CELL = 4;
// A wider gap than this between neighbours is an aisle.
const AISLE_PITCHES = 1.9;
const DEFAULT_PITCH_CM = 50;
// Blocks drawn for general admission that has no outline: as wide as the rest of the plan, at least so wide.
const LEAST_BLOCK_WIDTH_CM = 800;
const BLOCK_HEIGHT_TO_WIDTH = 0.16;
const BLOCK_GAP_CM = 120;

export class SeatPlan {
  constructor(document, colors) {
    this.decor = document.decor ?? [];
    this.zones = document.zones.map((zone, index) => ({ ...zone, index, color: colors.get(zone.name) ?? "#5b6b7a" }));
    this.bounds = placeBlocks(extent(this.zones, this.decor), this.zones);
    this.total = this.zones.reduce((sum, zone) => sum + zone.count, 0);
    this.x = new Float32Array(this.total).fill(NaN);
    this.y = new Float32Array(this.total).fill(NaN);
    this.zoneOf = new Uint16Array(this.total);
    this.rowOf = new Int32Array(this.total).fill(-1);
    this.rows = [];
    for (const zone of this.zones) this.#place(zone);
    this.pitch = this.#medianPitch();
    this.#splitRuns();
    this.#buildGrid();
  }

  #place(zone) {
    this.zoneOf.fill(zone.index, zone.first, zone.first + zone.count);
    for (const row of zone.rows ?? []) {
      const count = row.x.length;
      const index = this.rows.length;
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      for (let seat = 0; seat < count; seat++) {
        const [x, y] = [row.x[seat], row.y[seat]];
        this.x[row.first + seat] = x;
        this.y[row.first + seat] = y;
        this.rowOf[row.first + seat] = index;
        box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
      }
      this.rows.push({ label: row.label, labels: Array.isArray(row.seats) ? row.seats : null, first: row.first, count, zone: zone.index, box, runs: [] });
    }
    zone.center = this.#center(zone);
  }

  #center(zone) {
    const points = zone.general ? zone.outline : null;
    let [x, y, n] = [0, 0, 0];
    if (points) for (const [px, py] of points) { x += px; y += py; n++; }
    else for (let seat = zone.first; seat < zone.first + zone.count; seat++) { x += this.x[seat]; y += this.y[seat]; n++; }
    if (!n) return [0, 0];
    if (points) return [x / n, y / n];
    // The mean of a bent zone may lie outside it: the label goes to the seat nearest to the mean.
    let [best, found] = [Infinity, zone.first];
    for (let seat = zone.first; seat < zone.first + zone.count; seat++) {
      const distance = (this.x[seat] - x / n) ** 2 + (this.y[seat] - y / n) ** 2;
      if (distance < best) [best, found] = [distance, seat];
    }
    return [this.x[found], this.y[found]];
  }

  #medianPitch() {
    const steps = [];
    for (const row of this.rows) {
      if (row.count < 2) continue;
      const at = row.first + (row.count >> 1);
      steps.push(Math.hypot(this.x[at] - this.x[at - 1], this.y[at] - this.y[at - 1]));
    }
    steps.sort((a, b) => a - b);
    return steps[steps.length >> 1] || DEFAULT_PITCH_CM;
  }

  // Rows cut at aisles, for the silhouettes of far views.
  #splitRuns() {
    const limit = this.pitch * AISLE_PITCHES;
    for (const row of this.rows) {
      let start = row.first;
      for (let seat = row.first + 1; seat <= row.first + row.count; seat++) {
        const ends = seat === row.first + row.count
          || Math.hypot(this.x[seat] - this.x[seat - 1], this.y[seat] - this.y[seat - 1]) > limit;
        if (ends) { row.runs.push([start, seat]); start = seat; }
      }
    }
  }

  #buildGrid() {
    this.cell = this.pitch * Math.sqrt(GRID_SEATS_PER_CELL);
    const [minX, minY, maxX, maxY] = this.bounds;
    this.columns = Math.max(1, Math.ceil((maxX - minX) / this.cell));
    this.lines = Math.max(1, Math.ceil((maxY - minY) / this.cell));
    const counts = new Uint32Array(this.columns * this.lines + 1);
    const cellOf = new Int32Array(this.total).fill(-1);
    for (let seat = 0; seat < this.total; seat++) {
      if (Number.isNaN(this.x[seat])) continue;
      cellOf[seat] = this.#line(this.y[seat]) * this.columns + this.#column(this.x[seat]);
      counts[cellOf[seat] + 1]++;
    }
    for (let cell = 1; cell < counts.length; cell++) counts[cell] += counts[cell - 1];
    this.cellStart = counts;
    this.cellSeats = new Uint32Array(counts[counts.length - 1]);
    const next = counts.slice();
    for (let seat = 0; seat < this.total; seat++) if (cellOf[seat] >= 0) this.cellSeats[next[cellOf[seat]]++] = seat;
  }

  #column(x) { return Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.bounds[0]) / this.cell))); }
  #line(y) { return Math.min(this.lines - 1, Math.max(0, Math.floor((y - this.bounds[1]) / this.cell))); }

  // Calls back with every seat whose centre is in the box.
  eachIn(minX, minY, maxX, maxY, visit) {
    const [left, right] = [this.#column(minX), this.#column(maxX)];
    for (let line = this.#line(minY), last = this.#line(maxY); line <= last; line++) {
      const from = this.cellStart[line * this.columns + left];
      const to = this.cellStart[line * this.columns + right + 1];
      for (let at = from; at < to; at++) {
        const seat = this.cellSeats[at];
        if (this.x[seat] >= minX && this.x[seat] <= maxX && this.y[seat] >= minY && this.y[seat] <= maxY) visit(seat);
      }
    }
  }

  // The nearest seat within a radius, or -1.
  nearest(x, y, radius) {
    let [best, found] = [radius * radius, -1];
    this.eachIn(x - radius, y - radius, x + radius, y + radius, (seat) => {
      const distance = (this.x[seat] - x) ** 2 + (this.y[seat] - y) ** 2;
      if (distance <= best) [best, found] = [distance, seat];
    });
    return found;
  }

  // The seat that an arrow key leads to: the nearest one that lies more along the direction than across it.
  neighbour(seat, dx, dy) {
    let [best, found] = [Infinity, seat];
    for (let other = 0; other < this.total; other++) {
      const [ox, oy] = [this.x[other] - this.x[seat], this.y[other] - this.y[seat]];
      const along = ox * dx + oy * dy;
      const across = Math.abs(ox * dy) + Math.abs(oy * dx);
      if (!(along > this.pitch * 0.2)) continue;
      const sameRow = dx !== 0 && this.rowOf[other] === this.rowOf[seat];
      if (across > along * (sameRow ? 2.5 : 1)) continue;
      const score = along + across * (sameRow ? 1 : 3) + (dx !== 0 && !sameRow ? this.pitch * 8 : 0);
      if (score < best) [best, found] = [score, other];
    }
    return found;
  }

  // The general-admission zone under a point, if any.
  generalZoneAt(x, y) {
    return this.zones.find((zone) => zone.general && inside(zone.outline, x, y));
  }

  zone(seat) { return this.zones[this.zoneOf[seat]]; }
  rowLabel(seat) { return this.rows[this.rowOf[seat]]?.label ?? ""; }
  number(seat) {
    const row = this.rows[this.rowOf[seat]];
    return row ? row.labels?.[seat - row.first] ?? String(seat - row.first + 1) : "";
  }
  name(seat) { return `${this.zone(seat).name}-${this.rowLabel(seat)}-${this.number(seat)}`; }
}

// The box of what is drawn: not of places without an outline, which the document's own bounds may count in. Inside out
// when there is nothing.
function extent(zones, decor) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const add = (x, y) => {
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  };
  for (const zone of zones) for (const row of zone.rows ?? []) row.x.forEach((x, seat) => add(x, row.y[seat]));
  for (const { outline } of [...zones, ...decor]) for (const [x, y] of outline ?? []) add(x, y);
  return box;
}

// General admission without an outline gets a block below everything else, so that the map shows the whole sale.
// Returns the bounds with the blocks in them.
function placeBlocks(given, zones) {
  const bounds = given[0] > given[2] ? [0, 0, 0, 0] : [...given];
  const width = Math.max(bounds[2] - bounds[0], LEAST_BLOCK_WIDTH_CM);
  const [left, height] = [(bounds[0] + bounds[2] - width) / 2, width * BLOCK_HEIGHT_TO_WIDTH];
  for (const zone of zones) {
    if (!zone.general || zone.outline?.length > 2) continue;
    const top = bounds[3] + BLOCK_GAP_CM;
    zone.outline = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]];
    bounds[0] = Math.min(bounds[0], left);
    bounds[2] = Math.max(bounds[2], left + width);
    bounds[3] = top + height;
  }
  return bounds;
}

function inside(outline, x, y) {
  let within = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [outline[i], outline[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
  }
  return within;
}
