//! A tiny DNS server: answers from a table, and can be told to fail or to say nothing. An answer too long for a packet
//! is left for TCP, as RFC 1035 4.2.1 has it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::task::AbortOnDropHandle;

/// Longest answer in a packet.
const PACKET: usize = 1232;

/// How the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// It answers from its table.
    #[default]
    Well,
    /// It answers SERVFAIL.
    Failing,
    /// It says nothing.
    Silent,
}

#[derive(Default)]
struct Table {
    records: HashMap<String, Vec<(u32, RData)>>,
    mood: Mood,
    asked: Vec<String>,
}

/// A running server.
pub(crate) struct Dns {
    at: SocketAddr,
    table: Arc<Mutex<Table>>,
    _task: AbortOnDropHandle<()>,
}

impl Dns {
    pub(crate) async fn start() -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(at).await.unwrap();
        let table = Arc::<Mutex<Table>>::default();
        let (by_udp, by_tcp) = (Arc::clone(&table), Arc::clone(&table));
        let task = tokio::spawn(async move {
            tokio::join!(serve_packets(udp, &by_udp), serve_streams(tcp, &by_tcp));
        });
        Self { at, table, _task: AbortOnDropHandle::new(task) }
    }

    /// Where it listens.
    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    /// Adds a server under `name`, with a TTL in seconds.
    pub(crate) fn srv(&self, name: &str, ttl: u32, (priority, weight): (u16, u16), target: &str, port: u16) {
        let target = Name::from_ascii(format!("{}.", target.trim_end_matches('.'))).unwrap();
        self.add(name, ttl, RData::SRV(SRV::new(priority, weight, port, target)));
    }

    /// Adds an address of `host`.
    pub(crate) fn address(&self, host: &str, address: IpAddr) {
        let data = match address {
            IpAddr::V4(address) => RData::A(address.into()),
            IpAddr::V6(address) => RData::AAAA(address.into()),
        };
        self.add(host, 3600, data);
    }

    fn add(&self, name: &str, ttl: u32, data: RData) {
        self.table.lock().unwrap().records.entry(name.to_lowercase()).or_default().push((ttl, data));
    }

    /// Takes everything under `name` away.
    pub(crate) fn remove(&self, name: &str) {
        self.table.lock().unwrap().records.remove(&name.to_lowercase());
    }

    pub(crate) fn be(&self, mood: Mood) {
        self.table.lock().unwrap().mood = mood;
    }

    /// Names whose SRV records were asked for since this was called last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.table.lock().unwrap().asked)
    }
}

async fn serve_packets(socket: UdpSocket, table: &Mutex<Table>) {
    let mut packet = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
        let Some(mut answer) = table.lock().unwrap().answer(&packet[..length]) else { continue };
        if answer.to_vec().unwrap().len() > PACKET {
            answer = answer.truncate();
        }
        socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
    }
}

/// One question a connection.
async fn serve_streams(listener: TcpListener, table: &Mutex<Table>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let length = stream.read_u16().await.unwrap();
        let mut request = vec![0; length.into()];
        stream.read_exact(&mut request).await.unwrap();
        let Some(answer) = table.lock().unwrap().answer(&request) else { continue };
        let answer = answer.to_vec().unwrap();
        stream.write_u16(answer.len() as u16).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    }
}

impl Table {
    fn answer(&mut self, request: &[u8]) -> Option<Message> {
        let request = Message::from_vec(request).unwrap();
        let query = request.queries[0].clone();
        let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
        if query.query_type() == RecordType::SRV {
            self.asked.push(name.clone());
        }
        let mut answer = Message::response(request.id, request.op_code);
        answer.metadata.recursion_desired = request.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        match (self.mood, self.records.get(&name)) {
            (Mood::Silent, _) => return None,
            (Mood::Failing, _) => answer.metadata.response_code = ResponseCode::ServFail,
            (Mood::Well, None) => answer.metadata.response_code = ResponseCode::NXDomain,
            (Mood::Well, Some(records)) => {
                for (ttl, data) in records.iter().filter(|(_, data)| data.record_type() == query.query_type()) {
                    answer.add_answer(Record::from_rdata(query.name().clone(), *ttl, data.clone()));
                }
            }
        }
        Some(answer)
    }
}
