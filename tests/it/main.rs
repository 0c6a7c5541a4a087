//! Tests against real servers and hostile ones.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod bed;
mod directory_hostile;
mod directory_slapd;
