//! Panics go to the log: where, in which thread, and the message when it is a literal one.

use std::any::Any;
use std::panic::{self, PanicHookInfo};

/// What stands in for a message that may quote personal data.
const WITHHELD: &str = "(formatted message withheld)";

pub(crate) fn install() {
    panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let location = info.location();
    let thread = std::thread::current();
    tracing::error!(
        file = location.map(panic::Location::file),
        line = location.map(panic::Location::line),
        thread = thread.name(),
        reason = reason(info.payload()),
        "panic"
    );
}

fn reason(payload: &dyn Any) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_messages_are_told() {
        assert_eq!(reason(&"the lock is held"), "the lock is held");
        assert_eq!(reason(&String::from("ana@example.org")), WITHHELD);
        assert_eq!(reason(&7), WITHHELD);
    }
}
