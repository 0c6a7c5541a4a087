//! To a mail server, by SMTP (RFC 5321): one connection for what is due, one message for each person.
//!
//! The only importer of the mail library. Messages are built by its types, so that nothing people wrote becomes a header; the steps of a
//! message are taken one at a time, so that it is known whose fault a no is: the server's, or this one recipient's.

mod stream;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::{Error, extension::ServerInfo};
use lettre::{Address, message::header::ContentType};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Host;

use super::Failure;
use super::letter::Letter;
use crate::base::text::printable;
use crate::base::{Secret, Timestamp};
use crate::fetch;
use crate::model::Notice;
use stream::Lines;

/// How the way to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// By STARTTLS, or not at all (RFC 3207): a server that does not offer it is told nothing.
    Required,
    /// From the first byte (RFC 8314, section 3.3).
    Implicit,
    /// Not, which will do on this machine itself.
    NoneOnLoopback,
}

/// A mail server, and as whom it is told.
pub struct Server {
    /// Its name or address.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// How the way is encrypted.
    pub tls: Tls,
    /// As whom we sign in there, if we do.
    pub login: Option<(String, Secret<String>)>,
    /// Whose mails they are.
    pub from: String,
    /// The file with the authorities of its certificate, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Time for a connection to be ready, and for each message.
    pub timeout: Duration,
    /// What we call ourselves there, and in the ids of messages.
    pub name: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Why `text` is no address that mail is sent to; `None` where it is one.
#[must_use]
pub fn address_fault(text: &str) -> Option<String> {
    text.parse::<Address>().err().map(|error| error.to_string())
}

/// Why `text` is nobody whose mails they could be, such as `Bailey <bailey@example.com>`; `None` where it is.
#[must_use]
pub fn sender_fault(text: &str) -> Option<String> {
    text.parse::<Mailbox>().err().map(|error| error.to_string())
}

/// RFC 3834, section 5: no machine answers.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A message for one person.
fn message(server: &Server, notice: &Notice, letter: Letter) -> Result<Message, Failure> {
    let no = |error: String| Failure::ForGood(error);
    let from: Mailbox = server.from.parse().map_err(|error| Failure::Way(format!("`from`: {error}")))?;
    let to = notice.to.parse::<Address>();
    let to = to.map_err(|error| no(format!("`{}` is no mail address: {error}", printable(&notice.to))))?;
    let mut builder = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(letter.subject)
        .date(date(notice.at))
        .message_id(Some(format!("<{}@{}>", notice.id, server.name)))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    // Nothing was ever sent under this id: all that is said of one thing hangs on it, whoever reads which part (RFC 5322, 3.6.4).
    let facts = &notice.facts;
    let about = facts.grant.map(|id| format!("grant-{id}"));
    let about = about.or_else(|| facts.engagement.map(|id| format!("engagement-{id}")));
    if let Some(about) = about {
        let thread = format!("<{about}@{}>", server.name);
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    builder.body(letter.text).map_err(|error| no(error.to_string()))
}

fn date(at: Timestamp) -> SystemTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A connection that messages can be sent on.
pub struct Session<'a> {
    server: &'a Server,
    connection: AsyncSmtpConnection,
}

impl<'a> Session<'a> {
    /// Connects, encrypts, and signs in.
    ///
    /// # Errors
    /// Why the way is not open.
    pub async fn open(server: &'a Server) -> Result<Self, String> {
        let opened = timeout(server.timeout, connected(server)).await;
        let connection = opened.unwrap_or_else(|_| Err(format!("it was not ready within {:?}", server.timeout)));
        let shown = format!("{}:{}", server.host, server.port);
        let connection = connection.map_err(|why| format!("{}: {}", printable(&shown), printable(&why)))?;
        Ok(Self { server, connection })
    }

    /// Sends `notice`, in these words; answers what the server said when it took it.
    ///
    /// # Errors
    /// Why it did not.
    pub async fn send(&mut self, notice: &Notice, letter: Letter) -> Result<String, Failure> {
        let message = message(self.server, notice, letter)?;
        let sent = timeout(self.server.timeout, self.steps(&message)).await;
        sent.unwrap_or_else(|_| Err(Failure::Way(format!("it took no message within {:?}", self.server.timeout))))
    }

    /// Says goodbye. What comes of it changes nothing.
    pub async fn close(mut self) {
        let _ = timeout(GOODBYE, self.connection.quit()).await;
    }

    async fn steps(&mut self, message: &Message) -> Result<String, Failure> {
        let (envelope, bytes) = (message.envelope(), message.formatted());
        let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        let needs_utf8 = !envelope.from().into_iter().chain(envelope.to()).all(ascii);
        let options = options(self.connection.server_info(), needs_utf8)?;
        // A sender that the server does not like is every message's.
        let mail = Mail::new(envelope.from().cloned(), options);
        self.connection.command(mail).await.map_err(|error| Failure::Way(said(&error)))?;
        for to in envelope.to() {
            if let Err(error) = self.connection.command(Rcpt::new(to.clone(), Vec::new())).await {
                return Err(self.refused(&error).await);
            }
        }
        if let Err(error) = self.connection.command(Data).await {
            return Err(self.refused(&error).await);
        }
        match self.connection.message(&bytes).await {
            Ok(response) => Ok(answer(&response)),
            Err(error) => Err(self.refused(&error).await),
        }
    }

    /// Whose fault a no is, and the connection ready for the next message where it can be.
    async fn refused(&mut self, error: &Error) -> Failure {
        let why = said(error);
        let is_closing = error.status().is_some_and(|code| u16::from(code) == 421);
        if !(error.is_permanent() || error.is_transient()) || is_closing {
            return Failure::Way(why);
        }
        if let Err(error) = self.connection.command(Rset).await {
            return Failure::Way(said(&error));
        }
        if error.is_permanent() { Failure::ForGood(why) } else { Failure::Later(why) }
    }
}

/// Time for a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// RFC 6531, where somebody's address needs it.
fn options(server: &ServerInfo, needs_utf8: bool) -> Result<Vec<MailParameter>, Failure> {
    match (needs_utf8, server.supports_feature(Extension::SmtpUtfEight)) {
        (false, _) => Ok(Vec::new()),
        (true, true) => Ok(vec![MailParameter::SmtpUtfEight]),
        (true, false) => Err(Failure::ForGood("the server takes no address with such letters (SMTPUTF8)".to_owned())),
    }
}

async fn connected(server: &Server) -> Result<AsyncSmtpConnection, String> {
    let (stream, peer) = dialled(server).await?;
    let hello = ClientId::Domain(server.name.clone());
    let stream: Box<dyn AsyncTokioStream> = match server.tls {
        Tls::NoneOnLoopback if !peer.ip().to_canonical().is_loopback() => {
            return Err(format!("{peer} is another machine, and nothing is sent there in the clear: set `tls`"));
        }
        Tls::NoneOnLoopback | Tls::Required => Box::new(Lines::of(stream, peer)),
        Tls::Implicit => {
            let secured = fetch::secured(stream, &server.host, server.ca_file.clone()).await;
            Box::new(Lines::of(secured.map_err(|error| error.to_string())?, peer))
        }
    };
    let fault = |error: Error| said(&error);
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(fault)?;
    if server.tls == Tls::Required {
        if !connection.can_starttls() {
            return Err("it offers no STARTTLS, or somebody in between takes that away: nothing is sent".to_owned());
        }
        connection.starttls(parameters(server).await?, &hello).await.map_err(fault)?;
    }
    if let Some((name, password)) = &server.login {
        let credentials = Credentials::new(name.clone(), password.expose().clone());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(fault)?;
    }
    Ok(connection)
}

async fn dialled(server: &Server) -> Result<(TcpStream, SocketAddr), String> {
    let host = match &server.host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let found = tokio::net::lookup_host((host.as_str(), server.port)).await.map_err(|error| error.to_string())?;
    let mut why = "it has no address".to_owned();
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => why = format!("{address}: {error}"),
        }
    }
    Err(why)
}

/// Who vouches for the server, and for which name.
async fn parameters(server: &Server) -> Result<TlsParameters, String> {
    let (name, file) = (server.host.to_string(), server.ca_file.clone());
    let name = name.trim_matches(['[', ']']).to_owned();
    // Files are read, and the system has many.
    let built = tokio::task::spawn_blocking(move || {
        let mut builder = TlsParameters::builder(name);
        if let Some(file) = file {
            let fault = |why: String| format!("{}: {why}", file.display());
            let pem = std::fs::read(&file).map_err(|error| fault(error.to_string()))?;
            let authorities = Certificate::from_pem(&pem).map_err(|error| fault(error.to_string()))?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authorities);
        }
        builder.build().map_err(|error| error.to_string())
    });
    built.await.map_err(|error| error.to_string())?
}

/// What a no says, and what lies behind it.
fn said(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(behind) = source {
        let behind_words = behind.to_string();
        if !words.contains(&behind_words) {
            words = format!("{words}: {behind_words}");
        }
        source = behind.source();
    }
    printable(&words).into_owned()
}

fn answer(response: &Response) -> String {
    let words: Vec<&str> = response.message().collect();
    printable(&format!("{} {}", response.code(), words.join(" "))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GrantId, NoticeId};
    use crate::model::notice::{Facts, Kind, Way};

    fn server() -> Server {
        Server {
            host: Host::parse("mail.example.com").unwrap(),
            port: 25,
            tls: Tls::Required,
            login: None,
            from: "Bailey <bailey@example.com>".to_owned(),
            ca_file: None,
            timeout: Duration::from_secs(5),
            name: "bailey.example.com".to_owned(),
        }
    }

    fn notice(to: &str, words: &str) -> Notice {
        let words = Some(words.to_owned());
        Notice {
            id: NoticeId::from_bytes([1; 16]),
            kind: Kind::GrantRequested,
            way: Way::Mail,
            to: to.to_owned(),
            at: "2026-03-12T12:00:00Z".parse().unwrap(),
            epoch: String::new(),
            moot: None,
            facts: Facts {
                grant: Some(GrantId::from_bytes([2; 16])),
                person: words.clone(),
                display_name: words.clone(),
                role: words.clone(),
                reason: words,
                ..Facts::default()
            },
            tries: 0,
            next: Timestamp::UNIX_EPOCH,
            why: None,
        }
    }

    fn built(notice: &Notice, letter: Letter) -> String {
        String::from_utf8(message(&server(), notice, letter).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_message_says_which_it_is_what_it_hangs_on_and_that_nobody_answers() {
        let notice = notice("ann@corp.example", "x");
        let text = built(&notice, Letter::of(&notice, "https://bailey.example.com"));
        for line in [
            "From: Bailey <bailey@example.com>".to_owned(),
            "To: ann@corp.example".to_owned(),
            "Date: Thu, 12 Mar 2026 12:00:00 +0000".to_owned(),
            format!("Message-ID: <{}@bailey.example.com>", "01".repeat(16)),
            format!("In-Reply-To: <grant-{}@bailey.example.com>", "02".repeat(16)),
            format!("References: <grant-{}@bailey.example.com>", "02".repeat(16)),
            "Auto-Submitted: auto-generated".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn whatever_somebody_wrote_no_header_comes_of_it() {
        for hostile in
            ["x\r\nBcc: eve@evil.example", "x\nBcc: eve@evil.example\n\nbody", "x\rBcc: e", "x\0y\u{85}Bcc: e"]
        {
            let notice = notice("ann@corp.example", hostile);
            let of_letter = Letter::of(&notice, "https://bailey.example.com");
            // Not even where the words come in as they are.
            let raw = Letter { subject: hostile.to_owned(), text: hostile.to_owned() };
            for letter in [of_letter, raw] {
                let text = built(&notice, letter);
                let (head, _) = text.split_once("\r\n\r\n").unwrap();
                assert!(!head.split("\r\n").any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
                assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']), "{head:?}");
            }
        }
    }

    #[test]
    fn an_address_is_one_address() {
        for bad in [
            "",
            "ann",
            "ann@corp.example, eve@evil.example",
            "Ann <ann@corp.example>",
            "ann@corp.example>\r\nRCPT TO:<eve@evil.example",
            "ann@corp.example\nBcc: eve@evil.example",
            "ann@corp.example ",
        ] {
            assert!(address_fault(bad).is_some(), "{bad:?}");
            let refused = message(&server(), &notice(bad, "x"), Letter { subject: String::new(), text: String::new() });
            assert!(matches!(refused, Err(Failure::ForGood(_))), "{bad:?}");
        }
        assert_eq!(address_fault("ann.weber+ops@corp.example"), None);
        assert!(sender_fault("Bailey <bailey@example.com>\r\nBcc: e@x.example").is_some());
        assert_eq!(sender_fault("bailey@example.com"), None);
    }
}
