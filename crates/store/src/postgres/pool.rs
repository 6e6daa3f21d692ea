//! Connections to the server: a few, each used by one statement or one transaction at a time.
//!
//! A connection comes back to the pool only when its user hands it back after everything went well. One that is
//! dropped for any other reason (an error, a transaction given up, a caller that stopped waiting) is closed, and the
//! server rolls back what it had begun.
//!
//! Every connection holds an advisory lock for as long as it lives, which says that its store is using the database:
//! shared with those of other stores, unless one of them has the database to itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::failure::{Failure, failed};
use crate::room::Room;
use crate::{Result, StoreError, limits};

/// The oldest server this is tested with: 13.
const OLDEST_SERVER: i32 = 130_000;

/// Names the lock of those who use the database: "guildhal" in ASCII, and one more, for that one is the migrations'.
const IN_USE: i64 = 7_455_276_846_637_441_389;

/// How to use the database beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Together with other stores.
    OneOfMany,
    /// With no other store.
    Alone,
}

/// Makes, keeps and lends connections.
pub(super) struct Pool {
    config: Config,
    /// The connection that keeps others out, if there is to be none.
    alone: Option<Client>,
    idle: Mutex<Vec<Link>>,
    permits: Arc<Semaphore>,
    /// Why the last attempt to connect failed, if it did.
    trouble: Mutex<Option<String>>,
    /// Whether the server found room for the last appends.
    pub(super) room: Room,
}

struct Link {
    client: Client,
    /// Statements prepared on this connection, by their text.
    statements: HashMap<&'static str, Statement>,
}

/// A connection that nobody else uses.
pub(super) struct Lent {
    link: Link,
    _permit: OwnedSemaphorePermit,
}

// === impl Pool ===

impl Pool {
    /// A pool without connections, but for the one that keeps others out.
    pub(super) async fn new(mut config: Config, presence: Presence) -> Result<Self> {
        if config.get_application_name().is_none() {
            config.application_name("guildhall");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(limits::CONNECT_TIMEOUT);
        }
        let permits = Arc::new(Semaphore::new(limits::POSTGRES_CONNECTIONS));
        let alone = match presence {
            Presence::OneOfMany => None,
            Presence::Alone => Some(shut_out(&config).await?),
        };
        Ok(Self {
            config,
            alone,
            idle: Mutex::default(),
            permits,
            trouble: Mutex::default(),
            room: Room::default(),
        })
    }

    /// Lends an idle connection, or makes one.
    pub(super) async fn take(&self) -> Result<Lent> {
        if self.alone.as_ref().is_some_and(Client::is_closed) {
            let why = "the connection that kept other servers out of it was lost; begin again";
            return Err(StoreError::Unsuitable(why.into()));
        }
        let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        while let Some(link) = self.pop() {
            if !link.client.is_closed() {
                return Ok(Lent { link, _permit: permit });
            }
        }
        let made = timeout(limits::CONNECT_TIMEOUT * 2, self.open())
            .await
            .unwrap_or_else(|_| Err(StoreError::Database("the server does not answer".into())));
        *self.trouble.lock().expect("nothing panics while it holds this") =
            made.as_ref().err().map(ToString::to_string);
        Ok(Lent { link: made?, _permit: permit })
    }

    /// Keeps a connection that holds no transaction for the next user.
    pub(super) fn give_back(&self, lent: Lent) {
        self.idle.lock().expect("nothing panics while it holds the pool").push(lent.link);
    }

    /// Runs one statement that does no harm when it is carried out twice: if the connection is lost it is tried
    /// once more, on another.
    pub(super) async fn query(&self, sql: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        match self.query_once(sql, params).await {
            Err(Failure::Lost(_)) => self.query_once(sql, params).await.map_err(Failure::into_error),
            result => result.map_err(Failure::into_error),
        }
    }

    /// Runs one statement.
    pub(super) async fn query_once(
        &self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> std::result::Result<Vec<Row>, Failure> {
        let mut lent = self.take().await.map_err(Failure::Refused)?;
        let rows = lent.query(sql, params).await?;
        self.give_back(lent);
        Ok(rows)
    }

    /// Whether the server could be reached when it was last tried, and had room.
    pub(super) fn health(&self) -> std::result::Result<(), String> {
        let trouble = self.trouble.lock().expect("nothing panics while it holds this");
        trouble.clone().map_or_else(|| self.room.health(), Err)
    }

    fn pop(&self) -> Option<Link> {
        self.idle.lock().expect("nothing panics while it holds the pool").pop()
    }

    async fn open(&self) -> Result<Link> {
        let client = connect(&self.config).await?;
        if self.alone.is_none() {
            let why = "`guildhall store rebuild` has it to itself; try again when that is done";
            hold(&client, "pg_advisory_lock_shared", why).await?;
        }
        check_server(&client).await?;
        Ok(Link { client, statements: HashMap::new() })
    }
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    // Ends when the client is dropped, after the answers to what it asked, or when the server goes away.
    tokio::spawn(async move {
        if let Err(cause) = connection.await {
            tracing::debug!(cause = %failed(cause), "a database connection ended");
        }
    });
    let settings = format!(
        "SET default_transaction_isolation = 'read committed';
         SET lock_timeout = {};
         SET idle_in_transaction_session_timeout = {};
         SET statement_timeout = {}",
        limits::LOCK_TIMEOUT.as_millis(),
        limits::LOCK_IDLE.as_millis(),
        limits::STATEMENT_TIMEOUT.as_millis(),
    );
    client.batch_execute(&settings).await.map_err(failed)?;
    Ok(client)
}

/// A connection that keeps all others out for as long as it lives. A server that has just ended may be connected for a
/// moment longer than it lived, so this waits a little, as for any lock.
async fn shut_out(config: &Config) -> Result<Client> {
    let client = connect(config).await?;
    hold(&client, "pg_advisory_lock", "other servers are using it; end them first").await?;
    Ok(client)
}

/// Takes the lock of those who use the database, as long as the connection lives.
async fn hold(client: &Client, function: &str, why_not: &str) -> Result<()> {
    let held = client.batch_execute(&format!("SELECT {function}({IN_USE})")).await;
    held.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => StoreError::Unsuitable(why_not.into()),
        _ => failed(error),
    })
}

/// Refuses a server on which "committed" would not mean "durable", or which lacks what the statements need.
async fn check_server(client: &Client) -> Result<()> {
    let sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit'),
                   current_setting('server_encoding'), current_setting('server_version_num')::int,
                   current_setting('transaction_read_only')";
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    let setting = |column| row.try_get::<_, &str>(column).map_err(failed);
    let refuse = |why: String| Err(StoreError::Unsuitable(why));
    if setting(0)? == "off" {
        return refuse("PostgreSQL runs with fsync = off, so a crash may lose or corrupt everything".into());
    }
    if setting(1)? == "off" {
        return refuse("synchronous_commit is off, so a crash may lose what was acknowledged".into());
    }
    if setting(2)? != "UTF8" {
        return refuse(format!("its encoding is {}, and UTF8 is needed", setting(2)?));
    }
    if row.try_get::<_, i32>(3).map_err(failed)? < OLDEST_SERVER {
        return refuse(format!("the server is older than PostgreSQL {}", OLDEST_SERVER / 10_000));
    }
    if setting(4)? == "on" {
        return refuse("it is read-only; is this a standby?".into());
    }
    Ok(())
}

// === impl Lent ===

impl Lent {
    /// Runs one statement.
    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> std::result::Result<Vec<Row>, Failure> {
        answered(async {
            if !self.link.statements.contains_key(sql) {
                let statement = self.link.client.prepare(sql).await?;
                self.link.statements.insert(sql, statement);
            }
            self.link.client.query(&self.link.statements[sql], params).await
        })
        .await
    }

    /// Runs statements without parameters or results, all or nothing unless they say otherwise.
    pub(super) async fn execute(&mut self, sql: &str) -> std::result::Result<(), Failure> {
        answered(self.link.client.batch_execute(sql)).await
    }
}

/// The server ends a statement that takes too long; one that is not heard of even then is lost.
async fn answered<T>(
    statement: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
) -> std::result::Result<T, Failure> {
    match timeout(limits::STATEMENT_TIMEOUT + limits::LOCK_TIMEOUT, statement).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::Lost(StoreError::Database("the server does not answer".into()))),
    }
}
