// Mouse, pen and fingers on the map: drag to pan, wheel or pinch to zoom, a press without movement is a pick.

const CLICK_SLACK_PX = 6;
const WHEEL_ZOOM = 0.0016;
const PINCH_WHEEL_ZOOM = 0.01;

export function attachPointer(canvas, { pan, zoomAt, press, hover }) {
  const pointers = new Map();
  let moved = 0;
  let spread = 0;
  const local = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const pair = () => {
    const [a, b] = [...pointers.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, local(event));
    moved = pointers.size === 1 ? 0 : Infinity;
    if (pointers.size === 2) spread = pair().distance;
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = local(event);
    const before = pointers.get(event.pointerId);
    if (!before) return hover(at);
    if (pointers.size === 2) {
      const middle = pair();
      pointers.set(event.pointerId, at);
      const after = pair();
      pan(after.x - middle.x, after.y - middle.y);
      if (spread > 0) zoomAt(after.x, after.y, after.distance / spread);
      spread = after.distance;
      return;
    }
    moved += Math.hypot(at.x - before.x, at.y - before.y);
    pointers.set(event.pointerId, at);
    if (moved > CLICK_SLACK_PX) pan(at.x - before.x, at.y - before.y);
  });
  const end = (event) => {
    const at = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (event.type === "pointerup" && at && moved <= CLICK_SLACK_PX) press(at, event.pointerType === "touch");
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = local(event);
    const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    zoomAt(at.x, at.y, Math.exp(-step * (event.ctrlKey ? PINCH_WHEEL_ZOOM : WHEEL_ZOOM)));
  }, { passive: false });
}
