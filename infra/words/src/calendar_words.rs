//! Dates and times as people of each language write them.
//!
//! They are civil: the caller has put them into the venue's zone.

use jiff::civil::{Date, DateTime, Time};
use ticketflow_domain::Language;

/// From Monday.
const SPANISH_WEEKDAYS: [&str; 7] =
    ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"];
const ENGLISH_WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `14 de noviembre de 2026` or `14 November 2026`.
#[must_use]
pub fn date(language: Language, date: Date) -> String {
    let (day, month, year) = (date.day(), month(language, date), date.year());
    match language {
        Language::Spanish => format!("{day} de {month} de {year}"),
        Language::English => format!("{day} {month} {year}"),
    }
}

/// `noviembre` or `November`.
#[must_use]
pub fn month(language: Language, date: Date) -> &'static str {
    let months = match language {
        Language::Spanish => &SPANISH_MONTHS,
        Language::English => &ENGLISH_MONTHS,
    };
    months[usize::from(date.month().unsigned_abs() - 1) % 12]
}

/// `sábado 14 de noviembre de 2026` or `Saturday 14 November 2026`.
#[must_use]
pub fn long_date(language: Language, date: Date) -> String {
    let weekdays = match language {
        Language::Spanish => SPANISH_WEEKDAYS,
        Language::English => ENGLISH_WEEKDAYS,
    };
    let weekday = weekdays[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    format!("{weekday} {}", self::date(language, date))
}

/// `20:30 h` or `20:30`.
#[must_use]
pub fn time(language: Language, time: Time) -> String {
    match language {
        Language::Spanish => format!("{} h", clock(time)),
        Language::English => clock(time),
    }
}

/// `viernes 21 de mayo de 2027, 19:30` or `Friday 21 May 2027, 19:30`.
#[must_use]
pub fn date_time(language: Language, moment: DateTime) -> String {
    format!("{}, {}", long_date(language, moment.date()), clock(moment.time()))
}

fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Spanish};
    use jiff::civil;

    #[test]
    fn dates_and_times_are_written_out() {
        let at = civil::datetime(2026, 11, 14, 20, 5, 0, 0);
        assert_eq!(long_date(Spanish, at.date()), "sábado 14 de noviembre de 2026");
        assert_eq!(long_date(English, at.date()), "Saturday 14 November 2026");
        assert_eq!(date(Spanish, civil::date(2027, 1, 1)), "1 de enero de 2027");
        assert_eq!(date(English, civil::date(2027, 12, 31)), "31 December 2027");
        assert_eq!((time(Spanish, at.time()), time(English, at.time())), ("20:05 h".into(), "20:05".into()));
    }

    #[test]
    fn a_moment_is_a_long_date_and_a_clock() {
        let at = civil::datetime(2027, 5, 21, 19, 30, 0, 0);
        assert_eq!(date_time(Spanish, at), "viernes 21 de mayo de 2027, 19:30");
        assert_eq!(date_time(English, at), "Friday 21 May 2027, 19:30");
    }
}
