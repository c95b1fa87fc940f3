//! A fake server behind TLS, whose certificate no system knows, and a fake proxy that leads to it.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The server. It gives one file, without ranges, and closes the connection.
pub(crate) struct Secret {
    pub(crate) address: SocketAddr,
    /// Its certificate, in PEM form.
    pub(crate) certificate: String,
}

impl Secret {
    /// A server of `file` that is called `name`.
    pub(crate) fn start(name: &str, file: &Arc<Vec<u8>>) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate can be made");
        let key = made.signing_key.serialize_der().try_into().expect("it is a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the key is the certificate's");
        let (config, file) = (Arc::new(config), file.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (config, file) = (config.clone(), file.clone());
                thread::spawn(move || {
                    let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
                    serve(StreamOwned::new(session, connection), &file)
                });
            }
        });
        Self { address, certificate: made.cert.pem() }
    }
}

/// An error is a client that does not trust it.
fn serve(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>, file: &[u8]) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    write!(stream, "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", file.len())?;
    stream.write_all(file)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// A proxy for `CONNECT`, whatever name is asked for, to one server.
pub(crate) struct Tunnel {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = heads.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                    client.write_all(b"HTTP/1.1 200 X\r\n\r\n").await?;
                    let mut server = tokio::net::TcpStream::connect(server).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { address, heads }
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
