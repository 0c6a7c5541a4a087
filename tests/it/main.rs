//! Tests against real servers and hostile ones.
