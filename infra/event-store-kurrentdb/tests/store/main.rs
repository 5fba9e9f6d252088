//! The event store on KurrentDB: the client's calls answered by a double, and by a real server where one is named.

mod batches;
mod contract;
mod double;
mod outages;
mod refusals;
mod servers;
