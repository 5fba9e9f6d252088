//! Who owned a seat when: no two sure owners at once, and no sure owner turned away.

use super::Violation;
use super::history::{Moment, Operation};
use super::story::{HoldStory, Stories};

/// Refusals that say "you do not have this".
const NOT_YOURS: [u16; 3] = [404, 409, 410];

/// Judges every seat's owners.
pub(crate) fn judge(stories: &Stories<'_>, found: &mut Vec<Violation>) {
    for ((show, seat), holds) in &stories.by_seat {
        let mut owners: Vec<(Moment, &HoldStory<'_>)> = holds
            .iter()
            .map(|index| &stories.holds[*index])
            .filter_map(|hold| Some((hold.acknowledged()?.0, hold)))
            // An answer that was read after the deadline shows no owner any more.
            .filter(|(moment, hold)| hold.sure_until(seat).at_ms > moment.at_ms)
            .collect();
        owners.sort_by_key(|(moment, _)| moment.line);
        overlaps(show, seat, &owners, found);
    }
    for hold in &stories.holds {
        turned_away(hold, found);
    }
}

/// The later acknowledgement must not fall into the time that the earlier owner surely had the seat.
fn overlaps(show: &str, seat: &str, owners: &[(Moment, &HoldStory<'_>)], found: &mut Vec<Violation>) {
    let mut longest: Option<&HoldStory<'_>> = None;
    for (moment, hold) in owners {
        if let Some(earlier) = longest
            && earlier.sure_until(seat).covers(*moment)
        {
            found.push(Violation::new(
                "two_owners",
                format!(
                    "seat {seat} of show {show} belonged to two at once: {}; {}",
                    earlier.latest(seat),
                    hold.latest(seat)
                ),
            ));
        }
        let ends_later =
            longest.is_none_or(|earlier| hold.sure_until(seat).line >= earlier.sure_until(seat).line);
        if ends_later {
            longest = Some(hold);
        }
    }
}

/// A live hold that its owner could neither buy nor release was lost.
fn turned_away(hold: &HoldStory<'_>, found: &mut Vec<Violation>) {
    let Some((_, facts)) = hold.acknowledged() else { return };
    let deadline = facts.expires_at_ms.unwrap_or(0);
    let ends: Vec<&Operation> = hold.releases.iter().chain(&hold.purchases).copied().collect();
    for end in &ends {
        let Some((moment, status, _, _)) = end.refusal().filter(|_| end.refused_at_once()) else { continue };
        let first_end =
            ends.iter().all(|other| other.op == end.op || other.invoked().line > end.invoked().line);
        let alive = first_end && moment.at_ms + super::story::CLOCK_TOLERANCE_MS < deadline;
        if alive && NOT_YOURS.contains(&status) {
            found.push(Violation::new(
                "lost_hold",
                format!(
                    "hold {} on seats {:?} was alive but its owner was turned away: {}; {}",
                    facts.hold.as_deref().unwrap_or(""),
                    hold.seats,
                    hold.operation.describe(),
                    end.describe()
                ),
            ));
        }
    }
}
