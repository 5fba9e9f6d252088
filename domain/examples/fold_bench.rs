//! What folding and deciding cost: events a second and bytes a seat, nanoseconds a decided hold.
//!
//! Sells a stadium of 45,000 seats over and over in synthetic events (holds of one to four seats in random places, one
//! in eight given back and held again, payment, capture) and folds them from memory on one core. Then decides holds
//! on the empty and on the nearly sold stadium. Run with `cargo run --release -p ticketflow-domain --example fold_bench`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ticketflow_domain::plan::PlanSpec;
use ticketflow_domain::show::*;
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, SeatIndex, ShowId, TicketId, Timestamp};

const ROWS: u32 = 1_000;
const SEATS_PER_ROW: u32 = 40;
const STANDING: u32 = 5_000;
const EVENTS: usize = 1_000_000;
const DECISIONS: u32 = 200;

/// Decisions timed together; the fastest batch counts.
const BATCH: usize = 20;

struct CountingAllocator;

static ALLOCATED_BYTES: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator can't be written without; it hands everything to the system's")]
// SAFETY: every call is passed on unchanged to the system allocator; the count beside it owns nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED_BYTES.fetch_add(size, Ordering::Relaxed);
        ALLOCATED_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from this allocator with this layout, and the size is the caller's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A xorshift generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.next(), self.next());
        ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.next() as usize % (index + 1));
        }
    }
}

fn stadium() -> ShowEvent {
    let rows = |sector: u32| -> Vec<_> {
        let row = |row: u32| {
            let y = 500 + row as i32 * 80;
            let x = sector as i32 * 2_500 - 5_000;
            serde_json::json!({"label": row.to_string(), "seats": SEATS_PER_ROW, "path": [[x, y], [x + 2_200, y]]})
        };
        (0..ROWS / 4).map(row).collect()
    };
    let sector =
        |index| serde_json::json!({"name": format!("Sector {index}"), "price": 25_000, "rows": rows(index)});
    let mut zones: Vec<_> = (0..4).map(sector).collect();
    zones.push(serde_json::json!({"name": "Cancha", "price": 40_000, "capacity": STANDING}));
    let spec: PlanSpec =
        serde_json::from_value(serde_json::json!({"zones": zones})).expect("of the plan format");
    ShowEvent::ShowCreated(Box::new(ShowCreated {
        show_id: ShowId::from_bytes([1; 16]),
        name: "Clásico".into(),
        venue: "Estadio".into(),
        starts_at: Timestamp::from_millis(0),
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: Some(10),
        hold_seconds: 600,
        plan: spec.check(Currency::CLP).expect("a sound plan"),
        created_at: Timestamp::from_millis(0),
    }))
}

/// The events that sell `parts` of every 100 seats in blocks of one to four, in random places.
fn sell(random: &mut Random, parts: u64) -> Vec<ShowEvent> {
    let mut blocks = Vec::new();
    let mut first = 0;
    while first < ROWS * SEATS_PER_ROW + STANDING {
        let size = [1, 2, 2, 4][random.next() as usize % 4].min(ROWS * SEATS_PER_ROW + STANDING - first);
        blocks.push(first..first + size);
        first += size;
    }
    random.shuffle(&mut blocks);
    let mut events = vec![ShowEvent::SalesOpened(SalesOpened { at: Timestamp::from_millis(0) })];
    for block in blocks {
        if random.next() % 100 < parts {
            sell_block(random, block, &mut events);
        }
    }
    events
}

fn sell_block(random: &mut Random, block: std::ops::Range<u32>, events: &mut Vec<ShowEvent>) {
    let at = |revision| -> SeatRevisions {
        block.clone().map(|seat| SeatRevision { seat: SeatIndex(seat), revision }).collect()
    };
    let now = Timestamp::from_millis(random.next() as i64 >> 24);
    let total = 25_000 * block.len() as i64;
    let customer_id = CustomerId::from_bytes(random.bytes());
    let (order_id, mut hold_id) = (OrderId::from_bytes(random.bytes()), HoldId::from_bytes(random.bytes()));
    let held = |hold_id, revision| {
        ShowEvent::SeatsHeld(SeatsHeld {
            hold_id,
            customer_id: None,
            seats: at(revision),
            total,
            expires_at: now.plus_seconds(600),
        })
    };
    events.push(held(hold_id, 1));
    let mut revision = 1;
    if random.next().is_multiple_of(8) {
        events.push(ShowEvent::HoldReleased(HoldReleased { hold_id, seats: at(2) }));
        hold_id = HoldId::from_bytes(random.bytes());
        revision = 3;
        events.push(held(hold_id, revision));
    }
    events.push(ShowEvent::PaymentStarted(PaymentStarted {
        order_id,
        hold_id,
        customer_id,
        amount: total,
        started_at: now,
        give_up_at: now.plus_seconds(PAYMENT_CAP_SECONDS),
    }));
    events.push(ShowEvent::OrderPaid(OrderPaid {
        order_id,
        hold_id,
        customer_id,
        seats: at(revision + 1),
        tickets: block.clone().map(|_| TicketId::from_bytes(random.bytes())).collect(),
        total,
        payment_reference: "auth_01JXZ".into(),
        paid_at: now,
    }));
    events.push(ShowEvent::PaymentCaptured(PaymentCaptured { order_id, at: now }));
}

fn fold(created: &ShowEvent, events: &[ShowEvent]) -> ShowState {
    let mut state = ShowState::default();
    state.evolve(created);
    for event in events {
        state.evolve(event);
    }
    state
}

/// Nanoseconds that this thread has been on a processor, so that neighbours on the machine do not count.
fn cpu_nanos() -> u64 {
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("its first number")
}

fn measure_fold(created: &ShowEvent, random: &mut Random) {
    let mut shows = Vec::new();
    let mut count = 0;
    while count < EVENTS {
        let mut events = sell(random, 100);
        events.truncate(EVENTS - count);
        count += events.len();
        shows.push(events);
    }
    let round = || {
        let mut spent = 0;
        for events in &shows {
            let mut state = fold(created, &[]);
            let start = cpu_nanos();
            for event in events {
                state.evolve(event);
            }
            spent += cpu_nanos() - start;
            black_box(&state);
        }
        spent
    };
    let best = (0..5).map(|_| round()).min().expect("five rounds");
    println!(
        "fold: {:.1} million events/s of processor time ({count} events, {} shows)",
        count as f64 * 1e3 / best as f64,
        shows.len()
    );
}

fn measure_memory(created: &ShowEvent, events: &[ShowEvent]) {
    let start = ALLOCATED_BYTES.load(Ordering::Relaxed);
    let empty = fold(created, &[]);
    let of_empty = ALLOCATED_BYTES.load(Ordering::Relaxed) - start;
    let sold = fold(created, events);
    let of_sold = ALLOCATED_BYTES.load(Ordering::Relaxed) - start - of_empty;
    let seats = empty.seats().count();
    println!(
        "memory: {} bytes a free seat, {} a sold one with its order and ticket",
        of_empty / seats,
        of_sold / seats
    );
    black_box(sold);
}

fn measure_decide(what: &str, state: &ShowState, mut selection: impl FnMut(u32) -> Selection) {
    let context = Context { now: Timestamp::from_millis(0) };
    let holds: Vec<ShowCommand> = (0..DECISIONS)
        .map(|index| {
            let hold_id = HoldId::from_bytes([0xAB; 16]);
            ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection: selection(index) })
        })
        .collect();
    let mut granted = 0;
    let mut batch = |holds: &[ShowCommand]| {
        let start = Instant::now();
        for hold in holds {
            granted += usize::from(black_box(decide(state, hold, &context)).is_ok());
        }
        start.elapsed().as_nanos() / holds.len() as u128
    };
    let nanos = holds.chunks(BATCH).map(&mut batch).min().expect("at least one batch");
    println!("decide, {what}: {nanos} ns ({granted} of {DECISIONS} granted)");
}

fn measure_decisions(filling: &str, state: &ShowState) {
    let seating = state.info().expect("created").seating.clone();
    let name = |seat: u32| seating.place(SeatIndex(seat)).to_string();
    measure_decide(&format!("{filling}, two named seats"), state, |index| {
        let row = index % ROWS * SEATS_PER_ROW;
        Selection::Named { seats: vec![name(row + 3), name(row + 4)], expected_revisions: vec![] }
    });
    let best = |zone: Option<&str>, quantity, together| Selection::BestAvailable {
        zone: zone.map(str::to_owned),
        quantity,
        together,
    };
    measure_decide(&format!("{filling}, best 2 together"), state, |_| best(None, 2, true));
    measure_decide(&format!("{filling}, best 4 together of a sector"), state, |_| {
        best(Some("Sector 3"), 4, true)
    });
    measure_decide(&format!("{filling}, best 10 together"), state, |_| best(None, 10, true));
    measure_decide(&format!("{filling}, best 10 anywhere"), state, |_| best(None, 10, false));
    measure_decide(&format!("{filling}, two places of general admission"), state, |_| Selection::General {
        zone: "Cancha".into(),
        quantity: 2,
    });
}

/// The worst a split party can meet: every second seat is taken, so that nobody finds a neighbour.
fn measure_checkerboard(created: &ShowEvent) {
    let seats = (0..ROWS * SEATS_PER_ROW).step_by(2);
    let seats = seats.map(|seat| SeatRevision { seat: SeatIndex(seat), revision: 1 }).collect();
    let opened = ShowEvent::SalesOpened(SalesOpened { at: Timestamp::from_millis(0) });
    let blocked = ShowEvent::SeatsBlocked(SeatsBlocked { seats, reason: "distance".into() });
    measure_decide("every second seat taken, best 10 anywhere", &fold(created, &[opened, blocked]), |_| {
        Selection::BestAvailable { zone: None, quantity: 10, together: false }
    });
}

/// The worst general admission can see: the first place comes and goes while all others are taken.
fn measure_general_turnover(state: &ShowState) {
    let mut state = state.clone();
    let first = ROWS * SEATS_PER_ROW;
    let at = |revision| -> SeatRevisions {
        [SeatRevision { seat: SeatIndex(first), revision }].into_iter().collect()
    };
    let hold_id = HoldId::from_bytes([0xCD; 16]);
    let start = Instant::now();
    for revision in 0..DECISIONS {
        state.evolve(&ShowEvent::SeatsUnblocked(SeatsUnblocked { seats: at(revision) }));
        let expires_at = Timestamp::from_millis(1);
        let held = SeatsHeld { hold_id, customer_id: None, seats: at(revision), total: 1, expires_at };
        state.evolve(&ShowEvent::SeatsHeld(held));
    }
    println!(
        "fold, the first standing place free and held again: {} ns",
        start.elapsed().as_nanos() / u128::from(DECISIONS)
    );
}

fn main() {
    let (created, mut random) = (stadium(), Random(0x9E37_79B9_7F4A_7C15));
    measure_fold(&created, &mut random);
    measure_memory(&created, &sell(&mut random, 100));
    measure_decisions("empty", &fold(&created, &sell(&mut random, 0)));
    let nearly = fold(&created, &sell(&mut random, 95));
    measure_decisions("95 % sold", &nearly);
    measure_checkerboard(&created);
    measure_general_turnover(&fold(&created, &sell(&mut random, 100)));
}
