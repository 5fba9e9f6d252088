// Draws the plan. Seats are painted once into tiles at the scale in use and only copied while the view pans; zooming
// stretches the tiles of the former scale until those of the new one are ready, a few per frame. A changed seat is
// repainted alone, in the tiles that show it.

import { AVAILABLE, NUMBER_PITCH, PICK_PITCH, SPECK_PITCH, drawFocus, drawNumber, drawPicked, drawSeat, inkOn, mix } from "./seat-glyphs.js";

const TILE = 256;
// Time for painting tiles in one frame; the rest of 16 ms is for copying and the browser.
const TILE_BUDGET_MS = 7;
// Between a label and the edge of the map.
const LABEL_EDGE = 6;
// Tiles kept: twice what a large screen shows.
const MAX_TILES = 360;

export class SeatPainter {
  constructor(canvas, plan, statuses, colors) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.plan = plan;
    this.statuses = statuses;
    this.current = { scale: 0, tiles: new Map() };
    this.former = null;
    this.setTheme(colors);
  }

  setTheme(colors) {
    this.colors = colors;
    this.shades = this.plan.zones.map((zone) => mix(zone.color, colors.ground, colors.tint));
    this.inks = this.plan.zones.map((zone) => inkOn(zone.color));
    this.forgetTiles();
  }

  forgetTiles() {
    this.current = { scale: this.current.scale, tiles: new Map() };
    this.former = null;
  }

  // Repaints single seats in the tiles at hand; the former scale's are given up, they would show the past.
  seatsChanged(seats) {
    const { scale, tiles } = this.current;
    this.former = null;
    const margin = this.plan.pitch * scale * 0.55;
    for (const seat of seats) {
      const [px, py] = [this.plan.x[seat] * scale, this.plan.y[seat] * scale];
      for (let column = Math.floor((px - margin) / TILE); column <= Math.floor((px + margin) / TILE); column++) {
        for (let line = Math.floor((py - margin) / TILE); line <= Math.floor((py + margin) / TILE); line++) {
          const tile = tiles.get(`${column},${line}`);
          if (tile) this.#repaintSeat(tile, seat, px - column * TILE, py - line * TILE, scale);
        }
      }
    }
  }

  #repaintSeat(tile, seat, x, y, scale) {
    const context = tile.getContext("2d");
    const room = Math.max(1, this.plan.pitch * scale * 0.84);
    this.inUse = null;
    context.fillStyle = this.shades[this.plan.zoneOf[seat]];
    context.fillRect(x - room / 2, y - room / 2, room, room);
    this.#seat(context, seat, x, y, scale);
  }

  #seat(context, seat, x, y, scale) {
    const size = this.plan.pitch * scale;
    const color = this.plan.zone(seat).color;
    if (size / this.ratio < SPECK_PITCH) {
      if (this.statuses[seat] !== AVAILABLE) return;
      const side = Math.max(1, size * 0.72);
      // Setting a colour costs more than a speck: neighbours mostly share it.
      if (this.inUse !== color) context.fillStyle = this.inUse = color;
      context.fillRect(x - side / 2, y - side / 2, side, side);
      return;
    }
    drawSeat(context, x, y, size, this.statuses[seat], color, this.colors);
    if (size / this.ratio >= NUMBER_PITCH && this.statuses[seat] === AVAILABLE) {
      drawNumber(context, x, y, size, this.plan.number(seat), this.inks[this.plan.zoneOf[seat]], this.colors.font);
    }
  }

  #paintTile(column, line, scale) {
    const tile = new OffscreenCanvas(TILE, TILE);
    const context = tile.getContext("2d");
    const [left, top] = [column * TILE, line * TILE];
    const margin = this.plan.pitch;
    const box = [left / scale - margin, top / scale - margin, (left + TILE) / scale + margin, (top + TILE) / scale + margin];
    this.#silhouettes(context, box, left, top, scale);
    this.inUse = null;
    this.plan.eachIn(...box, (seat) => this.#seat(context, seat, this.plan.x[seat] * scale - left, this.plan.y[seat] * scale - top, scale));
    return tile;
  }

  // Rows as broad strokes: together they are the shape of the block, whatever its geometry.
  #silhouettes(context, [minX, minY, maxX, maxY], left, top, scale) {
    context.lineCap = "round";
    context.lineJoin = "round";
    context.lineWidth = this.plan.pitch * scale * 1.5;
    const { x, y } = this.plan;
    for (const row of this.plan.rows) {
      const [x0, y0, x1, y1] = row.box;
      if (x1 < minX || x0 > maxX || y1 < minY || y0 > maxY) continue;
      context.strokeStyle = this.shades[row.zone];
      context.beginPath();
      for (const [from, to] of row.runs) {
        context.moveTo(x[from] * scale - left, y[from] * scale - top);
        if (to === from + 1) context.lineTo(x[from] * scale - left + 0.01, y[from] * scale - top);
        for (let seat = from + 1; seat < to; seat++) context.lineTo(x[seat] * scale - left, y[seat] * scale - top);
      }
      context.stroke();
    }
  }

  // One frame. `view` is in CSS pixels: scale, and the plan point at the canvas's corner. Returns whether tiles are
  // still missing, so that the caller asks for another frame.
  frame(view, marks, settled) {
    this.ratio = view.ratio;
    const scale = view.scale * view.ratio;
    const { context, canvas } = this;
    if (this.current.scale !== scale && (settled || !this.current.tiles.size)) {
      if (this.current.tiles.size) this.former = this.current;
      this.current = { scale, tiles: new Map() };
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.colors.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.#ground(view, scale);
    const missing = this.#tiles(view, scale);
    this.#labels(view, marks.free);
    this.#marks(view, marks);
    return missing;
  }

  #tiles(view, scale) {
    const deadline = performance.now() + TILE_BUDGET_MS;
    const { current, former } = this;
    const stretch = scale / current.scale;
    const [left, top] = [view.x * scale, view.y * scale];
    const [c0, l0] = [Math.floor(left / stretch / TILE), Math.floor(top / stretch / TILE)];
    const c1 = Math.floor((left + this.canvas.width) / stretch / TILE);
    const l1 = Math.floor((top + this.canvas.height) / stretch / TILE);
    const wanted = [];
    for (let line = l0; line <= l1; line++) for (let column = c0; column <= c1; column++) wanted.push([column, line]);
    const [mc, ml] = [(c0 + c1) / 2, (l0 + l1) / 2];
    wanted.sort((a, b) => Math.hypot(a[0] - mc, a[1] - ml) - Math.hypot(b[0] - mc, b[1] - ml));
    let missing = false;
    for (const [column, line] of wanted) {
      const key = `${column},${line}`;
      if (current.tiles.has(key)) continue;
      if (performance.now() < deadline) current.tiles.set(key, this.#paintTile(column, line, current.scale));
      else missing = true;
    }
    if (missing && former) this.#copy(former, scale, left, top);
    else if (!missing) this.former = null;
    this.#copy(current, scale, left, top);
    this.#dropFarTiles(mc, ml);
    return missing;
  }

  #copy(layer, scale, left, top) {
    const stretch = scale / layer.scale;
    const side = TILE * stretch;
    const [width, height] = [this.canvas.width, this.canvas.height];
    for (const [key, tile] of layer.tiles) {
      const comma = key.indexOf(",");
      const x = Math.round(+key.slice(0, comma) * side - left);
      const y = Math.round(+key.slice(comma + 1) * side - top);
      if (x > width || y > height || x + side < 0 || y + side < 0) continue;
      if (stretch === 1) this.context.drawImage(tile, x, y);
      else this.context.drawImage(tile, x, y, side, side);
    }
  }

  #dropFarTiles(column, line) {
    const { tiles } = this.current;
    if (tiles.size <= MAX_TILES) return;
    const far = (key) => { const [c, l] = key.split(",").map(Number); return Math.hypot(c - column, l - line); };
    for (const key of [...tiles.keys()].sort((a, b) => far(b) - far(a)).slice(0, tiles.size - MAX_TILES)) tiles.delete(key);
  }

  // Stage, pitch and general admission, under the seats.
  #ground(view, scale) {
    const { context } = this;
    const trace = (outline) => {
      context.beginPath();
      for (const [x, y] of outline) context.lineTo((x - view.x) * scale, (y - view.y) * scale);
      context.closePath();
    };
    context.lineJoin = "round";
    for (const decor of this.plan.decor) {
      trace(decor.outline);
      context.fillStyle = this.colors.decor;
      context.fill();
    }
    for (const zone of this.plan.zones) {
      if (!zone.general) continue;
      trace(zone.outline);
      context.fillStyle = this.shades[zone.index];
      context.fill();
      context.strokeStyle = zone.color;
      context.lineWidth = 2 * view.ratio;
      context.stroke();
    }
    for (const decor of this.plan.decor) this.#decorLabel(decor, view, scale);
  }

  #decorLabel(decor, view, scale) {
    const xs = decor.outline.map(([x]) => x), ys = decor.outline.map(([, y]) => y);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const height = Math.min((y1 - y0) * scale * 0.3, 22 * view.ratio, ((x1 - x0) * scale) / Math.max(4, decor.label.length));
    if (height < 6 * view.ratio) return;
    const { context } = this;
    context.fillStyle = this.colors.decorInk;
    context.font = `600 ${height}px ${this.colors.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(decor.label, ((x0 + x1) / 2 - view.x) * scale, ((y0 + y1) / 2 - view.y) * scale);
  }

  // Names of the zones while seats are too small to pick, and of general admission always.
  #labels(view, free) {
    const { context } = this;
    const near = this.plan.pitch * view.scale >= PICK_PITCH;
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    context.textAlign = "center";
    context.textBaseline = "middle";
    const taken = [];
    const [right, bottom] = [this.canvas.width / view.ratio, this.canvas.height / view.ratio];
    const within = (at, half, end) => (at < 0 || at > end ? at : Math.max(half + LABEL_EDGE, Math.min(end - half - LABEL_EDGE, at)));
    for (const zone of this.plan.zones) {
      if (near && !zone.general) continue;
      const middle = [(zone.center[0] - view.x) * view.scale, (zone.center[1] - view.y) * view.scale];
      const title = zone.name.length > 28 ? `${zone.name.slice(0, 27)}…` : zone.name;
      const count = free[zone.index] ?? "";
      const [titleFont, countFont] = [`650 12px ${this.colors.font}`, `450 11px ${this.colors.font}`];
      const widthIn = (font, text) => { context.font = font; return context.measureText(text).width; };
      const width = Math.max(widthIn(countFont, count), widthIn(titleFont, title), 44) + 18;
      const [x, y] = [within(middle[0], width / 2, right), within(middle[1], 20, bottom)];
      const box = [x - width / 2, y - 20, x + width / 2, y + 20];
      if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      context.fillStyle = this.colors.label;
      context.beginPath();
      context.roundRect(box[0], box[1], width, 40, 10);
      context.fill();
      context.fillStyle = this.colors.ink;
      context.fillText(title, x, count ? y - 7 : y);
      context.font = countFont;
      context.globalAlpha = 0.75;
      context.fillText(count, x, y + 9);
      context.globalAlpha = 1;
    }
  }

  // What moves on its own: picked seats, lost ones, the focus ring.
  #marks(view, { picked, lost, focus, now }) {
    const { context } = this;
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    const size = this.plan.pitch * view.scale;
    const at = (seat) => [(this.plan.x[seat] - view.x) * view.scale, (this.plan.y[seat] - view.y) * view.scale];
    for (const seat of picked) drawPicked(context, ...at(seat), size, this.colors);
    for (const [seat, since] of lost) {
      const age = Math.min(1, (now - since) / 1600);
      context.strokeStyle = this.colors.held;
      context.globalAlpha = 1 - age;
      context.lineWidth = 3;
      context.beginPath();
      context.arc(...at(seat), Math.max(size * 0.5, 6) + age * 22, 0, 7);
      context.stroke();
      context.globalAlpha = 1;
    }
    if (focus >= 0) drawFocus(context, ...at(focus), size, this.colors);
  }
}
