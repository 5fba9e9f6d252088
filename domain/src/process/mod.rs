//! Process managers: what to do next, decided from what was observed. Pure; the services carry the steps out.

pub mod payment;
