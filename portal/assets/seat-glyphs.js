// How one seat looks. Every status has a shape of its own, so that colour is never the only sign:
// free = filled, held = ring, sold = cross, blocked = dash, picked = dark disc with a tick.

export const AVAILABLE = 0, HELD = 1, SOLD = 2, BLOCKED = 3;

// Below this many CSS pixels between seats, seats are specks in their block.
export const SPECK_PITCH = 5;
// From this many on, seats can be told apart and a press picks one.
export const PICK_PITCH = 9;
// From this many on, seats carry their number.
export const NUMBER_PITCH = 19;

export function theme(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ground: read("--map-ground"), ink: read("--ink"), faint: read("--map-faint"), taken: read("--map-taken"),
    held: read("--map-held"), decor: read("--map-decor"), decorInk: read("--map-decor-ink"), focus: read("--focus"),
    picked: read("--map-picked"), pickedInk: read("--map-picked-ink"), label: read("--map-label"), font: style.fontFamily,
    tint: Number(read("--map-tint")) || 0.2,
  };
}

// A colour mixed into the ground: `share` of the first.
export function mix(color, ground, share) {
  const [a, b] = [rgb(color), rgb(ground)];
  return `rgb(${a.map((part, i) => Math.round(part * share + b[i] * (1 - share))).join(",")})`;
}

function rgb(text) {
  const digits = text.slice(1);
  const wide = digits.length === 3 ? [...digits].map((d) => d + d).join("") : digits;
  return [0, 2, 4].map((at) => parseInt(wide.slice(at, at + 2), 16) || 0);
}

// White or near-black, whichever stands out more on a colour.
export function inkOn(color) {
  const linear = rgb(color).map((part) => (part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance > 0.2 ? "#1c1a17" : "#fff";
}

// Draws a seat at device pixels; `size` is the room between seats.
export function drawSeat(context, x, y, size, status, color, colors) {
  const radius = size * 0.4;
  if (status === AVAILABLE) {
    context.fillStyle = color;
    context.beginPath();
    if (size > 14) context.roundRect(x - radius, y - radius, radius * 2, radius * 2, radius * 0.55);
    else context.arc(x, y, radius, 0, 7);
    context.fill();
    return;
  }
  context.lineWidth = Math.max(1, size * 0.09);
  context.strokeStyle = status === HELD ? colors.held : colors.taken;
  context.beginPath();
  const half = radius * (status === HELD ? 0.72 : 0.48);
  if (status === HELD) context.arc(x, y, half, 0, 7);
  else {
    context.moveTo(x - half, status === SOLD ? y - half : y);
    context.lineTo(x + half, status === SOLD ? y + half : y);
    if (status === SOLD) { context.moveTo(x + half, y - half); context.lineTo(x - half, y + half); }
  }
  context.stroke();
}

export function drawNumber(context, x, y, size, text, ink, font) {
  context.fillStyle = ink;
  context.font = `600 ${Math.round(size * (text.length > 2 ? 0.3 : 0.36))}px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y + size * 0.02);
}

export function drawPicked(context, x, y, size, colors) {
  const radius = Math.max(size * 0.5, 6);
  context.fillStyle = colors.picked;
  context.strokeStyle = colors.ground;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
  context.stroke();
  context.strokeStyle = colors.pickedInk;
  context.lineWidth = Math.max(1.5, radius * 0.24);
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(x - radius * 0.42, y + radius * 0.02);
  context.lineTo(x - radius * 0.1, y + radius * 0.34);
  context.lineTo(x + radius * 0.44, y - radius * 0.32);
  context.stroke();
}

export function drawFocus(context, x, y, size, colors) {
  const radius = Math.max(size * 0.62, 9);
  for (const [width, color] of [[5, colors.ground], [2.5, colors.focus]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.stroke();
  }
}
