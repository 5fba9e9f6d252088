// The live state of the seats: the compact map once, then the server's stream. EventSource reconnects by itself; only
// when the server refuses the stream outright does this start a new one, ever more slowly.

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
// A blip shorter than this is not worth a word.
const SAY_RECONNECTING_AFTER_MS = 1_500;
const STATUS = { available: 0, held: 1, sold: 2, blocked: 3 };

export function unpack(bytes, total) {
  const statuses = new Uint8Array(total);
  for (let seat = 0; seat < total; seat++) statuses[seat] = (bytes[seat >> 2] >> ((seat & 3) * 2)) & 3;
  return statuses;
}

export class SeatFeed {
  // `onSnapshot(bytes)`, `onDelta([{index, status}])`, `onState(live)`.
  constructor(address, handlers) {
    this.address = address;
    this.handlers = handlers;
    this.retry = FIRST_RETRY_MS;
    this.position = 0;
    this.#open();
  }

  #open() {
    const source = new EventSource(this.address);
    this.source = source;
    source.addEventListener("open", () => this.#live());
    source.addEventListener("snapshot", (event) => {
      const data = JSON.parse(event.data);
      this.position = data.position;
      this.handlers.onSnapshot(Uint8Array.from(atob(data.compact), (char) => char.charCodeAt(0)));
      this.#live();
    });
    source.addEventListener("delta", (event) => {
      const data = JSON.parse(event.data);
      if (data.position <= this.position) return;
      this.position = data.position;
      this.handlers.onDelta(data.seats.map((seat) => ({ index: seat.index, status: STATUS[seat.status] ?? STATUS.blocked })));
    });
    source.addEventListener("error", () => this.#broken(source));
  }

  #live() {
    clearTimeout(this.word);
    this.word = 0;
    this.retry = FIRST_RETRY_MS;
    this.handlers.onState(true);
  }

  #broken(source) {
    this.word ||= setTimeout(() => this.handlers.onState(false), SAY_RECONNECTING_AFTER_MS);
    if (source.readyState !== EventSource.CLOSED) return;
    this.again = setTimeout(() => this.#open(), this.retry * (0.5 + Math.random()));
    this.retry = Math.min(LAST_RETRY_MS, this.retry * 2);
  }

  close() {
    this.source.close();
    clearTimeout(this.word);
    clearTimeout(this.again);
  }
}
