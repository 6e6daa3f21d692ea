//! A database of one test's own.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls, Row};

use crate::Cluster;
use crate::wire::Wire;

/// An empty database. It goes away with its cluster.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    /// Makes one in the shared cluster.
    pub async fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let cluster = tokio::task::spawn_blocking(Cluster::shared).await.expect("the cluster starts");
        let name = format!("story_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = connect(&cluster.url("postgres")).await;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database can be made");
        Self { cluster, name }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// A wire to its server, and its URL by way of that wire.
    pub async fn behind_wire(&self) -> (Wire, String) {
        let wire = Wire::to(self.cluster.socket()).await;
        let url = Cluster::url_through(wire.port(), &self.name);
        (wire, url)
    }

    /// Runs statements on a connection beside the test's own.
    pub async fn execute(&self, sql: &str) {
        let client = connect(&self.url()).await;
        client.batch_execute(sql).await.unwrap_or_else(|cause| panic!("{sql}: {cause:?}"));
    }

    /// Asks something on a connection beside the test's own.
    pub async fn query(&self, sql: &str) -> Vec<Row> {
        let client = connect(&self.url()).await;
        client.query(sql, &[]).await.unwrap_or_else(|cause| panic!("{sql}: {cause:?}"))
    }

    /// Ends all other connections to it, as a server that is restarted does.
    pub async fn end_connections(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }
}

async fn connect(url: &str) -> Client {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.unwrap_or_else(|cause| panic!("{url}: {cause:?}"));
    // Ends when the client is dropped.
    tokio::spawn(connection);
    client
}
