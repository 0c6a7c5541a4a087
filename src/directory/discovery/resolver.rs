//! Asks DNS: SRV records, and the addresses of hosts. The only importer of `hickory_resolver`.
//!
//! A resolver is made for each use: `/etc/resolv.conf` may have changed since, and nothing may be remembered here
//! that [`super`] believes to be a fresh answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;

use super::order::Record;

/// Longest wait for one server's answer to one packet; then the next is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// The SRV records of a name, and how long they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) records: Vec<Record>,
    pub(super) ttl: Duration,
}

/// Why there are no records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// DNS answered: there are none.
    Absent,
    /// DNS did not answer, or not usably; says why.
    Away(String),
}

/// A resolver.
pub(super) struct Dns(TokioResolver);

impl Dns {
    /// One that asks `nameservers`, in this order; without any, those of the system.
    pub(super) fn new(nameservers: &[SocketAddr]) -> Result<Self, String> {
        let builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = nameservers.iter().map(nameserver).collect();
            let mut builder = TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), servers),
                TokioRuntimeProvider::default(),
            );
            builder.options_mut().server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
            Ok(builder)
        };
        let mut builder = builder.map_err(|error| format!("the system's resolver cannot be used: {error}"))?;
        let options = builder.options_mut();
        options.timeout = options.timeout.min(PATIENCE);
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self(builder.build().map_err(|error| error.to_string())?))
    }

    /// The SRV records of `name`.
    pub(super) async fn servers(&self, name: &str) -> Result<Answer, NoAnswer> {
        // With a dot at its end no search list is applied.
        let found = self.0.srv_lookup(format!("{name}.")).await.map_err(|error| no_answer(&error))?;
        let mut answer = Answer { records: Vec::new(), ttl: Duration::MAX };
        for record in found.answers() {
            if let RData::SRV(srv) = &record.data {
                answer.ttl = answer.ttl.min(Duration::from_secs(record.ttl.into()));
                answer.records.push(Record {
                    priority: srv.priority,
                    weight: srv.weight,
                    target: srv.target.to_ascii().trim_end_matches('.').to_ascii_lowercase(),
                    port: srv.port,
                });
            }
        }
        if answer.records.is_empty() { Err(NoAnswer::Absent) } else { Ok(answer) }
    }

    /// The addresses of `host`, IPv4 first.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let found = self.0.lookup_ip(format!("{host}.")).await.map_err(|error| match no_answer(&error) {
            NoAnswer::Absent => "DNS has none".to_owned(),
            NoAnswer::Away(why) => why,
        })?;
        Ok(found.iter().collect())
    }
}

fn nameserver(at: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.to_vec())
}

fn no_answer(error: &NetError) -> NoAnswer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(found))
            if matches!(found.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            NoAnswer::Absent
        }
        NetError::Dns(DnsError::ResponseCode(code)) => NoAnswer::Away(format!("DNS answered with an error: {code}")),
        NetError::Timeout => NoAnswer::Away("DNS did not answer in time".to_owned()),
        error => NoAnswer::Away(error.to_string()),
    }
}
