//! A client of Redis, as small as two commands need: RESP2, pipelined.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room made for what is read at once.
const READ_BUFFER: usize = 256 * 1024;

/// A connection.
pub(crate) struct Resp {
    stream: TcpStream,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// How much of what came in was taken already.
    taken: usize,
}

/// A reply. An error is none: it ends what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string of either kind.
    Text(Vec<u8>),
    Number(i64),
    List(Vec<Value>),
    Nil,
}

// === impl Resp ===

impl Resp {
    /// Opens a connection.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, outgoing: Vec::new(), incoming: Vec::new(), taken: 0 })
    }

    /// Puts a command into the buffer.
    pub(crate) fn feed(&mut self, words: &[&[u8]]) {
        self.outgoing.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.outgoing.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.outgoing.extend_from_slice(word);
            self.outgoing.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what is in the buffer.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.outgoing).await?;
        self.outgoing.clear();
        Ok(())
    }

    /// One command, and its reply.
    pub(crate) async fn call(&mut self, words: &[&[u8]]) -> Result<Value> {
        self.feed(words);
        self.flush().await?;
        self.receive().await
    }

    /// The next reply. Giving up waiting for it loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<Value> {
        loop {
            if let Some(value) = self.arrived()? {
                return Ok(value);
            }
            self.incoming.drain(..self.taken);
            self.taken = 0;
            self.incoming.reserve(READ_BUFFER);
            ensure!(self.stream.read_buf(&mut self.incoming).await? > 0, "the server closed the connection");
        }
    }

    /// The next reply, if all of it has been read.
    pub(crate) fn arrived(&mut self) -> Result<Option<Value>> {
        let Some((value, length)) = parse(&self.incoming[self.taken..])? else { return Ok(None) };
        self.taken += length;
        Ok(Some(value))
    }
}

// === impl Value ===

impl Value {
    /// The values of a list.
    pub(crate) fn list(self) -> Result<Vec<Self>> {
        match self {
            Self::List(values) => Ok(values),
            other => bail!("not a list: {other:?}"),
        }
    }

    /// The bytes of a string.
    pub(crate) fn text(self) -> Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text),
            other => bail!("not a string: {other:?}"),
        }
    }
}

/// The first value in these bytes, and how long it is; none if it is not all there.
fn parse(bytes: &[u8]) -> Result<Option<(Value, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let (kind, line) = bytes[..end].split_first().context("an empty line")?;
    let line = str::from_utf8(line)?;
    let mut length = end + 2;
    let value = match kind {
        b'+' => Value::Text(line.into()),
        b':' => Value::Number(line.parse()?),
        b'-' => bail!("refused: {line}"),
        b'$' | b'*' if line == "-1" => Value::Nil,
        b'$' => {
            let text = length..length + line.parse::<usize>()?;
            let Some(found) = bytes.get(text.clone()) else { return Ok(None) };
            length = text.end + 2;
            if bytes.len() < length {
                return Ok(None);
            }
            Value::Text(found.into())
        }
        b'*' => {
            let mut values = Vec::new();
            for _ in 0..line.parse::<usize>()? {
                let Some((value, more)) = parse(&bytes[length..])? else { return Ok(None) };
                values.push(value);
                length += more;
            }
            Value::List(values)
        }
        other => bail!("a reply of unknown kind {:?}", char::from(*other)),
    };
    Ok(Some((value, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_once_all_of_it_is_there() {
        let reply = b"*2\r\n$3\r\n1-0\r\n*3\r\n+OK\r\n:-7\r\n*-1\r\n";
        for end in 0..reply.len() {
            assert_eq!(parse(&reply[..end]).unwrap(), None, "{end}");
        }
        let inner = vec![Value::Text(b"OK".into()), Value::Number(-7), Value::Nil];
        let whole = Value::List(vec![Value::Text(b"1-0".into()), Value::List(inner)]);
        assert_eq!(parse(reply).unwrap(), Some((whole, reply.len())));
    }

    #[test]
    fn an_error_is_told() {
        let told = parse(b"-ERR unknown command\r\n").unwrap_err().to_string();
        assert_eq!(told, "refused: ERR unknown command");
    }
}
