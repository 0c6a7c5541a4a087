//! Bailey: a bridge between a company's directory and short-lived access.
pub mod admin;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod directory;
pub mod model;
pub mod rights;
pub mod store;
pub mod sync;
pub mod telemetry;
