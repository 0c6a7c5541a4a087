//! Bailey: a bridge between a company's directory and short-lived access.
pub mod audit;
pub mod authn;
pub mod base;
pub mod cli;
pub mod daemon;
pub mod directory;
pub mod gate;
pub mod http;
pub mod model;
pub mod store;
pub mod sync;
pub mod telemetry;
