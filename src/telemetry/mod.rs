//! What the daemon lets others see of itself: logs, metrics, and how its parts feel.
//!
//! Owns the one list of metric names ([`Metric`]), the shape of log lines ([`logs`]) and the board
//! on which every part posts its state ([`Board`]). Does not own an HTTP listener: `http/health.rs`
//! shows the board and renders the metrics.

pub mod board;
pub mod logs;
pub mod metrics;

pub use board::{Board, Condition, Part};
pub use metrics::Metric;
