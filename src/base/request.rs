//! What a request is called: one id for its answer, its audit records and whoever asks about it later.
//!
//! A version 7 UUID (RFC 9562, section 5.7). It carries the moment at which the request came, so that the record of a refusal is
//! looked for around that moment, by halves, and no index has to be kept of it. The rest is random: nobody comes upon the id of
//! another's request by trying. It is made here for each request, and never taken from what a client sends: an id that somebody
//! else chose could be that of another request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{Builder, Uuid, Version};

use super::Timestamp;

/// The id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

/// Text that is no id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no id of a request: it looks like 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct NoRequestId;

impl RequestId {
    /// The id of a request that came at `now`.
    #[must_use]
    pub fn new(now: Timestamp, random: &[u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Self(Builder::from_unix_timestamp_millis(millis, random).into_uuid())
    }

    /// When it came, to the millisecond.
    #[must_use]
    pub fn at(self) -> Timestamp {
        let (seconds, nanos) = self.0.get_timestamp().map(|at| at.to_unix()).unwrap_or_default();
        let seconds = i64::try_from(seconds).unwrap_or_default();
        let nanos = i32::try_from(nanos).unwrap_or_default();
        Timestamp::new(seconds, nanos).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

impl FromStr for RequestId {
    type Err = NoRequestId;

    fn from_str(text: &str) -> Result<Self, NoRequestId> {
        // One spelling, so that what is looked for is what is written.
        let id = Uuid::try_parse(text).map_err(|_| NoRequestId)?;
        let ours = id.get_version() == Some(Version::SortRand) && id.hyphenated().to_string() == text.to_lowercase();
        if ours { Ok(Self(id)) } else { Err(NoRequestId) }
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_request_came_and_has_one_spelling() {
        let now: Timestamp = "2026-03-12T12:00:00.123Z".parse().unwrap();
        let id = RequestId::new(now, &[7; 10]);
        assert_eq!(id.at(), now);
        assert_eq!(id.to_string().parse::<RequestId>(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse::<RequestId>(), Ok(id), "as it may come by telephone");
        let bare = id.to_string().replace('-', "");
        let random = "5f6b9a52-7d38-4f57-9c3b-0a4b7d2f1e11";
        for other in ["", "7", &bare, random, &format!("{{{id}}}"), &format!("urn:uuid:{id}")] {
            assert_eq!(other.parse::<RequestId>(), Err(NoRequestId), "{other}");
        }
    }
}
