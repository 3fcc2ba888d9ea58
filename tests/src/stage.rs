//! A server in memory with one plain client, for stories: something changes, and the client hears of it or not. The
//! clock must be stopped (`#[tokio::test(start_paused = true)]`).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet, NodeIdentity};
use xdslab_server::{Config, Server};
use xdslab_sim::wire::Delta;

use crate::plain::{Client, Heard, quiet};
use crate::wire_node;

/// A server and a client that speaks delta.
#[derive(Debug)]
pub struct Stage {
    server: Server,
    client: Client,
}

impl Stage {
    /// A mesh of these objects (YAML), and a client of it that has all that it asked for.
    ///
    /// # Errors
    /// When an object is bad, or the client is refused.
    pub async fn new(mesh: &str, node: &NodeIdentity) -> Result<Self> {
        let server = Server::start(Config::default()).await?;
        server.apply(changes(mesh, true)?).await;
        server.synced().await;
        let client = Client::start::<Delta>(server.discovery(), wire_node(node));
        let stage = Self { server, client };
        stage.heard().await?;
        Ok(stage)
    }

    /// Applies these objects (YAML); what the client hears, in order.
    ///
    /// # Errors
    /// When an object is bad, or the stream ended.
    pub async fn apply(&self, objects: &str) -> Result<Vec<Heard>> {
        self.server.apply(changes(objects, true)?).await;
        self.heard().await
    }

    /// Deletes these objects; what the client hears, in order.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn delete(&self, objects: &str) -> Result<Vec<Heard>> {
        self.server.apply(changes(objects, false)?).await;
        self.heard().await
    }

    async fn heard(&self) -> Result<Vec<Heard>> {
        quiet(std::slice::from_ref(&self.client)).await;
        self.client.drain().map_err(|error| anyhow!(error))
    }
}

/// The objects of a YAML text, applied or deleted.
///
/// # Errors
/// When the text is no YAML, or an object of it is refused.
pub fn changes(text: &str, is_there: bool) -> Result<ChangeSet> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("YAML")?;
    let change = |value: Value| match read(value) {
        Ok(Reading::Object(object, _)) if is_there => Some(Ok(Change::Apply(object))),
        Ok(Reading::Object(object, _)) => Some(Ok(Change::Delete(object.key()))),
        Ok(Reading::PassedOver(_)) => None,
        other => Some(Err(anyhow!("{other:?}"))),
    };
    documents.into_iter().filter_map(change).collect()
}

/// The files of a folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
