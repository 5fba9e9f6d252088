//! What a conversion could not keep as it was, for a person to look over before the plan is used.

use std::fmt;

/// How often something was renamed, with the first case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renames {
    /// Cases.
    pub count: usize,
    /// Before the first.
    pub from: String,
    /// After the first.
    pub to: String,
}

impl Renames {
    /// Counts a case where the two differ.
    pub(super) fn note(&mut self, from: &str, to: &str) {
        if from == to {
            return;
        }
        if self.count == 0 {
            (self.from, self.to) = (from.to_owned(), to.to_owned());
        }
        self.count += 1;
    }
}

impl fmt::Display for Renames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} is now {:?}", self.from, self.to)?;
        if self.count > 1 { write!(formatter, ", and {} more", self.count - 1) } else { Ok(()) }
    }
}

/// A step of a conversion that lost, guessed or changed something.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The file has pixels, a plan centimetres.
    #[error("scale guessed from the usual distance of neighbouring seats: one pixel is {millimetres} mm")]
    ScaleGuessed {
        /// Of one pixel.
        millimetres: u64,
    },
    /// Nothing tells where the audience looks.
    #[error("no area is named as a stage: the focal point is guessed above the seats, in their middle")]
    NoStage,
    /// A plan has its stage above the seats.
    #[error("the plan was turned by {degrees} degrees so that the stage {stage:?} is above the seats")]
    Turned {
        /// Clockwise.
        degrees: u32,
        /// The area taken as stage.
        stage: String,
    },
    /// No price was given for the category.
    #[error("category {category:?} has no price of its own: its {seats} seats got the default price")]
    DefaultPrice {
        /// Its name.
        category: String,
        /// How many.
        seats: usize,
    },
    /// A price was given for a category without seats.
    #[error("there is no seat of category {category:?}, for which a price was given")]
    PriceUnused {
        /// As given.
        category: String,
    },
    /// A general-admission area was asked for that the file has not.
    #[error("there is no area {area:?}, which was to be general admission")]
    AreaUnused {
        /// As given.
        area: String,
    },
    /// Seats name a category that the file does not list.
    #[error("category {category:?} is not among the file's categories: its seats have no colour")]
    CategoryUnlisted {
        /// Its name.
        category: String,
    },
    /// Colours are written #rrggbb.
    #[error("the colour {color:?} of category {category:?} is not of the form #rrggbb and was left out")]
    ColorDropped {
        /// Its name.
        category: String,
        /// As in the file.
        color: String,
    },
    /// A zone with several categories becomes several zones, for a zone has one price.
    #[error("zone {zone:?} has seats of {parts} categories and became {parts} zones")]
    ZoneSplit {
        /// In the file.
        zone: String,
        /// How many.
        parts: usize,
    },
    /// A zone's name was empty, too long or used twice.
    #[error("zone renamed: {0}")]
    ZoneRenamed(Renames),
    /// Row labels have no hyphen, 1 to 16 characters, and appear once in a zone.
    #[error("rows of zone {zone:?} renamed: {renames}")]
    RowsRenamed {
        /// In the plan.
        zone: String,
        /// Which.
        renames: Renames,
    },
    /// Seat numbers have no hyphen, 1 to 16 characters, and appear once in a row.
    #[error("seats of zone {zone:?} renumbered: {renames}")]
    SeatsRenamed {
        /// In the plan.
        zone: String,
        /// Which.
        renames: Renames,
    },
    /// Neighbours in a row sit side by side, so that a row ends at an aisle.
    #[error(
        "{rows} rows of zone {zone:?} were split where an aisle or seats of another category lie in between, \
         the first of them row {first:?}"
    )]
    RowsSplit {
        /// In the file.
        zone: String,
        /// How many.
        rows: usize,
        /// Its label.
        first: String,
    },
    /// The seats of a row are listed from one side to the other.
    #[error("the seats of {rows} rows of zone {zone:?} were out of order and were sorted by their place")]
    RowsSorted {
        /// In the file.
        zone: String,
        /// How many.
        rows: usize,
    },
    /// A row needs a seat.
    #[error("{rows} rows of zone {zone:?} have no seat and were left out")]
    EmptyRows {
        /// In the file.
        zone: String,
        /// How many.
        rows: usize,
    },
    /// Texts that pretix composes seat descriptions from.
    #[error(
        "the row and seat descriptions of {rows} rows were left out: a seat is named by zone, row and number"
    )]
    DescriptionsDropped {
        /// How many.
        rows: usize,
    },
    /// Seats that cannot be told apart on the map.
    #[error("{seats} seats lie exactly on another seat")]
    SeatsOverlap {
        /// How many.
        seats: usize,
    },
    /// Shapes without corners, of an unknown kind, or beyond the number that a plan may have.
    #[error("{areas} areas could not be drawn and were left out")]
    AreasDropped {
        /// How many.
        areas: usize,
    },
    /// Shapes are drawn in one colour.
    #[error("the colours of {areas} areas were left out: a plan's shapes have none")]
    AreaColorsDropped {
        /// How many.
        areas: usize,
    },
}
