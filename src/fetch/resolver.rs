//! Where a host is.

use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;

/// Somebody who knows where hosts are. It is asked once a request.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Where `host` answers who asks for `port`.
    ///
    /// # Errors
    /// When nobody knows.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver: `/etc/hosts` and DNS, as every program of this machine is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

#[async_trait]
impl Resolver for System {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}
