//! Everybody asks at once for what waits: 20 instances, 1,000 messages for each; once with nothing else in the log, and
//! once behind many messages that they have had already.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::client::{AGAIN, Connection, Door, linker};
use crate::ground::Ground;
use crate::report::{Gate, Goal, Row, spread};
use crate::rounds::{Figure, Rounds, Side};
use crate::subject::Running;
use crate::works::{INSTANCES, Scale, grouped};

/// Messages that wait for each instance.
const WAITING: usize = 1_000;
/// Messages sent before the sender looks what has become of them: less than what sockets hold.
const AT_ONCE: usize = 100;
/// How long a server is left alone after it was filled: what still follows from the messages is not the fetching's.
const SETTLE: Duration = Duration::from_secs(1);
/// An instance that is told nothing for so long has been told everything.
const QUIET: Duration = Duration::from_millis(500);
/// All fetches together may take so long, in s.
const GOAL: f64 = 0.4;
/// And so much longer if there is more in the log.
const FLAT: f64 = 1.5;

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let rounds = Rounds::take(scale.rounds, async |side| match side {
        Side::Guildhall => fetch(ground, scale.fetched).await,
        Side::Bare => fetch(ground, 0).await,
    })
    .await?;
    let seconds = |took: &Duration| took.as_secs_f64();
    let (long, short, ratio) = (rounds.of_guildhall(seconds), rounds.of_bare(seconds), rounds.ratio(seconds));
    let waiting = INSTANCES * WAITING;
    let cell = |took: Figure| format!("{:.3} s in all{}", took.median, spread(took));
    let row = |stored: usize, took: Figure| Row {
        name: "fetch",
        work: format!(
            "{INSTANCES} instances fetch {} waiting messages each, at once; {} stored",
            grouped(WAITING as u64),
            grouped(stored as u64)
        ),
        guildhall: cell(took),
        bare: "–".into(),
        ratio: None,
        gate: None,
        goal: Some(Goal { text: format!("≤ {GOAL} s"), reached: took.median <= GOAL }),
        before: "–",
        durability: "reads only",
    };
    Ok(vec![
        Row { before: "44 s", ..row(waiting, short) },
        Row {
            bare: format!("the same with {} stored: {}", grouped(waiting as u64), cell(short)),
            ratio: Some(ratio),
            gate: Some(Gate::at_most("× the time with few", ratio.median, FLAT)),
            ..row(waiting + INSTANCES * scale.fetched, long)
        },
    ])
}

/// Fills a new server; how long the fetching takes. `fetched` messages of each instance were fetched before.
async fn fetch(ground: &mut Ground, fetched: usize) -> Result<Duration> {
    let home = ground.fresh("fetch")?;
    let server = Running::guildhall_with_linker(&home)?;
    let mut instances = enter(&server.linker_door()).await?;
    instances = together(instances, move |me, connection| send(me, connection, fetched)).await?;
    instances = together(instances, move |_, connection| take(connection, fetched)).await?;
    instances = together(instances, move |me, connection| send(me, connection, WAITING)).await?;
    instances = together(instances, |_, connection| hear_out(connection)).await?;
    tokio::time::sleep(SETTLE).await;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in instances {
        tasks.spawn(async move {
            connection.feed(linker::GET_MESSAGES.to_owned()).await?;
            connection.flush().await?;
            connection.next_of("messages").await
        });
    }
    let mut replies = Vec::new();
    while let Some(reply) = tasks.join_next().await {
        replies.push(reply.context("an instance's task failed")??);
    }
    let took = begun.elapsed();
    for reply in &replies {
        let fetched = linker::fetched(reply)?;
        ensure!(fetched == WAITING, "{fetched} of {WAITING} messages were fetched");
    }
    server.stop().await?;
    std::fs::remove_dir_all(&home)?;
    Ok(took)
}

/// Everybody registers.
async fn enter(door: &Door) -> Result<Vec<Connection>> {
    let mut instances = Vec::new();
    for number in 0..INSTANCES {
        let mut connection = Connection::open(door).await?;
        connection.register(&linker::instance(number)).await?;
        instances.push(connection);
    }
    Ok(instances)
}

/// Lets all instances do the same at the same time.
async fn together<F>(
    instances: Vec<Connection>,
    each: impl Fn(usize, Connection) -> F,
) -> Result<Vec<Connection>>
where
    F: Future<Output = Result<Connection>> + Send + 'static,
{
    let tasks: Vec<_> = instances
        .into_iter()
        .enumerate()
        .map(|(me, connection)| tokio::spawn(each(me, connection)))
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.context("an instance's task failed")??);
    }
    Ok(done)
}

/// Sends so many messages to the others, who all get as many when everybody does so. What is pushed meanwhile is passed
/// over: a push is no receipt.
async fn send(me: usize, mut connection: Connection, messages: usize) -> Result<Connection> {
    let others = INSTANCES - 1;
    for other in 0..others {
        let to = (me + 1 + other) % INSTANCES;
        let mut left = messages / others + usize::from(other < messages % others);
        while left > 0 {
            let now = left.min(AT_ONCE);
            for number in 0..now {
                connection.feed(linker::send(to, number)).await?;
            }
            connection.feed(linker::HEARTBEAT.to_owned()).await?;
            connection.flush().await?;
            let refused = refused(&mut connection).await?;
            left -= now - refused;
            if refused > 0 {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    Ok(connection)
}

/// How many messages were refused until a heartbeat is answered: that is behind them, when all else is durable.
async fn refused(connection: &mut Connection) -> Result<usize> {
    let mut refused = 0;
    loop {
        let frame = connection.receive().await?;
        match linker::kind(&frame) {
            Some("error") => refused += 1,
            Some("heartbeat_ack") => return Ok(refused),
            _ => {}
        }
    }
}

/// Reads what is pushed until nothing more comes: to carry that is not the fetching's.
async fn hear_out(mut connection: Connection) -> Result<Connection> {
    while let Ok(frame) = tokio::time::timeout(QUIET, connection.receive()).await {
        frame?;
    }
    Ok(connection)
}

/// Fetches so many messages; asking once more than needed shows that the last have arrived.
async fn take(mut connection: Connection, messages: usize) -> Result<Connection> {
    let mut taken = 0;
    loop {
        connection.feed(linker::GET_MESSAGES.to_owned()).await?;
        connection.flush().await?;
        match linker::fetched(&connection.next_of("messages").await?)? {
            0 => break,
            more => taken += more,
        }
    }
    ensure!(taken == messages, "{taken} of {messages} messages were fetched");
    Ok(connection)
}
