//! Bailey: a bridge between a company's directory and short-lived access.
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod directory;
pub mod model;
pub mod store;
pub mod sync;
pub mod telemetry;
