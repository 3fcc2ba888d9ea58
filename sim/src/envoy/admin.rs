//! Reads the admin page of one Envoy.
//!
//! Memory and filtered gauges are cheap and can be polled. A configuration dump is not: it blocks Envoy's main thread
//! (1.4 s at 10,000 clusters) and leaves its memory larger, so it is only read on request and after measuring.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::memory::Heap;
use super::stats::{Stats, XDS_FILTER, XdsStats};

/// A client of one admin page. Each question is a connection of its own, for a page is asked rarely and its Envoy may
/// be restarted.
#[derive(Clone, Debug)]
pub struct Admin {
    address: SocketAddr,
}

/// Why an admin page did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody listens there.
    #[error("cannot connect to the admin page at {address}")]
    Connect {
        /// The page's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("admin page {path} broke off")]
    Http {
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: hyper::Error,
    },
    /// No answer in time.
    #[error("admin page {path} did not answer within {}s", limit.as_secs())]
    Late {
        /// What was asked for.
        path: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// Another status than 200.
    #[error("admin page {path} answered {status}: {body}")]
    Status {
        /// What was asked for.
        path: String,
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
    /// The body is not what the page is known to hold. Envoy answers 200 with plain text to `/config_dump` while it
    /// holds a refused resource of a type that it does not know.
    #[error("admin page {path} did not answer with what belongs there ({reason}): {body}")]
    Body {
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        reason: String,
        /// The beginning of the body.
        body: String,
    },
}

/// A cluster as the load balancer has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterStatus {
    /// Its name.
    pub name: String,
    /// Number of its endpoints, healthy or not.
    pub endpoints: usize,
}

/// A part of the configuration dump (Envoy: `admin/v3/config_dump.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpSection {
    /// `ClustersConfigDump.dynamic_active_clusters`.
    Clusters,
    /// `ClustersConfigDump.dynamic_warming_clusters`.
    WarmingClusters,
    /// `EndpointsConfigDump.dynamic_endpoint_configs`.
    Endpoints,
    /// `ListenersConfigDump.dynamic_listeners`.
    Listeners,
    /// `RoutesConfigDump.dynamic_route_configs`.
    Routes,
}

/// For pages that Envoy answers at once, though it may be busy with a large update for some seconds.
const SMALL: Duration = Duration::from_secs(10);
/// For pages that grow with the configuration.
const LARGE: Duration = Duration::from_secs(60);

impl Admin {
    /// The page at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether Envoy has its first configuration and could serve: `/ready`.
    pub async fn is_ready(&self) -> Result<bool, AdminError> {
        let (status, _) = self.exchange("/ready", SMALL).await?;
        Ok(status == StatusCode::OK)
    }

    /// The statistics whose names match an RE2 expression somewhere.
    pub async fn stats(&self, filter: &str) -> Result<Stats, AdminError> {
        let body = self.get(&format!("/stats?filter={}", percent_encoded(filter)), SMALL).await?;
        Ok(Stats::parse(&String::from_utf8_lossy(&body)))
    }

    /// Where Envoy is with its configuration.
    pub async fn xds(&self) -> Result<XdsStats, AdminError> {
        Ok(self.stats(XDS_FILTER).await?.xds())
    }

    /// What its allocator says.
    pub async fn heap(&self) -> Result<Heap, AdminError> {
        self.get_json("/memory", SMALL).await
    }

    /// The clusters in use, static ones included, by name.
    pub async fn clusters(&self) -> Result<Vec<ClusterStatus>, AdminError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            cluster_statuses: Vec<Cluster>,
        }
        #[derive(Deserialize)]
        struct Cluster {
            name: String,
            #[serde(default)]
            host_statuses: Vec<serde::de::IgnoredAny>,
        }
        let page: Page = self.get_json("/clusters?format=json", LARGE).await?;
        let status =
            |cluster: Cluster| ClusterStatus { name: cluster.name, endpoints: cluster.host_statuses.len() };
        let mut clusters: Vec<_> = page.cluster_statuses.into_iter().map(status).collect();
        clusters.sort();
        Ok(clusters)
    }

    /// One part of the configuration dump, element by element. Costly: see the module's note.
    pub async fn config_dump(&self, section: DumpSection) -> Result<Vec<Value>, AdminError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            configs: Vec<Value>,
        }
        let page: Page = self.get_json(&format!("/config_dump?resource={}", section.query()), LARGE).await?;
        Ok(page.configs)
    }

    async fn get_json<T: DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<T, AdminError> {
        let body = self.get(path, limit).await?;
        serde_json::from_slice(&body).map_err(|error| AdminError::Body {
            path: path.to_owned(),
            reason: error.to_string(),
            body: beginning(&body),
        })
    }

    async fn get(&self, path: &str, limit: Duration) -> Result<Bytes, AdminError> {
        match self.exchange(path, limit).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, body) => {
                Err(AdminError::Status { path: path.to_owned(), status, body: beginning(&body) })
            }
        }
    }

    async fn exchange(&self, path: &str, limit: Duration) -> Result<(StatusCode, Bytes), AdminError> {
        let late = |_| AdminError::Late { path: path.to_owned(), limit };
        timeout(limit, self.exchange_unlimited(path)).await.map_err(late)?
    }

    async fn exchange_unlimited(&self, path: &str) -> Result<(StatusCode, Bytes), AdminError> {
        let address = self.address;
        let broken = |source| AdminError::Http { path: path.to_owned(), source };
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|source| AdminError::Connect { address, source })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut request = Request::new(Empty::<Bytes>::new());
        // The paths are this module's own, and percent-encoded where they hold anything else.
        *request.uri_mut() = path.parse().unwrap_or_default();
        if let Ok(host) = address.to_string().parse() {
            request.headers_mut().insert(header::HOST, host);
        }
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        // The connection is driven here, not in a task, so that nothing is left of it at a time-out. Its own end says
        // nothing that the exchange does not say.
        let driver = async {
            let _ = connection.await;
            pending::<Infallible>().await
        };
        tokio::select! {
            result = exchange => result.map_err(broken),
            never = driver => match never {},
        }
    }
}

impl DumpSection {
    fn query(self) -> &'static str {
        match self {
            Self::Clusters => "dynamic_active_clusters",
            Self::WarmingClusters => "dynamic_warming_clusters",
            Self::Endpoints => "dynamic_endpoint_configs&include_eds",
            Self::Listeners => "dynamic_listeners",
            Self::Routes => "dynamic_route_configs",
        }
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A page that gives one answer and tells what it was asked.
    async fn page(answer: &'static str) -> (Admin, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = Admin::new(listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).lines().next().unwrap().to_owned()
        });
        (admin, served)
    }

    #[tokio::test]
    async fn a_filter_is_encoded() {
        let (admin, served) = page("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\na: 1\n").await;
        assert_eq!(admin.stats("^a|b.c$").await.unwrap().number("a"), Some(1));
        assert_eq!(served.await.unwrap(), "GET /stats?filter=%5Ea%7Cb%2Ec%24 HTTP/1.1");
    }

    #[tokio::test]
    async fn plain_text_instead_of_a_dump_is_an_error_although_the_status_is_200() {
        let (admin, _served) = page(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nFailed to convert protobuf message to JSON string",
        )
        .await;
        let error = admin.config_dump(DumpSection::Clusters).await.unwrap_err();
        assert!(
            matches!(&error, AdminError::Body { body, .. } if body.starts_with("Failed to convert")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn another_status_is_an_error_with_the_body() {
        let (admin, _served) = page("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone").await;
        let error = admin.heap().await.unwrap_err().to_string();
        assert_eq!(error, "admin page /memory answered 404 Not Found: none");
    }

    #[tokio::test]
    async fn clusters_come_with_their_number_of_endpoints() {
        let (admin, _served) = page(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
             {\"cluster_statuses\":[{\"name\":\"b\",\"host_statuses\":[{},{}]},{\"name\":\"a\"}]}",
        )
        .await;
        let clusters = admin.clusters().await.unwrap();
        let seen: Vec<_> = clusters.iter().map(|c| (c.name.as_str(), c.endpoints)).collect();
        assert_eq!(seen, [("a", 0), ("b", 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_says_nothing_is_late() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = Admin::new(listener.local_addr().unwrap());
        let error = admin.heap().await.unwrap_err();
        assert!(matches!(error, AdminError::Late { .. }), "{error}");
    }
}
