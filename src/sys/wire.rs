//! A connection that is read line by line, plain or TLS. Each operation has a time limit, whatever the other side does,
//! and no more than a line and a buffer is in memory.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ProtocolVersion, Stream};

use super::clock;
use crate::model::probe::reply::{Collector, LINE_LIMIT, REPLY_LIMIT, Reply};
use crate::model::text;

/// Time limit for the end of a connection.
const GOODBYE: Duration = Duration::from_secs(2);

/// The reason why there is no reply.
#[derive(Debug)]
pub enum Broken {
    /// The other side closed the connection, or it broke.
    Lost,
    /// The time is over.
    TimedOut,
    /// The other side sent more than a reply may have.
    Endless,
    /// TLS failed.
    Tls(Box<rustls::Error>),
}

/// A TCP connection with a time limit for all of an operation, not for each byte of it.
#[derive(Debug)]
pub struct Timed {
    stream: TcpStream,
    until: Instant,
    /// The first bytes that came, for a message if they were not TLS.
    first: Vec<u8>,
}

impl Timed {
    /// Connects to an address. All of the time is for the connection and what follows.
    pub fn connect(address: SocketAddr, until: Instant) -> std::io::Result<Self> {
        let patience = clock::left(until)?;
        let stream = clock::within(until, move || TcpStream::connect_timeout(&address, patience))??;
        Ok(Self { stream, until, first: Vec::new() })
    }

    /// Repeats a read or a write that ran out of its turn. Fails when the time is over, or a signal is to end the run.
    fn patiently<T>(
        &mut self,
        mut work: impl FnMut(&mut TcpStream) -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        loop {
            let turn = Some(clock::turn(self.until)?);
            self.stream.set_read_timeout(turn)?;
            self.stream.set_write_timeout(turn)?;
            match work(&mut self.stream) {
                Err(error) if is_to_be_continued(&error) => {}
                other => return other,
            }
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.patiently(|stream| stream.read(buffer))?;
        let room = 8usize.saturating_sub(self.first.len()).min(count);
        self.first.extend_from_slice(buffer.get(..room).unwrap_or_default());
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.patiently(|stream| stream.write(buffer))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// Whether an error only means the end of one turn of a wait ([`clock::turn`]).
pub fn is_to_be_continued(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The connection.
pub struct Wire {
    socket: Timed,
    session: Option<ClientConnection>,
    /// Bytes that came and are not read yet.
    buffer: Vec<u8>,
    used: usize,
    /// The part that came of a reply without an end.
    heard: Option<String>,
}

impl Wire {
    /// Connects to an address.
    pub fn connect(address: SocketAddr, patience: Duration) -> std::io::Result<Self> {
        let socket = Timed::connect(address, clock::now() + patience.max(Duration::from_millis(1)))?;
        socket.stream.set_nodelay(true)?;
        Ok(Self { socket, session: None, buffer: Vec::new(), used: 0, heard: None })
    }

    /// The TLS session, if there is one.
    pub fn session(&self) -> Option<&ClientConnection> {
        self.session.as_ref()
    }

    /// Its version, as OpenSSL writes it: `TLSv1.3`.
    pub fn tls_version(&self) -> &'static str {
        match self.session.as_ref().and_then(|session| session.protocol_version()) {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLS",
        }
    }

    /// Whether the other side began with text: a greeting in the place of TLS.
    pub fn began_with_text(&self) -> bool {
        let first = &self.socket.first;
        first.len() >= 3 && first.iter().take(3).all(u8::is_ascii_digit)
    }

    /// Takes the part that came of a reply without an end.
    pub fn take_heard(&mut self) -> Option<String> {
        self.heard.take()
    }

    /// Sends a command; its line end is added.
    pub fn send(&mut self, command: &str, until: Instant) -> Result<(), Broken> {
        self.send_bytes(format!("{command}\r\n").as_bytes(), until)
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8], until: Instant) -> Result<(), Broken> {
        self.socket.until = until;
        let sent = match &mut self.session {
            None => self.socket.write_all(bytes).and_then(|()| self.socket.flush()),
            Some(session) => {
                let mut stream = Stream::new(session, &mut self.socket);
                stream.write_all(bytes).and_then(|()| stream.flush())
            }
        };
        sent.map_err(|error| broken(&error))
    }

    /// Takes the bytes that have come, and waits for some if there are none.
    pub fn bytes(&mut self, until: Instant) -> Result<&[u8], Broken> {
        if self.used >= self.buffer.len() {
            self.socket.until = until;
            self.refill()?;
        }
        let begin = std::mem::replace(&mut self.used, self.buffer.len());
        Ok(self.buffer.get(begin..).unwrap_or_default())
    }

    /// Waits for one whole reply.
    pub fn reply(&mut self, until: Instant) -> Result<Reply, Broken> {
        self.socket.until = until;
        let mut collector = Collector::default();
        let mut room = REPLY_LIMIT;
        loop {
            let mut line = Vec::new();
            if let Err(broken) = self.line(&mut line, &mut room) {
                let begun = (!line.is_empty()).then(|| text::one_line(&String::from_utf8_lossy(&line)));
                self.heard = collector.unfinished().map(str::to_owned).or(begun);
                return Err(broken);
            }
            if let Some(reply) = collector.line(&line) {
                return Ok(reply);
            }
        }
    }

    /// A line without its end. Bytes beyond the limit are read and dropped.
    fn line(&mut self, line: &mut Vec<u8>, room: &mut usize) -> Result<(), Broken> {
        loop {
            let unread = self.buffer.get(self.used..).unwrap_or_default();
            let end = unread.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(unread.len(), |end| end + 1);
            let free = LINE_LIMIT.saturating_sub(line.len()).min(end.unwrap_or(taken));
            line.extend_from_slice(unread.get(..free).unwrap_or_default());
            *room = room.checked_sub(taken).ok_or(Broken::Endless)?;
            self.used += taken;
            if end.is_some() {
                return Ok(());
            }
            self.refill()?;
        }
    }

    fn refill(&mut self) -> Result<(), Broken> {
        self.buffer.resize(LINE_LIMIT, 0);
        self.used = 0;
        let count = match &mut self.session {
            None => self.socket.read(&mut self.buffer),
            Some(session) => Stream::new(session, &mut self.socket).read(&mut self.buffer),
        };
        self.buffer.truncate(*count.as_ref().unwrap_or(&0));
        match count {
            Ok(0) => Err(Broken::Lost),
            Ok(_) => Ok(()),
            Err(error) => Err(broken(&error)),
        }
    }

    /// Begins TLS. Drops the bytes that came before, since they were not protected: others may have sent them (RFC 3207
    /// §6).
    pub fn start_tls(&mut self, session: ClientConnection, until: Instant) -> Result<(), Broken> {
        self.buffer.clear();
        self.used = 0;
        self.socket.until = until;
        self.socket.first.clear();
        let session = self.session.insert(session);
        while session.is_handshaking() {
            session.complete_io(&mut self.socket).map_err(|error| broken(&error))?;
        }
        Ok(())
    }

    /// Ends the connection, and waits two seconds at most.
    pub fn close(mut self) {
        self.socket.until = clock::now() + GOODBYE;
        if let Some(session) = &mut self.session {
            session.send_close_notify();
            let _ = session.write_tls(&mut self.socket);
        }
        let _ = self.socket.stream.shutdown(Shutdown::Both);
    }
}

fn broken(error: &std::io::Error) -> Broken {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Broken::Tls(Box::new(tls.clone()));
    }
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Broken::TimedOut,
        _ => Broken::Lost,
    }
}

/// The system's words for an error, without its number: `Connection refused`.
pub fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    if error.kind() == ErrorKind::TimedOut {
        return "Connection timed out".into();
    }
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
