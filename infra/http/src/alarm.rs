//! The read side's clock of one connection: how long a request head may take, and how long a connection may idle.
//!
//! The server engine asks for a new timer at every request. Registering one each time would cost more than parsing the
//! request, so a connection has one alarm that is set lazily: a timer that is dropped in time never touches it, and an
//! alarm that rings early is set again to the deadline then in force.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// The clock of one connection, handed to the engine as its timer.
#[derive(Clone)]
pub(crate) struct ConnectionClock {
    shared: Arc<Shared>,
}

struct Shared {
    /// Bytes read so far: tells a connection that idles from one that sends a head too slowly.
    bytes_read: AtomicU64,
    heads_awaited: AtomicUsize,
    header_timeout: Duration,
    idle_timeout: Duration,
    alarm: Mutex<Pin<Box<tokio::time::Sleep>>>,
}

impl ConnectionClock {
    /// `header_timeout` runs from a head's first byte, for the first head from the accept; `idle_timeout` runs between
    /// requests.
    pub(crate) fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                bytes_read: AtomicU64::new(0),
                heads_awaited: AtomicUsize::new(0),
                header_timeout,
                idle_timeout,
                alarm: Mutex::new(Box::pin(tokio::time::sleep(header_timeout))),
            }),
        }
    }

    pub(crate) fn note_read(&self, bytes: usize) {
        self.shared.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Timer for ConnectionClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    /// The engine's only timer on the server side is that of the next head; `deadline` is its header timeout from now.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let earlier_heads = self.shared.heads_awaited.fetch_add(1, Ordering::Relaxed);
        let idle_from = (earlier_heads > 0).then(|| self.shared.bytes_read.load(Ordering::Relaxed));
        Box::pin(HeadTimer {
            shared: Arc::clone(&self.shared),
            idle_from,
            deadline: match idle_from {
                Some(_) => deadline - self.shared.header_timeout + self.shared.idle_timeout,
                None => deadline,
            },
        })
    }
}

/// Rings when the head being waited for is overdue.
struct HeadTimer {
    shared: Arc<Shared>,
    /// The bytes read when the connection fell idle; `None` once a byte of the head has come.
    idle_from: Option<u64>,
    deadline: Instant,
}

impl Future for HeadTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(idle_from) = self.idle_from
            && self.shared.bytes_read.load(Ordering::Relaxed) != idle_from
        {
            self.idle_from = None;
            self.deadline = (tokio::time::Instant::now() + self.shared.header_timeout).into_std();
        }
        let deadline = tokio::time::Instant::from_std(self.deadline);
        let mut alarm = lock(&self.shared.alarm);
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        // Rings for an earlier head: set it again for this one. Twice at most, as the new deadline is not past.
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl Sleep for HeadTimer {}

fn lock(alarm: &Mutex<Pin<Box<tokio::time::Sleep>>>) -> MutexGuard<'_, Pin<Box<tokio::time::Sleep>>> {
    alarm.lock().expect("setting an alarm does not panic, so the lock is never poisoned")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Duration = Duration::from_secs(5);
    const IDLE: Duration = Duration::from_secs(75);

    fn next_head(clock: &ConnectionClock) -> Pin<Box<dyn Sleep>> {
        clock.sleep_until(clock.now() + HEADER)
    }

    /// How long, on the paused clock, `timer` takes to ring.
    async fn rings_after(timer: Pin<Box<dyn Sleep>>) -> Duration {
        let started = tokio::time::Instant::now();
        timer.await;
        let elapsed = started.elapsed();
        Duration::from_secs(elapsed.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_due_from_the_accept() {
        let clock = ConnectionClock::new(HEADER, IDLE);
        assert_eq!(rings_after(next_head(&clock)).await, HEADER);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_gains_nothing_by_trickling() {
        let clock = ConnectionClock::new(HEADER, IDLE);
        let timer = next_head(&clock);
        clock.note_read(1);
        assert_eq!(rings_after(timer).await, HEADER);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_connection_may_idle() {
        let clock = ConnectionClock::new(HEADER, IDLE);
        drop(next_head(&clock));
        assert_eq!(rings_after(next_head(&clock)).await, IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_is_due_from_its_first_byte() {
        let clock = ConnectionClock::new(HEADER, IDLE);
        drop(next_head(&clock));
        let mut timer = next_head(&clock);
        let idled = Duration::from_secs(60);
        assert!(tokio::time::timeout(idled, &mut timer).await.is_err());
        clock.note_read(1);
        assert_eq!(rings_after(timer).await, HEADER);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_left_by_an_earlier_head_does_not_ring_for_a_later_one() {
        let clock = ConnectionClock::new(HEADER, IDLE);
        let mut first = next_head(&clock);
        let served = Duration::from_secs(4);
        assert!(tokio::time::timeout(served, &mut first).await.is_err());
        drop(first);
        assert_eq!(rings_after(next_head(&clock)).await, IDLE);
    }
}
