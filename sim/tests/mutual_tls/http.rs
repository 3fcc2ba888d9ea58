//! The app, and those who ask it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::LIMIT;

/// An answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// An app that answers every request with what it was told of the caller.
pub async fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Some(head) = head(&mut stream).await else { return };
                let name = "x-forwarded-client-cert:";
                let told = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
                let told = told.map_or("", |line| line[name.len()..].trim());
                let length = told.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{told}");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

/// The head of a request, once it is whole.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(length) if length > 0 => read.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
    }
    String::from_utf8(read).ok()
}

/// One request on a connection of its own.
pub async fn get(address: SocketAddr, target: &str, host: &str) -> Result<Answer, String> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.map_err(|e| format!("no connection: {e}"))?;
        stream.write_all(request.as_bytes()).await.map_err(|e| format!("not sent: {e}"))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(|e| format!("cut off: {e}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {answer:?}"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Answer { status: status.ok_or_else(|| head.to_owned())?, body: body.to_owned() })
    };
    timeout(LIMIT, exchange).await.map_err(|_| "no answer in time".to_owned())?
}
