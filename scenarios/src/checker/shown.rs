//! What the server shows must be explained by the journal, and must show everything the journal is sure of.

use super::Violation;
use super::history::{History, Outcome};
use super::observe::{Observation, ShownShow};
use super::story::{CLOCK_TOLERANCE_MS, EXPIRY_GRACE_MS, HoldStory, Stories};

/// States in which one hold's story may have left a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Possible {
    over: bool,
    held: bool,
    sold: bool,
}

const OVER: Possible = Possible { over: true, held: false, sold: false };
const HELD: Possible = Possible { over: false, held: true, sold: false };
const SOLD: Possible = Possible { over: false, held: false, sold: true };

/// Compares every seat map with the journal.
pub(crate) fn judge(
    history: &History,
    stories: &Stories<'_>,
    seen: &Observation,
    found: &mut Vec<Violation>,
) {
    for (show, made) in &history.shows {
        let Some(shown) = seen.shows.get(show) else {
            found.push(Violation::new("lost_show", format!("show {show} was acknowledged and is not there")));
            continue;
        };
        position_reached(stories, show, shown, found);
        for seat in &made.seats {
            match shown.seats.get(seat) {
                Some(status) => judge_seat(stories, seen, (show, seat), status, found),
                None => found.push(Violation::new(
                    "lost_seat",
                    format!("seat {seat} of show {show} is not on the map"),
                )),
            }
        }
        if shown.seats.len() > made.seats.len() {
            let text = format!("show {show} has {} seats, {} were made", shown.seats.len(), made.seats.len());
            found.push(Violation::new("ghost_seat", text));
        }
    }
    for hold in stories.holds.iter().filter(|hold| hold.operation.outcome() == Outcome::Open) {
        all_or_nothing(stories, seen, hold, found);
    }
}

fn position_reached(stories: &Stories<'_>, show: &str, shown: &ShownShow, found: &mut Vec<Violation>) {
    let writes = stories
        .holds
        .iter()
        .filter(|hold| hold.show == show)
        .flat_map(|hold| std::iter::once(hold.operation).chain(hold.purchases.iter().copied()));
    let highest =
        writes.filter_map(|write| Some((write.first_ok()?.2.position?, write))).max_by_key(|(at, _)| *at);
    if let (Some(shown), Some((acknowledged, write))) = (shown.position, highest)
        && shown < acknowledged
    {
        let text = format!(
            "the map of show {show} is at {shown}, behind acknowledged {acknowledged}: {}",
            write.describe()
        );
        found.push(Violation::new("position_backwards", text));
    }
}

/// How the story of one hold may have left one seat.
fn possible(hold: &HoldStory<'_>, seat: &str, seen: &Observation) -> Possible {
    match hold.operation.outcome() {
        Outcome::Refused => return OVER,
        Outcome::Open => return Possible { over: true, ..HELD },
        Outcome::Done => {}
    }
    if hold.order.is_some() {
        return match hold.ticket(seat).map(|ticket| ticket.refund()) {
            Some(Outcome::Done) => OVER,
            Some(Outcome::Open) => Possible { over: true, ..SOLD },
            Some(Outcome::Refused) | None => SOLD,
        };
    }
    let mut left = HELD;
    for release in &hold.releases {
        match release.outcome() {
            Outcome::Done => return OVER,
            Outcome::Open => left.over = true,
            Outcome::Refused => {}
        }
    }
    for purchase in &hold.purchases {
        left.over = true;
        left.sold |= purchase.outcome() == Outcome::Open;
    }
    let deadline = hold.acknowledged().and_then(|(_, facts)| facts.expires_at_ms).unwrap_or(u64::MAX);
    left.over |= seen.until_ms.saturating_add(CLOCK_TOLERANCE_MS) > deadline;
    left.held &= seen.from_ms < deadline.saturating_add(EXPIRY_GRACE_MS);
    left
}

fn judge_seat(
    stories: &Stories<'_>,
    seen: &Observation,
    place: (&str, &str),
    status: &str,
    found: &mut Vec<Violation>,
) {
    let (show, seat) = place;
    let touching = stories.by_seat.get(&place).map(Vec::as_slice).unwrap_or_default();
    let left: Vec<(&HoldStory<'_>, Possible)> = touching
        .iter()
        .map(|index| &stories.holds[*index])
        .map(|hold| (hold, possible(hold, seat, seen)))
        .collect();
    let mut complain = |kind, fact: String| {
        found.push(Violation::new(kind, format!("seat {seat} of show {show} shows {status}, but {fact}")));
    };
    for (hold, possible) in &left {
        if *possible == SOLD && status != "sold" {
            complain("lost_order", hold.latest(seat));
        } else if *possible == HELD && status != "held" {
            complain("lost_hold", hold.latest(seat));
        }
    }
    let explained = match status {
        "available" => true,
        "held" => left.iter().any(|(_, possible)| possible.held),
        "sold" => left.iter().any(|(_, possible)| possible.sold),
        _ => false,
    };
    // A sure owner of the other kind has been reported above; naming the seat twice would help nobody.
    if !explained && !left.iter().any(|(_, possible)| !possible.over) {
        let (kind, fact) = unexplained(&left, seat, status);
        complain(kind, fact);
    }
}

/// What to call a state that no story explains, and the story nearest to it.
///
/// A hold refused because this very seat was taken did not take it: whoever had it before is the one to name.
fn unexplained(left: &[(&HoldStory<'_>, Possible)], seat: &str, status: &str) -> (&'static str, String) {
    let latest = left.iter().max_by_key(|(hold, _)| {
        let ends = hold.releases.iter().chain(&hold.purchases).map(|end| end.invoked().line);
        (!hold.found_taken(seat), ends.chain([hold.operation.invoked().line]).max())
    });
    let Some((hold, _)) = latest else {
        return ("ghost", "nobody ever asked for it".to_owned());
    };
    let refused_purchase = hold.purchases.iter().any(|purchase| purchase.outcome() == Outcome::Refused);
    let kind = match status {
        "held" if hold.operation.outcome() == Outcome::Refused => "rejected_but_applied",
        "held" => "resurrected_hold",
        "sold" if refused_purchase => "rejected_but_applied",
        "sold" => "ghost_order",
        _ => "unknown_state",
    };
    (kind, hold.latest(seat))
}

/// A hold whose outcome is open has taken all of its seats or none.
fn all_or_nothing(
    stories: &Stories<'_>,
    seen: &Observation,
    hold: &HoldStory<'_>,
    found: &mut Vec<Violation>,
) {
    let Some(shown) = seen.shows.get(hold.show) else { return };
    let status = |seat: &str| shown.seats.get(seat).map_or("", String::as_str);
    let by_this_alone = |seat: &&String| {
        let others = stories.by_seat.get(&(hold.show, seat.as_str())).map(Vec::as_slice).unwrap_or_default();
        let mut others = others.iter().map(|index| &stories.holds[*index]);
        status(seat) == "held"
            && !others
                .any(|other| other.operation.op != hold.operation.op && possible(other, seat, seen).held)
    };
    let taken = hold.seats.iter().find(by_this_alone);
    let free = hold.seats.iter().find(|seat| status(seat) == "available");
    if let (Some(taken), Some(free)) = (taken, free) {
        found.push(Violation::new(
            "partial_hold",
            format!(
                "seat {taken} of show {} is held and seat {free} is free, but one hold asked for both: {}",
                hold.show,
                hold.operation.describe()
            ),
        ));
    }
}
